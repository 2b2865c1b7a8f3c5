"""A Dask cluster that carries tasks: a list of slots that follows it as it grows and shrinks."""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from distributed import Client, Future

from colabctl.engines.contract import CarrierSlot, Load, MakeSlots
from colabctl.engines.dask import host
from colabctl.engines.dask.brief import Brief, Host
from colabctl.engines.dask.connection import Connection, Unreachable
from colabctl.engines.dask.data import unseen
from colabctl.engines.dask.slot import DaskSlot
from colabctl.engines.dask.staging import is_staged, pieces
from colabctl.engines.dask.versions import check_all, fault_of
from colabctl.ledger import most_needed
from colabctl.project.layout import CONFIG
from colabctl.run.messages import Gone, Inbox, Record
from colabctl.run.slots.waiting import Waiting
from colabctl.sizes import format_size
from colabctl.stage.sources import Source

_AT_ONCE = 16  # workers that are prepared at the same time
_LOOK = 0.5  # seconds between looks at which workers there are
_LOOKS_IDLE = 10  # with an idle slot, until no more workers are asked for
_CALLS_A_THREAD = 10  # of nothing, for an adaptive cluster to count a thread; see `_want_more`
_STAY = 15.0  # seconds between signs of life to them
_MISSED = 3  # looks without an answer until the scheduler counts as gone


@dataclass(frozen=True)
class DaskCarrier:
    """Runs the tasks of a worker in a Dask cluster; `connect` returns a client of it."""

    connect: Callable[[], AbstractContextManager[Client]]
    where: str
    most: int | None = None
    stages: ClassVar[bool] = True

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
                client.subscribe_topic(token, cluster.hear)
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
    _new: dict[str, Host | str | None] = field(default_factory=dict)  # see `_greet`
    _met: set[str] = field(default_factory=set)  # addresses that are greeted, used or refused
    _refused: set[str] = field(default_factory=set)
    _turn: threading.Event = field(default_factory=threading.Event)
    _greetings: threading.Semaphore = field(
        default_factory=partial(threading.BoundedSemaphore, _AT_ONCE)
    )
    _machines: dict[str, threading.Lock] = field(default_factory=dict)
    _wants: list[Future[int]] = field(default_factory=list)
    _idle: int = 0  # looks since all slots were busy
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _has_told: bool = False  # that there are no workers
    _told_unseen: bool = False
    _make: Callable[[str, int, Host], DaskSlot] | None = None

    # -- coming and going -----------------------------------------------------------------------

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
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()
        return self.slots

    def leave(self) -> None:
        """End what runs for this sweep in the cluster."""
        self._over.set()
        self._turn.set()
        if self._thread is not None:
            self._thread.join(5.0)
        with suppress(Exception):  # it may be gone
            self.connection.client.cancel(self._wants)
        if self.connection.is_alive():
            with suppress(Exception):  # as above
                self.connection.client.run(
                    host.leave, self.connection.token, workers=list(self._met), on_error="ignore"
                )

    # -- workers --------------------------------------------------------------------------------

    def _addresses(self) -> Mapping[str, int]:
        threads: Mapping[str, int] = self.connection.client.nthreads()
        return threads

    def _meet(self, address: str) -> None:
        """Greet a Dask worker in a thread of its own: it may take long to answer, or never do."""

        def greet() -> None:
            with self._greetings:
                try:
                    answer = self._greet(address)
                except Exception as error:  # noqa: BLE001 - nothing else would say it
                    answer = f"{type(error).__name__}: {error}"
            self._new[address] = answer
            self._turn.set()

        self._met.add(address)
        threading.Thread(target=greet, daemon=True).start()

    def _greet(self, address: str) -> Host | str | None:
        """Prepare a Dask worker; return why it cannot be used, None if it has left."""
        load, connection = self.load, self.connection
        try:
            if fault := fault_of(connection, address):
                return fault
            digest = load.code.digest
            if not connection.ask(address, host.has_code, digest):
                connection.ask(address, host.take_code, dict(load.code.files))
            there: Host = connection.ask(address, host.visit, self._brief(digest))
            if lacking := most_needed(load.plan).lacking(there.has):
                has = there.has.of(lacking)
                return f"tasks need {lacking}, and each of its {there.slots} slots has {has}"
            # Those on one machine share what is staged, so the first one gets it.
            machine = address.rpartition("://")[2].rpartition(":")[0]
            with self._machines.setdefault(machine, threading.Lock()):
                for name, source in load.sources.items():
                    self._stage(address, there, name, source)
            connection.call(address, host.open_slots)
        except Unreachable as error:
            return str(error) if address in self._addresses() else None
        except OSError as error:
            return f"cannot read what the sweep stages: {error}"
        return there

    def _stage(self, address: str, there: Host, name: str, source: Source) -> None:
        """Stage something on the machine of a Dask worker."""
        if self.connection.ask(address, is_staged, source):
            self.connection.call(address, host.stage, name, source, travelled=False)
            return
        self.load.tell(
            f"staging {source.name} on the machine of the Dask worker {address}: "
            f"{format_size(source.size)} "
            f"{'from the project' if there.sees_project else 'that travel from here'}"
        )
        if not there.sees_project:
            for batch in pieces(source):
                self.connection.call(address, host.put_staged, batch)
        self.connection.call(address, host.stage, name, source, travelled=not there.sees_project)

    def _take(self, address: str, answer: Host | str | None) -> None:
        """Use a Dask worker that was greeted, or say why not."""
        if isinstance(answer, str):
            self._refused.add(address)
            self.load.tell(f"note: the Dask worker {address} is not used: {answer}")
        elif answer is None or address not in self._met:
            self._met.discard(address)
        else:
            self._hosts[address] = answer
            if not answer.sees_project and not self._told_unseen:
                self._told_unseen = True
                for text in unseen(self.load, address):
                    self.load.tell(text)
            self._add(address, answer)
            self._wake()

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
        self._met.discard(address)
        lost = [slot for slot in self._mine() if slot.address == address]
        for slot in lost:
            slot.lose(why)
        self.slots[:] = [slot for slot in self._mine() if slot not in lost]
        self._waiting.slots = max(1, len(self.slots))

    def _mine(self) -> list[DaskSlot]:
        return [slot for slot in list(self.slots) if isinstance(slot, DaskSlot)]

    # -- following ------------------------------------------------------------------------------

    def hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        """Pass an event of a Dask worker on to its slot."""
        _, what = event
        for slot in self._mine():
            if slot.host.id == what["host"] and slot.number == what["number"]:
                slot.hear(what)

    def _follow(self) -> None:
        stayed, missed = time.monotonic(), 0
        while not self._over.is_set():
            try:
                addresses = self._addresses()
                missed = 0
            except Exception as error:  # noqa: BLE001 - of whatever kind: it does not answer
                missed += 1
                if not self.connection.is_alive() or missed >= _MISSED:
                    self._end(error)
                    return
            else:
                self._update(addresses)
            if time.monotonic() - stayed > _STAY:
                stayed = time.monotonic()
                for address in self._met:
                    self.connection.cast(address, host.stay)
            self._turn.wait(_LOOK)
            self._turn.clear()

    def _update(self, addresses: Mapping[str, int]) -> None:
        for address in [each for each in self._hosts if each not in addresses]:
            self._lose(address, "it left the cluster")
        for slot in [slot for slot in self._mine() if slot.has_ended]:
            if slot.address in self._hosts:  # another process may have its address by now
                self._lose(slot.address, "it was replaced")
        self._met &= addresses.keys()
        for address in addresses.keys() - self._met:
            self._meet(address)
        for address in list(self._new):
            self._take(address, self._new.pop(address))
        if not self._hosts and not self._met - self._refused:
            self._tell_none()
        elif self._has_told and self._hosts:
            self._has_told = False
            self.load.tell(f"the Dask cluster has workers now; tasks at a time: {len(self.slots)}")
        self._want_more(addresses)

    def _want_more(self, threads: Mapping[str, int]) -> None:
        """While all slots are busy, show Dask that more would be: adaptive clusters grow.

        They count the seconds of what is submitted, 0.5 for a call of unknown length, and want it
        done within 5. So calls of nothing wait here, with a resource that no worker has.
        """
        slots = self._mine()
        if not all(slot.is_busy for slot in slots):
            self._idle += 1
            if self._idle > _LOOKS_IDLE and self._wants:
                self.connection.client.cancel(self._wants)
                self._wants = []
            return
        self._idle = 0
        has = sum(threads.get(address, 0) for address in self._hosts)
        more = max(1, has // 2)
        if self.most is not None:
            more = min(more, (self.most - len(slots)) * max(1, has) // max(1, len(slots)))
        lacks = range(len(self._wants), _CALLS_A_THREAD * (has + more) if more > 0 else 0)
        if lacks:
            names = [f"colabctl-wants-workers-{self.connection.token[-12:]}-{n}" for n in lacks]
            self._wants += self.connection.client.map(
                int, lacks, key=names, pure=False, resources={"colabctl wants workers": 1}
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
