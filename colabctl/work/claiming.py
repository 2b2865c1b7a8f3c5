"""Claims tasks for a worker of any kind, and writes what happens to them to the ledger."""

import random
import sys
import time
from collections.abc import Callable

from colabctl.ledger import Claim, SweepState
from colabctl.run.messages import Done, Failed, Pruned, Report, Suggestion
from colabctl.run.redaction import concealed
from colabctl.sharedfs.faults import describe, fault_of, pause_after
from colabctl.task import Assignment
from colabctl.work.identity import Identity
from colabctl.work.limits import Limits, Tally
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.outbox import Event, Outbox
from colabctl.work.pacing import batch_size, pacing_for
from colabctl.work.pool import LoopPool, SlotPool
from colabctl.work.recovery import save_unsent


class Claiming:
    """One worker's part in the protocol of a sweep.

    It holds the claims and the events that are not written yet. `step` does everything that is
    due, `keep_up` only what a worker must do while it claims nothing, and `leave` ends it. None of
    them raises OSError: after a fault of the folder they do nothing for a while, then try again.

    Attributes:
        tally: What this worker did, and why it ends.
        error: A fault of the folder that does not pass by itself, so that this worker must end.
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
        rng: random.Random | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ledger = sweep.ledger
        self.tuner = sweep.tuner()
        self.outbox = Outbox(pacing_for(sweep.plan.consistency))
        self.tally = Tally()
        self.error: OSError | None = None
        self._sweep = sweep
        self._identity = identity
        self._limits = limits
        self._pool = pool
        self._tell = tell
        self._conceal = conceal
        self._rng = rng or random.Random()  # noqa: S311 - workers must differ, no more
        self._monotonic = monotonic
        self._pacing = pacing_for(sweep.plan.consistency)
        self._left = sys.maxsize if limits.max_tasks is None else limits.max_tasks  # to claim
        self._settling: list[Claim] = []  # claims not to start before `_settled_at`
        self._settled_at = 0.0
        self._claim_at = 0.0  # when to try again after there was nothing to claim
        self._idle_poll = self._pacing.busy_poll
        self._looked_at = float("-inf")
        self._written_at = monotonic()
        self._pause = 0.0  # seconds to leave a folder alone that did not answer
        self._retry_at = 0.0

    @property
    def poll(self) -> float:
        """Seconds until the next `step` is worth it."""
        return self._pacing.flush if self._pool.tasks else self._idle_poll

    # -- turns ----------------------------------------------------------------------------

    def step(self) -> None:
        """Read the news, claim tasks for idle slots, and write what is due."""
        self._attempt(self._step)

    def keep_up(self) -> None:
        """Show life and write what has waited long enough."""
        self._attempt(self._keep_up)

    def _attempt(self, act: Callable[[], None]) -> None:
        if self._monotonic() < self._retry_at:
            return
        try:
            act()
        except OSError as error:
            fault = fault_of(error)
            if fault != "passing":
                self.error, self.tally.reason = error, describe(error)
                self.tally.ending = "full" if fault == "full" else "unwritable"
            elif not self._pause:
                self._tell(f"{describe(error)}; trying again until it answers")
            self._pause = pause_after(self._pause)
            self._retry_at = self._monotonic() + self._pause
        else:
            if self._pause and self.error is None:
                self._tell("the folder answers again")
            self._pause, self.error = 0.0, None

    def _step(self) -> None:
        interval = self._pacing.look if self._pool.tasks else self._idle_poll
        if self._monotonic() - self._looked_at >= interval:
            self._look()
        slots = self._pool.idle_soon(self._ahead)
        if slots and self._may_claim():
            self._claim(slots)
        if self._settling and self._monotonic() >= self._settled_at:
            self._start_settled()
        self._keep_up()

    def _keep_up(self) -> None:
        writer = self.ledger.writer
        if writer is None:
            return
        waited = self._monotonic() - self._written_at
        due = self.outbox and (not self._pool.tasks or waited >= self.outbox.patience())
        if self.ledger.silent_for() >= self._identity.heartbeat:
            self._write(("heartbeat", {}))
        elif due or writer.due:  # the latter since a fault
            self._write()
        self.ledger.sync()

    def _write(self, *more: Event) -> None:
        self.ledger.record([*self.outbox.take(), *more])
        self._written_at = self._monotonic()

    def over(self) -> bool:
        """Whether this worker should end; `tally` then says why."""
        state, tally = self.ledger.state, self.tally
        if self.error is not None:
            return True
        if self.late():
            tally.ending = "max-time"
        elif self._pause:  # the state may be out of date, and results are not written
            return False
        elif state.finished == state.total and not self.outbox:
            tally.ending = "finished"
        elif state.order == "stop":
            tally.ending = "target" if state.reached_target else "stopped"
        elif self._pool.tasks or self.outbox or self._settling:
            return False
        elif self._left <= 0:
            tally.ending = "max-tasks"
        elif self.late(self._pool.pace() or 0.0):
            tally.ending = "max-time"
        elif not self._limits.wait and not (
            state.order == "go" and state.claimable(self.ledger.clock.now())
        ):
            tally.ending = "nothing to do"
        else:
            return False
        return True

    def late(self, seconds: float = 0.0) -> bool:
        """Whether the time limit will have passed in `seconds`."""
        until = self._limits.until
        return until is not None and self._monotonic() + seconds >= until

    # -- claims ---------------------------------------------------------------------------

    @property
    def _ahead(self) -> float:
        """Seconds before a slot is idle to claim more for it."""
        if self.tuner.proposes:  # the next parameters depend on the task that still runs
            return 0.0
        return self._pacing.claim_ahead + self._sweep.plan.settling

    def _may_claim(self) -> bool:
        state = self.ledger.state
        return (
            state.order == "go"
            and not self._settling
            and self._left > 0
            and self._monotonic() >= self._claim_at
            and not self.late(self._pool.pace() or 0.0)
            and state.claimable(self.ledger.clock.now()) > 0
        )

    def _claim(self, slots: int) -> None:
        if not self.ledger.name:
            self.tuner.prepare()
            self.ledger.join(self._identity.name)
            # Not written at once: on a Drive, every write is a file. The claim takes it along.
            self.outbox.add(*self._identity.start())
        if not self._sweep.plan.settling:
            self._pool.start()
        claims = self.ledger.claim(
            lambda state: self._want(state, slots),
            lock=self._sweep.lock(),
            rng=self._rng,
            outcomes=self.outbox.take(),
            propose=self.tuner.propose if self.tuner.proposes else None,
        )
        self._written_at = self._monotonic()
        if not claims:  # others had them, or should have them first: leave them time
            self._claim_at = self._written_at + self._idle_poll
        self._left -= len(claims)
        self._settling, self._settled_at = claims, self._written_at + self._sweep.plan.settling

    def _want(self, state: SweepState, slots: int) -> int:
        """Return how many tasks to claim for `slots` idle slots."""
        if self.tuner.proposes:
            return min(slots, self._left)
        now, me = self.ledger.clock.now(), self._identity
        # One by one until a task is done: a worker on which all tasks fail must not take a batch.
        pace = self._pool.pace() if self.tally.done else None
        # Its own slots count even if the ledger does not see it alive, as after a sleep.
        others = sum(each.jobs for each in state.live_workers(now) if each.name != me.name)
        batch = batch_size(pace, state.claimable(now), others + me.jobs, self._pacing.batch)
        if self._limits.until is not None and pace:
            batch = min(batch, max(1, int((self._limits.until - self._monotonic()) / pace)))
        return min(slots * batch, self._left)

    def _start_settled(self) -> None:
        """Start those of the settling claims that still count."""
        if self._sweep.plan.settling:
            self._look()
        tasks, me = self.ledger.state.tasks, self._identity
        held = [claim for claim in self._settling if tasks[claim[0]].holder == me.name]
        assignments = self._sweep.assign(held, me, self.tuner)
        self._left += len(self._settling) - len(held)  # the others do not run here
        self._settling = []
        self._pool.give(assignments, self._ahead)

    # -- news -----------------------------------------------------------------------------

    def _look(self) -> None:
        """Read the news, drop tasks that others have, give back more than fits a batch."""
        self._looked_at = self._monotonic()
        if self.ledger.refresh() or self._pool.tasks:
            self._idle_poll = self._pacing.busy_poll
        else:
            self._idle_poll = min(2 * self._idle_poll, self._pacing.idle_poll)
        self._drop_lost_claims()
        self.release(self._pool.take_back_surplus(self._pacing.batch))

    def _drop_lost_claims(self) -> None:
        """Drop tasks that are held or finished by others; release what is held but not here.

        Files can arrive late: A and B claim task 7, A first. When B reads A's claim, it drops the
        task. Then it reads that A's lease had lapsed before A's claim: now B's claim counts, but
        B does not have the task any more. Unless B releases it, no one runs it while B lives.
        """
        state, me = self.ledger.state, self._identity.name
        closed = self.outbox.closed()
        for index in list(self._pool.tasks):
            lost = state.tasks[index].holder != me and index not in closed
            if lost and self._pool.drop(index):
                self._left += 1
        settling = {index for index, _ in self._settling}
        missing = state.held.get(me, set()) - self._pool.tasks - settling - closed
        if missing:
            self.outbox.add("released", {"tasks": sorted(missing)})

    # -- what happens to tasks ------------------------------------------------------------

    def report(self, task: Assignment, report: Report | Suggestion) -> None:
        """Take intermediate values of a running task, or a parameter that it asked for."""
        index, attempt = task.index, task.attempt
        if isinstance(report, Suggestion):  # from the sweep's own space, so without secrets
            self.outbox.suggested(index, attempt, report.name, report.value, report.distribution)
            return
        values = concealed(report.values, self._conceal)
        self.outbox.report(index, attempt, report.step, values)
        self.tuner.report(index, report.step, values)

    def ended(self, task: Assignment, end: Done | Pruned | Failed) -> None:
        """Take the end of a task."""
        parts = {name: concealed(part, self._conceal) for name, part in vars(end).items()}
        parts |= {"task": parts.pop("index"), "attempt": task.attempt}
        latest = self.tuner.forget(task.index)
        if isinstance(end, Pruned):
            parts["metrics"] = {**latest, **parts["metrics"]}
        if not end.attributes:
            del parts["attributes"]
        kind = type(end).__name__.lower()
        self.outbox.add(kind, parts)
        self.tally.count(kind)

    def release(self, indices: list[int]) -> None:
        """Give back tasks that will not run here; they do not count against max_tasks."""
        for index in indices:
            self.tuner.forget(index)
        if indices:
            self._left += len(indices)
            self.outbox.add("released", {"tasks": indices})

    def leave(self, reason: str) -> None:
        """Release every claim, write why this worker ends, and close its journal.

        Events that the folder does not take are saved on this machine.
        """
        if not self.ledger.name:
            return
        # The ledger knows best what is held: claims can count again that were dropped here.
        held = self.ledger.state.held.get(self.ledger.name, set()) - self.outbox.closed()
        if held:
            self.outbox.add("released", {"tasks": sorted(held)})
        try:
            self._write(("end", {"reason": reason}))
            self.ledger.close()
        except OSError as error:
            self.tally.unsent = True
            self._tell(f"{describe(error)}; {save_unsent(self._sweep).notice}")
