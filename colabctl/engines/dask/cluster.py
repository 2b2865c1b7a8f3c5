"""A Dask cluster that carries tasks: a list of slots that follows it as it grows and shrinks."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from distributed import Client, Future

from colabctl.engines.contract import CarrierSlot, Load, MakeSlots
from colabctl.engines.dask import host
from colabctl.engines.dask.brief import Brief, Host
from colabctl.engines.dask.connection import Connection, Unreachable
from colabctl.engines.dask.data import unseen
from colabctl.engines.dask.slot import DaskSlot
from colabctl.engines.dask.versions import check_all, fault_of
from colabctl.project.layout import CONFIG
from colabctl.run.messages import Gone, Inbox, Record
from colabctl.run.slots.waiting import Waiting

_LOOK = 0.5  # seconds between looks at which workers there are
_STAY = 15.0  # seconds between signs of life to them
_MISSED = 3  # looks without an answer until the scheduler counts as gone


@dataclass(frozen=True)
class DaskCarrier:
    """Runs the tasks of a worker in a Dask cluster; `connect` returns a client of it."""

    connect: Callable[[], AbstractContextManager[Client]]
    where: str
    most: int | None = None

    @contextmanager
    def carry(self, load: Load) -> Iterator[MakeSlots]:
        """Bring the code to the Dask workers, and return what starts the slots.

        Raises UserError if the scheduler does not answer, or versions differ.
        """
        with self.connect() as client:
            token = f"colabctl-{load.plan.sweep}-{os.urandom(6).hex()}"
            connection = Connection(client, token)
            check_all(connection, self.where)
            cluster = _Cluster(connection, load, self.where, self.most)
            try:
                cluster.arrive()
                yield cluster.make_slots
            finally:
                cluster.leave()


@dataclass
class _Cluster:
    """The slots in a cluster, for one sweep."""

    connection: Connection
    load: Load
    where: str
    most: int | None
    slots: list[CarrierSlot] = field(default_factory=list)
    _hosts: dict[str, Host] = field(default_factory=dict)  # by address
    _refused: set[str] = field(default_factory=set)
    _wants: list[Future[int]] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _has_told: bool = False  # that there are no workers
    _told_unseen: bool = False
    _make: Callable[[str, int, Host], DaskSlot] | None = None

    # -- coming and going -----------------------------------------------------------------------

    def arrive(self) -> None:
        """Prepare the workers that are there; say what they will not see, before anything runs."""
        self.connection.client.subscribe_topic(self.connection.token, self._hear)
        for address in self._addresses():
            self._greet(address)
        if not self._hosts:
            self._tell_none()

    def make_slots(
        self, waiting: Waiting, inbox: Inbox, wake: Callable[[], None], record: Record
    ) -> list[CarrierSlot]:
        """Start a slot for each place in the cluster; see MakeSlots."""

        def make(address: str, number: int, there: Host) -> DaskSlot:
            return DaskSlot(
                self.connection, address, number, there,
                waiting=waiting, inbox=inbox, wake=wake, record=record, root=self.load.root,
            )  # fmt: skip

        self._make, self._waiting, self._inbox, self._wake = make, waiting, inbox, wake
        for address, there in self._hosts.items():
            self._add(address, there)
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self.slots

    def leave(self) -> None:
        """End what runs for this sweep in the cluster."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(5.0)
        with suppress(Exception):  # it may be gone
            self.connection.client.cancel(self._wants)
        if self.connection.is_alive():
            with suppress(Exception):  # as above
                self.connection.client.run(
                    host.leave, self.connection.token, workers=list(self._hosts), on_error="ignore"
                )

    # -- workers --------------------------------------------------------------------------------

    def _addresses(self) -> Mapping[str, int]:
        threads: Mapping[str, int] = self.connection.client.nthreads()
        return threads

    def _greet(self, address: str) -> Host | None:
        """Prepare a Dask worker; tell why if it cannot be used."""
        load, connection = self.load, self.connection
        try:
            if fault := fault_of(connection, address):
                self._refused.add(address)
                load.tell(f"note: the Dask worker {address} is not used: {fault}")
                return None
            digest = load.code.digest
            if not connection.ask(address, host.has_code, digest):
                connection.ask(address, host.take_code, dict(load.code.files))
            there: Host = connection.ask(address, host.visit, self._brief(digest))
        except Unreachable as error:
            if address in self._addresses():
                self._refused.add(address)
                load.tell(f"note: the Dask worker {address} is not used: {error}")
            return None
        self._hosts[address] = there
        if not there.sees_project and not self._told_unseen:
            self._told_unseen = True
            for text in unseen(load, address):
                load.tell(text)
        return there

    def _brief(self, digest: str) -> Brief:
        load = self.load
        root = load.root.absolute()
        names = (CONFIG, f"sweeps/{load.plan.sweep}/plan.json")
        marks: dict[str, str] = {}
        with suppress(OSError):  # then none is said to see it
            marks = host.marks_of(root, names)
        return Brief(
            self.connection.token,
            load.plan,
            digest,
            str(root),
            marks,
            dict(load.environ),
            tuple(load.secrets),
            load.kill_after,
        )

    def _add(self, address: str, there: Host) -> None:
        assert self._make is not None
        left = there.slots if self.most is None else self.most - len(self.slots)
        self.slots += [
            self._make(address, number, there) for number in range(min(there.slots, left))
        ]
        self._waiting.slots = max(1, len(self.slots))

    def _lose(self, address: str, why: str) -> None:
        del self._hosts[address]
        lost = [slot for slot in self._mine() if slot.address == address]
        for slot in lost:
            slot.lose(why)
        self.slots[:] = [slot for slot in self._mine() if slot not in lost]
        self._waiting.slots = max(1, len(self.slots))

    def _mine(self) -> list[DaskSlot]:
        return [slot for slot in list(self.slots) if isinstance(slot, DaskSlot)]

    # -- following ------------------------------------------------------------------------------

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, what = event
        for slot in self._mine():
            if slot.host.id == what["host"] and slot.number == what["number"]:
                slot.hear(what)

    def _follow(self) -> None:
        stayed, missed = time.monotonic(), 0
        while not self._over.wait(_LOOK):
            try:
                addresses = self._addresses()
                missed = 0
            except Exception as error:  # noqa: BLE001 - of whatever kind: it does not answer
                missed += 1
                if not self.connection.is_alive() or missed >= _MISSED:
                    self._end(error)
                    return
                continue
            with suppress(Unreachable):
                self._update(addresses)
            if time.monotonic() - stayed > _STAY:
                stayed = time.monotonic()
                for address in self._hosts:
                    self.connection.cast(address, host.stay)

    def _update(self, addresses: Mapping[str, int]) -> None:
        for address in [each for each in self._hosts if each not in addresses]:
            self._lose(address, "it left the cluster")
        for slot in [slot for slot in self._mine() if slot.has_ended]:
            if slot.address in self._hosts:  # another process may have its address by now
                self._lose(slot.address, "it was replaced")
        self._refused &= addresses.keys()
        for address in addresses:
            if address not in self._hosts and address not in self._refused:
                there = self._greet(address)
                if there is not None:
                    self._add(address, there)
                    self._wake()
        if not self._hosts:
            self._tell_none()
        elif self._has_told:
            self._has_told = False
            self.load.tell(f"the Dask cluster has {len(self.slots)} slots for tasks now")
        self._want_more()

    def _want_more(self) -> None:
        """While all slots are busy, let as many calls of nothing wait: adaptive clusters grow."""
        slots = self._mine()
        self._wants = [future for future in self._wants if not future.done()]
        if (self.most is not None and len(slots) >= self.most) or self._wants:
            return
        if slots and not all(slot.is_busy for slot in slots):
            return
        gpus = any(there.gpus for there in self._hosts.values())
        sweep, now = self.load.plan.sweep, time.monotonic_ns()
        self._wants = self.connection.client.map(
            host.want,
            range(max(1, len(slots))),
            key=[f"{sweep}-0-{now}-{n}" for n in range(max(1, len(slots)))],
            pure=False,
            resources={"GPU": 1} if gpus else None,
        )

    def _tell_none(self) -> None:
        if not self._has_told:
            self._has_told = True
            self.load.tell(
                f"the Dask scheduler at {self.where} has no workers yet that can be used; waiting "
                "for one (dask worker ADDRESS); Ctrl-C ends this"
            )

    def _end(self, error: Exception) -> None:
        for slot in self._mine():
            slot.lose("")
        self._inbox.append(Gone(
            f"the Dask scheduler at {self.where} does not answer any more "
            f"({type(error).__name__}); what was recorded stays, running tasks are free again; "
            "start the scheduler and its workers, then work again"
        ))  # fmt: skip
        self._wake()
