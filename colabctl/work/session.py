"""Runs `colabctl work`: works on sweeps in turn, with a copy of their frozen code."""

import math
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from colabctl import signals
from colabctl.code import frozen
from colabctl.engines.contract import Carrier, CarrierSlot, MakeSlots
from colabctl.engines.settings import slot_settings
from colabctl.errors import UserError
from colabctl.ledger import Plan, most_needed, program_of
from colabctl.notebook.installed import lacks
from colabctl.project.config import Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.run.messages import Inbox, Record
from colabctl.run.redaction import check_present, concealer
from colabctl.run.settings import Settings
from colabctl.run.slots.environment import slot_environs
from colabctl.run.slots.slot import Slot
from colabctl.run.slots.waiting import Waiting
from colabctl.run.termination import KILL_AFTER
from colabctl.sharedfs.faults import MissingError, describe, fault_of, patiently
from colabctl.stage.copying import StoppedError
from colabctl.sweeps import differing, journal_folders
from colabctl.work.data.staging import SweepData, closing_data, staged_data
from colabctl.work.data.stored import NO_STORE, Stored
from colabctl.work.identity import Identity, new_identity
from colabctl.work.limits import Limits, Tally
from colabctl.work.notices import Notices, Text
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.records.room import RoomWatch
from colabctl.work.records.upload import DRAIN, wait_for_upload
from colabctl.work.slots.load import load_of
from colabctl.work.waiting import Reasons
from colabctl.work.worker import Worker

# Reasons to end that apply to the next sweep as well.
_FINAL = frozenset(
    {"interrupted", "dismissed", "gone", "max-time", "max-tasks", "full", "short", "unwritable",
     "silent"}
)  # fmt: skip
_ARRIVAL = 300.0  # seconds that the files of a new sweep may take to arrive
_POLL = 1.0  # seconds between checks for something that others must do first


@dataclass(frozen=True)
class Worked:
    """What was done for one sweep, and its state after that.

    Attributes:
        failed: How many of its tasks have failed for good, on any machine.
        order: The current order to its workers: go, pause or stop.

    """

    sweep: str
    tally: Tally
    failed: int
    order: str


@dataclass(frozen=True)
class Session:
    """The work of one member on this machine.

    Attributes:
        tell: Takes messages for the user.
        progress: Called after each step, with the sweep and its worker; None without one.
        check: Raises UserError for a plan that the member has neither declared nor approved.
        jobs: How many tasks to run at a time.
        carrier: The engine that runs the tasks elsewhere; None to run them here.
        notice: Returns the text of a message about a sweep; None to send none.
        store: The store of this mirror, if it is one.
        mount_uploads: Whether the folder may be a mount that uploads files some time later.
        interrupted: Set to end at once and release the tasks.
    """

    layout: Layout
    config: Config
    member: str
    limits: Limits
    tell: Callable[[str], None]
    progress: Callable[[OpenSweep, Worker | None], None]
    check: Callable[[Plan], None]
    jobs: int = 1
    carrier: Carrier | None = None
    notice: Text | None = None
    store: Stored = NO_STORE
    mount_uploads: bool = True
    interrupted: signals.Interruption = field(default_factory=signals.Interruption)
    _faults: set[str] = field(default_factory=set, init=False)  # of the addresses for messages
    _reasons: Reasons = field(default_factory=dict)

    def work(self, sweeps: Sequence[SweepLayout], *, open_only: bool = False) -> list[Worked]:
        """Work on sweeps, one after the other, until none of them needs this worker.

        With `open_only`, skip sweeps that are finished, stopped, or have no program. Returns what
        was done for each sweep, the last one last. Raises UserError for a sweep whose code or plan
        cannot be used; among several, such a sweep ends as "missing", and the next one follows.
        """
        check_present(self.config.secrets, os.environ)
        waiting = list(self._open(sweeps, open_only=open_only))
        are_several = len(waiting) > 1
        worked: dict[str, Worked] = {}
        with signals.setting(self.interrupted):
            while waiting:
                alone = len(waiting) == 1
                for sweep in list(waiting):
                    name = sweep.plan.sweep
                    ran = sum(len(each.tally.ends) for each in worked.values())
                    tell = partial(self._tell_of, name) if are_several else self.tell
                    try:
                        tally = self._work_on(sweep, tell, ran=ran, wait=alone and self.limits.wait)
                    except UserError as error:
                        if not are_several:
                            raise
                        tally = Tally(ending="missing", reason=str(error))
                    earlier, state = worked.pop(name, None), sweep.ledger.state
                    worked[name] = Worked(
                        name,
                        earlier.tally.merged(tally) if earlier else tally,
                        state.counts["failed"],
                        state.order,
                    )
                    if tally.ending in _FINAL:
                        return list(worked.values())
                    if tally.ending == "extended":
                        tell(f"sweep {name} was extended; {self._after_extension(sweep)}")
                    elif tally.ending != "nothing to do" or not self.limits.wait:
                        waiting.remove(sweep)
                if len(waiting) > 1:
                    self.interrupted.wait(_POLL)
                waiting = [self._reopen(sweep) for sweep in waiting]
        return list(worked.values())

    def _after_extension(self, sweep: OpenSweep) -> str:
        """Return what a worker does that does not know the latest extension of its sweep."""
        try:
            self.check(self._reopen(sweep).plan)
        except UserError:
            return "this worker ends, as you have not approved the new version of the program"
        return "this worker continues with all its tasks"

    def _reopen(self, sweep: OpenSweep) -> OpenSweep:
        """Open a sweep again, for a new worker; return it unchanged if the folder is away."""
        try:
            return OpenSweep.at(sweep.root, sweep.layout, self.store)
        except OSError as error:
            if fault_of(error) != "passing":
                raise
            return sweep

    def _tell_of(self, sweep: str, text: str) -> None:
        self.tell(f"{sweep}: {text}")

    def _open(self, sweeps: Sequence[SweepLayout], *, open_only: bool) -> Iterator[OpenSweep]:
        for layout in sweeps:
            try:
                at_layout = partial(OpenSweep.at, self.layout.root, layout, self.store)
                sweep = patiently(at_layout, tell=self.tell, wait=self.interrupted.wait)
                if open_only and not _needs_work(sweep):
                    continue
                program_of(sweep.plan)
                self.check(sweep.plan)
                sweep.check_claims()
                if sweep.plan.is_notebook and (lacking := lacks()):
                    raise UserError(f"{sweep.plan.sweep}: {lacking}")
                for sentence in differing(layout, sweep.plan):
                    self.tell(f"note: {sentence}")
            except UserError as error:
                if not open_only:  # the user named it
                    raise
                self.tell(f"note: {error}")
                continue
            except MissingError as error:
                if not open_only:
                    raise
                self.tell(f"note: {describe(error)}")
                continue
            yield sweep

    def _work_on(
        self, sweep: OpenSweep, tell: Callable[[str], None], *, ran: int, wait: bool
    ) -> Tally:
        self.check(sweep.plan)  # it may have been declared again since `_open`
        who = (self.config, self.member, self.jobs)
        identity = new_identity(sweep.plan, *who, elsewhere=self.carrier is not None)
        if sweep.plan.kind != "loop" and not sweep.plan.needs:  # it may fit none
            with suppress(OSError):  # claiming meets the same fault, and reports it
                sweep.ledger.announce(identity.name)
        files = self._fetch(sweep)
        if files is None:
            return Tally(ending="interrupted")
        limits = self._limits(sweep.plan, ran=ran, wait=wait)
        data = None
        if sweep.plan.kind != "loop" and self.carrier is None:  # its notebook stages for itself
            try:
                data = staged_data(
                    sweep.plan, self.layout, tell=tell, wait=self._wait_or_end,
                    patience=limits.patience, bring=self._bring,
                )  # fmt: skip
            except StoppedError:
                return Tally(ending="interrupted" if self.interrupted.is_set() else "max-time")
        with (
            closing_data(data),
            tempfile.TemporaryDirectory(
                prefix="colabctl-work-", ignore_cleanup_errors=True
            ) as scratch,
        ):
            if self.carrier is not None:
                load = load_of(
                    sweep.plan, files, self.config, self.member, Path(scratch), limits.kill_after,
                    tell=tell, wait=self._wait_or_end,
                    stages=getattr(self.carrier, "stages", False), bring=self._bring,
                )  # fmt: skip
                with self.carrier.carry(load) as make:
                    tally = self._run(sweep, identity, limits, make, tell)
                return self._finished(sweep, tally)
            frozen.write(files, Path(scratch, "code"))
            settings = slot_settings(
                sweep.plan,
                self.layout.root,
                Path(scratch).resolve(),
                jobs=self.jobs,
                kill_after=limits.kill_after,
                secrets=self.config.all_secrets,
                tell=self.tell,
                wait=self._wait_or_end,
                staged=data.links if data else {},
            )
            workspaces = [each.code if each.frozen else None for each in settings]
            environs = slot_environs(
                self.layout.root,
                self.member,
                workspaces,
                guarded=self.config.read_only,
                staged=data.variables if data else {},
                gpus_needed=most_needed(sweep.plan).gpu,
            )
            if sweep.plan.kind == "loop":
                return self._loop(sweep, settings[0], environs[0], limits, tell)

            def make_slots(
                waiting: Waiting, inbox: Inbox, wake: Callable[[], None], record: Record
            ) -> list[CarrierSlot]:
                slots = zip(settings, environs, strict=True)
                return [Slot(*slot, inbox, wake, record, waiting=waiting) for slot in slots]

            tally = self._run(sweep, identity, limits, make_slots, tell, data)
        return self._finished(sweep, tally)

    def _run(  # noqa: PLR0917 - what one worker needs
        self,
        sweep: OpenSweep,
        identity: Identity,
        limits: Limits,
        make_slots: MakeSlots,
        tell: Callable[[str], None],
        data: SweepData | None = None,
    ) -> Tally:
        """Run a worker with these slots to its end."""
        worker = Worker(
            sweep,
            identity,
            limits,
            make_slots,
            tell=tell,
            progress=lambda worker: self.progress(sweep, worker),
            interrupted=self.interrupted,
            data=data,
            reasons=self._reasons,
            notices=self._notices(sweep, tell),
            room=self._room(identity.heartbeat, tell),
            conceal=concealer(self.config.all_secrets, os.environ),
        )
        tally = worker.run()
        self.progress(sweep, None)
        return tally

    def _finished(self, sweep: OpenSweep, tally: Tally) -> Tally:
        if sweep.ledger.name and not tally.unsent:
            self._wait_for_upload(sweep, [sweep.ledger.name])
        return tally

    def _wait_for_upload(self, sweep: OpenSweep, workers: Iterable[str]) -> None:
        if self.mount_uploads:
            wait_for_upload(sweep, workers, self.limits.until, self.interrupted, self.tell)

    def _notices(self, sweep: OpenSweep, tell: Callable[[str], None]) -> Notices | None:
        if self.notice is None:
            return None
        notify, faults = self.config.notify, self._faults
        return Notices(sweep, notify, os.environ, self.notice, tell, faults=faults)

    def _room(self, every: float, tell: Callable[[str], None]) -> RoomWatch:
        return RoomWatch(self.layout.root, self.config.min_free, every, tell)

    def _loop(
        self,
        sweep: OpenSweep,
        settings: Settings,
        environ: Mapping[str, str],
        limits: Limits,
        tell: Callable[[str], None],
    ) -> Tally:
        """Run the notebook that loops over the tasks of a sweep."""
        from colabctl.work.loop.notebook import run_notebook  # noqa: PLC0415 - Jupyter

        if self.jobs > 1:
            tell(f"note: {sweep.plan.program} runs one task at a time; -j has no effect")
        room = self._room(0.0, tell)
        room.look()
        if room.is_short:
            return Tally(ending="short", reason=room.reason)
        sweep.ledger.refresh()
        self.progress(sweep, None)
        tally, workers = run_notebook(
            sweep,
            settings,
            environ,
            limits,
            config=self.config,
            member=self.member,
            interrupted=self.interrupted,
            tell=tell,
        )
        room.look()
        if tally.ending == "left" and room.is_short:
            tally.ending, tally.reason = "short", room.reason
        self.progress(sweep, None)
        self._wait_for_upload(sweep, workers)
        return tally

    def _fetch(self, sweep: OpenSweep) -> frozen.Code | None:
        """Return the frozen code; on a Drive, wait until it and the tasks have arrived here.

        Returns None if interrupted.
        """
        patience = _ARRIVAL if sweep.plan.consistency == "eventual" else 0.0
        until = time.monotonic() + patience
        waiting = False
        while True:
            # After that, a file with too few lines is damaged, which only its own tasks notice.
            whole = time.monotonic() < until
            try:
                journals = journal_folders(sweep.layout, sweep.plan)
                if patience and not (
                    any(folder.is_dir() for folder in journals) and sweep.tasks.arrived(whole=whole)
                ):
                    raise UserError(
                        f"some files of {sweep.layout.root} have not arrived yet; try again later"
                    )
                return patiently(sweep.code, tell=self.tell, wait=self._wait_or_end)
            except (UserError, OSError) as error:
                lasting = isinstance(error, OSError) and fault_of(error) != "passing"
                if lasting or time.monotonic() >= until:
                    raise
            if self._wait_or_end(_POLL):
                if self.interrupted.is_set():
                    return None
                raise UserError(f"not all files of {sweep.layout.root} arrived before --max-time")
            if not waiting:
                self.tell(f"waiting for all files of sweep {sweep.plan.sweep} to arrive")
                waiting = True

    def _bring(self, name: str) -> None:
        self.store.bring(name, lambda: self._wait_or_end(0.0))

    def _wait_or_end(self, seconds: float) -> bool:
        """Wait; return whether the worker should end by now."""
        until = self.limits.until
        left = math.inf if until is None else until - time.monotonic()
        return self.interrupted.wait(max(0.0, min(seconds, left))) or left <= seconds

    def _limits(self, plan: Plan, *, ran: int, wait: bool) -> Limits:
        most = None if self.limits.max_tasks is None else self.limits.max_tasks - ran
        until = self.limits.until
        if until is not None and plan.consistency == "eventual":
            left = until - time.monotonic()
            until -= min(DRAIN, left / 10)
        # The option of this worker wins over the sweep's key, and that over the project's.
        timeout = self.limits.task_timeout or plan.task_timeout or self.config.task_timeout
        return replace(
            self.limits,
            max_tasks=most, wait=wait, until=until, task_timeout=timeout,
            kill_after=KILL_AFTER if self.config.kill_after is None else self.config.kill_after,
        )  # fmt: skip


def _needs_work(sweep: OpenSweep) -> bool:
    sweep.ledger.refresh()
    plan, state = sweep.plan, sweep.ledger.state
    return plan.program is not None and state.finished < state.total and state.order != "stop"
