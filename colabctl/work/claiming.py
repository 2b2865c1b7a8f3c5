"""Claims tasks for a worker of any kind, and writes what happens to them to the ledger."""

import random
import sys
import time
from collections.abc import Callable, Iterable

from colabctl.ledger import Claim, Plan, SweepState, task_name, view_of
from colabctl.run.messages import Done, Failed, Pruned, Report, Suggestion
from colabctl.run.redaction import concealed
from colabctl.sharedfs.faults import describe
from colabctl.task import Assignment
from colabctl.work.identity import Identity
from colabctl.work.limits import Limits, Tally, is_current, why_stopped
from colabctl.work.notices import Notices
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.outputs.kept_outputs import KeptOutputs
from colabctl.work.pacing import batch_size, between_reads, pacing_for
from colabctl.work.records.lack import LackNote
from colabctl.work.records.outbox import Event, Outbox, outcome
from colabctl.work.records.recovery import saved
from colabctl.work.records.retries import Retries
from colabctl.work.records.room import RoomWatch
from colabctl.work.slots.pool import LoopPool, SlotPool
from colabctl.work.waiting import Reasons, WaitingNotes

_NEW = 20.0  # seconds after its start in which a worker may not know the others


class Claimer:
    """Claims tasks of a sweep for one worker, and writes the worker's events.

    1. `step` claims tasks for idle slots, with one claim event for all of them.
    2. With careful claims on an eventual folder, the claims first settle: others must see them.
       Then `step` reads the journals again. Claims that lost to an earlier one are dropped.
    3. The pool gets the tasks. `step` reads the journals now and then, and drops tasks that others
       hold or have finished by now: on an eventual folder, their events may arrive late.
    4. `report` and `record_end` queue events. On a coherent folder, call `write` before the next
       task starts: if this worker is killed, only what it was running runs again.
    5. What will not run here is released, at the latest by `leave`.

    `step` does everything that is due. `keep_alive` only writes, and `look` only reads.
    `sync` makes safe what was written, also from another thread. None raises OSError; see Retries.

    Attributes:
        tally: What this worker did, and why it ends.
        retries: What it does while the folder does not answer.
    """

    def __init__(
        self,
        sweep: OpenSweep,
        identity: Identity,
        limits: Limits,
        pool: SlotPool | LoopPool,
        *,
        tell: Callable[[str], None],
        conceal: Callable[[str], str] = str,
        reasons: Reasons | None = None,
        notices: Notices | None = None,
        room: RoomWatch | None = None,
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ledger, self.tuner = sweep.ledger, sweep.tuner()
        self._pacing = pacing_for(sweep.plan.consistency)
        self.outbox, self.tally = Outbox(self._pacing), Tally()
        self.outputs = KeptOutputs(sweep, identity.name, tell=tell, conceal=conceal)
        self.retries = Retries(tell, monotonic, limits.patience, self._pacing.longest_pause)
        self._sweep, self._identity, self._limits, self._pool = sweep, identity, limits, pool
        self._tell, self._conceal = tell, conceal
        self._rng = rng or random.Random()  # noqa: S311 - workers must differ, no more
        self._monotonic, self._notices = monotonic, notices
        self._most = sys.maxsize if limits.max_tasks is None else limits.max_tasks
        self._taken: set[int] = set()  # tasks that count against it
        self._notes = WaitingNotes(sweep, identity, tell, reasons, monotonic)
        self._room, self._lack = room or RoomWatch(), LackNote(sweep.plan, tell)
        self._settling: list[Claim] = []  # their tasks start at `_settled_at`
        self._settled_at = self._claim_again_at = 0.0  # the second, after one that got no task
        self._idle_poll, self._refreshed_at = self._pacing.busy_poll, float("-inf")
        self._between_reads = 0.0  # seconds; with many live workers, journals are read less often
        self._sync_fault: OSError | None = None
        self._extended: Plan | None = None  # the plan with tasks that this worker does not know
        self._began_at = self._written_at = monotonic()

    @property
    def _claims_left(self) -> int:
        """How many more tasks this worker may take; one that it tries again counts once."""
        return 0 if self._room.is_short else self._most - len(self._taken)

    @property
    def poll(self) -> float:
        """Seconds until the next `step` is worthwhile."""
        busy = min(self._pacing.flush or self._pacing.report, self._pacing.refresh)
        return max(busy if self._pool.tasks else self._idle_poll, self._between_reads)

    # -- turns ----------------------------------------------------------------------------

    def step(self) -> None:
        """Read new events, claim tasks for idle slots, and write what is due."""
        self.retries.call(self._step)

    def keep_alive(self, *, join: bool = False) -> None:
        """Write the events that have waited long enough, or a heartbeat if it is due."""
        self.retries.call(lambda: self._keep_alive(join=join))

    def look(self) -> None:
        """Read new events, for a worker that must not claim."""
        self.retries.call(lambda: self._refresh_after(self._refresh_interval()))

    def _step(self) -> None:
        self._refresh_after(self._refresh_interval())
        if (slots := self._pool.idle_soon(self._ahead)) and self._may_claim():
            self._room.look(at_once=True)
            if self._sweep.plan.consistency == "coherent":  # else the claim reads all journals
                self._refresh_after(0.0)
            if self._may_claim():
                self._claim(slots)
        if self._settling and self._monotonic() >= self._settled_at:
            self._start_settled()
        if self._notes.waits and self.ledger.state.finished < self._sweep.plan.total:
            self._join()  # so that others know of it
        self._keep_alive()
        if self._notices is not None and self.ledger.name:
            self._notices.look()
        self._notes.update(has_tasks=bool(self._pool.tasks or self._settling))

    def _refresh_interval(self) -> float:
        """Return the seconds between two reads."""
        seconds = self._pacing.refresh if self._pool.tasks else self._idle_poll
        return min(seconds, self._pacing.first_refresh if self._is_new() else seconds)

    def _is_new(self) -> bool:
        return self._monotonic() < self._began_at + _NEW

    def write(self) -> None:
        """Write all events now; `ledger.add_written` then adds them to the state."""
        self.retries.call(self._write_only)

    def sync(self) -> None:
        """Make what was written survive a power cut."""
        try:
            self.ledger.sync()
        except OSError as error:
            self._sync_fault = error  # for the next turn

    def _keep_alive(self, *, join: bool = False) -> None:
        if join:  # before the first claim
            self._join()
        if not self.ledger.name:
            return
        fault, self._sync_fault = self._sync_fault, None
        if fault is not None:
            raise fault
        is_late = self._monotonic() - self._written_at >= self.outbox.patience()
        due = self.outbox and (not self._pool.tasks or is_late)
        self._room.look()
        if self._room.has_changed or self.ledger.silent_for() >= self._identity.heartbeat:
            self._write(("heartbeat", self._room.part()))  # with the claim
        elif due or self.ledger.has_due:  # lines are due in the writer after a fault
            self._write()

    def _write(self, *more: Event) -> None:
        try:
            self._write_only(*more)
        finally:  # what could not be written is due, and counts
            self.ledger.add_written()

    def _write_only(self, *more: Event) -> None:
        self.outputs.write()  # before the end of a task: its output is there when that is seen
        self.ledger.write([*self.outbox.take(), *self.ledger.news(), *more])
        self._written_at = self._monotonic()

    def should_end(self) -> bool:
        """Whether this worker should end; `tally` then says why."""
        state, tally, own = self.ledger.state, self.tally, self._sweep.plan
        if self.retries.error is not None:
            tally.ending, tally.reason = self.retries.ending, describe(self.retries.error)
            return True
        if self.late():
            tally.ending = "max-time"
        elif self.retries.pausing:  # the state may be out of date, and results may not be written
            return False
        elif state.finished == state.total and not (
            self.outbox or state.columns.any("cancelled", self._pool.tasks) or self._has_more()
        ):
            tally.ending = "finished"
        elif (why := why_stopped(state, self._identity.name, own, self._extended)) is not None:
            tally.ending = why
        elif self._room.is_short:
            tally.ending, tally.reason = "short", self._room.reason
        elif self._pool.tasks or self.outbox or self._settling:
            return False
        elif self._claims_left <= 0:
            tally.ending = "max-tasks"
        elif self.late(self._pool.pace() or 0.0):
            tally.ending = "max-time"
        elif self._has_open():
            return False
        elif self._extended is not None:
            tally.ending = "extended"
        elif unfit := self._notes.fitting.unfit_for_good():
            tally.ending, tally.reason = "unfit", unfit
        elif not self._limits.wait:
            tally.ending = "nothing to do"
            self._notes.tell()
        else:
            return False
        return True

    def _has_open(self) -> bool:
        """Whether there are tasks that this worker may claim, with the program that it has."""
        may_claim = is_current(self._sweep.plan, self._extended) and self.ledger.state.order == "go"
        return may_claim and self._notes.fitting.can_claim()

    def _has_more(self) -> Plan | None:
        self._extended = self._extended or self._sweep.extended()
        return self._extended

    def late(self, seconds: float = 0.0) -> bool:
        """Whether the time limit is at most `seconds` away, or has passed."""
        until = self._limits.until
        return until is not None and self._monotonic() + seconds >= until

    # -- claims ---------------------------------------------------------------------------

    @property
    def _ahead(self) -> float:
        """How many seconds before a slot is idle to claim more for it."""
        if self.tuner.proposes:  # the next parameters depend on the running task's result
            return 0.0
        return self._pacing.claim_ahead + self._sweep.plan.settling

    def _may_claim(self) -> bool:
        may_now = not self._settling and self._monotonic() >= self._claim_again_at
        is_late = self.late(self._pool.pace() or 0.0)
        return may_now and self._claims_left > 0 and not is_late and self._has_open()

    def _join(self) -> None:
        self.tuner.prepare()
        if not self.ledger.name:
            self.ledger.join(self._identity.name)
            self.outbox.add(*self._identity.start(**self._room.part(), **view_of(self._sweep.plan)))

    def _claim(self, slots: int) -> None:
        self._join()
        if not self._sweep.plan.settling:
            self._pool.start()
        claims = self.ledger.claim(
            lambda state: self._want(state, slots),
            lock=self._sweep.lock(),
            rng=self._rng,
            outcomes=self.outbox.take(),
            propose=self.tuner.propose if self.tuner.proposes else None,
            here=self._pool.tasks,
        )
        self._written_at = self._monotonic()
        if not claims:  # others have claimed the tasks, or should be the first to do so
            self._claim_again_at = self._written_at + self._idle_poll
        self._taken.update(index for index, _ in claims)
        self._settling, self._settled_at = claims, self._written_at + self._sweep.plan.settling

    def _want(self, state: SweepState, slots: int) -> int:
        """Return how many tasks to claim for this many idle slots."""
        if self.tuner.proposes:
            return min(slots, self._claims_left)
        now, me = self.ledger.clock.now(), self._identity
        # One by one until a task is done: a worker on which all tasks fail must not claim a batch.
        pace = self._pool.pace() if "done" in self.tally.ends.values() else None
        # Its own slots count even if its lease has lapsed, as after the machine slept.
        others = sum(worker.jobs for worker in state.live_workers(now) if worker.name != me.name)
        live = others + len(self.ledger.newcomers()) + me.jobs
        seconds = self._pacing.first_batch if self._is_new() else self._pacing.batch
        batch = batch_size(pace, state.claimable(now), live, seconds, self._pacing.least_batch)
        batch = min(batch, int((self._sweep.plan.patience or {}).get("trials", batch)))
        if self._limits.until is not None and pace:
            batch = min(batch, max(1, int((self._limits.until - self._monotonic()) / pace)))
        return min(slots * batch, self._claims_left)

    def _start_settled(self) -> None:
        """Give the tasks of the settled claims to the pool, except for claims that lost."""
        if self._sweep.plan.settling:
            self._refresh()
        tasks, me = self.ledger.state.tasks, self._identity
        held = [claim for claim in self._settling if tasks[claim[0]].holder == me.name]
        refused = self._sweep.refused(held, self.tuner)
        sound = [claim for claim in held if claim[0] not in refused]
        self._give_up_claims(index for index, _ in set(self._settling) - set(held))
        self._settling, assignments = [], self._sweep.assignments(sound, me, self.tuner)
        self._pool.assign(assignments)
        for index, attempt in held:
            if index in refused:
                self._refuse(index, attempt, refused[index])
        if refused:
            self._idle_poll = self._pacing.busy_poll  # a slot is still idle

    # -- new events -----------------------------------------------------------------------

    def _refresh_after(self, interval: float) -> None:
        """Refresh if this many seconds have passed since the last time, or more if many live."""
        if self._monotonic() - self._refreshed_at >= max(interval, self._between_reads):
            self._refresh()

    def _refresh(self) -> None:
        """Read new events, drop tasks that others hold, and release more than fits a batch."""
        self._refreshed_at = self._monotonic()
        now = self.ledger.clock.now()
        self._between_reads = between_reads(len(self.ledger.state.live_workers(now)))
        self._has_more()
        if self.ledger.refresh() or self._pool.tasks:
            self._idle_poll = self._pacing.busy_poll
        else:
            self._idle_poll = min(2 * self._idle_poll, self._pacing.idle_poll)
        self._drop_lost_claims()
        if self._sweep.plan.consistency == "eventual":
            self._pool.postpone(self.ledger.contested(self._pool.tasks, shares=self._is_new()))
        self.release(self._pool.take_back_surplus(self._pacing.batch))

    def _give_up_claims(self, indices: Iterable[int]) -> None:
        """Let these tasks not count against max_tasks, unless they have run here before."""
        self._taken.difference_update(set(indices) - self.tally.ends.keys())

    def _drop_lost_claims(self) -> None:
        """Drop tasks that others hold or have finished; release what is held but not here.

        A task that was dropped may be held again, as its holder had released it before.
        """
        state, me = self.ledger.state, self._identity.name
        closed = self.outbox.closed()
        for index in list(self._pool.tasks):
            is_lost = state.tasks[index].holder != me and index not in closed
            if is_lost and self._pool.drop(index):
                self._give_up_claims([index])
        settling = {index for index, _ in self._settling}
        if missing := state.held.get(me, set()) - self._pool.tasks - settling - closed:
            self.outbox.add("released", {"tasks": sorted(missing)})

    # -- what happens to tasks ------------------------------------------------------------

    def report(self, task: Assignment, report: Report | Suggestion) -> None:
        """Record intermediate values of a running task, or a parameter that it asked for."""
        index, attempt = task.index, task.attempt
        if isinstance(report, Suggestion):  # the objective's own choices hold no secrets
            self.outbox.suggested(index, attempt, report.name, report.value, report.distribution)
            return
        values = concealed(report.values, self._conceal)
        self.outbox.report(index, attempt, report.step, values)
        self.tuner.report(index, report.step, values)

    def record_end(
        self, task: Assignment, end: Done | Pruned | Failed, *, final: bool = False
    ) -> None:
        """Record the end of a task; it does not run again after a `final` failure."""
        latest = self.tuner.forget(task.index)
        kind, parts = outcome(end, task.attempt, self._conceal, latest, final=final)
        if isinstance(end, Done):
            self._lack.see(task, end, self._conceal)
        self.outbox.add(kind, parts)
        if end.output:
            self.outputs.add(task, end.output)
        self.tally.count(task.index, kind)

    def _refuse(self, index: int, attempt: int, error: str) -> None:
        """Record the failure of a task that must not run, because its parameters are damaged."""
        task = Assignment(self._sweep.plan.sweep, task_name(index), index, attempt, {}, folder="")
        self.record_end(task, Failed(index, 0.0, error=error, output=""), final=True)
        self.tally.refused += 1
        self._tell(f"{task.task} failed: {error}")

    def release(self, indices: list[int], *, lost: bool = False) -> None:
        """Release tasks that will not run here; they do not count against max_tasks.

        Those that were `lost` ran on a machine that is gone, which counts against them.
        """
        for index in indices:
            self.tuner.forget(index)
        if indices:
            self._give_up_claims(indices)
            self.outbox.add("released", {"tasks": indices, **({"lost": True} if lost else {})})

    def leave(self, reason: str) -> None:
        """Release every claim, write why this worker ends or save it, close the journal."""
        if not self.ledger.name:
            return
        # As the ledger has it: a claim that was dropped here may count again.
        if held := self.ledger.state.held.get(self.ledger.name, set()) - self.outbox.closed():
            self.outbox.add("released", {"tasks": sorted(held)})
        self.outputs.write(force=True)
        try:
            self.ledger.leave([*self.outbox.take(), *self.ledger.news()])
            if self._notices is not None:
                self._notices.leave(gave_up=self.tally.ending == "failing")
            self._write(("end", {"reason": reason, **self._room.part()}))
            self.ledger.close()
        except OSError as error:
            self.tally.unsent = True
            self._tell(f"{describe(error)}; {saved(self._sweep)}")
        having, ran = self.ledger.state.columns.having, self.tally.ends.keys()
        self.tally.for_good = frozenset(having("failed")) & ran
        self.tally.cancelled = frozenset(having("cancelled")) & ran
