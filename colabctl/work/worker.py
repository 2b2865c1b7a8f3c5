"""The worker: claims tasks, hands them to its slots, records what became of them, shows life."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from colabctl.ledger import Claim, SweepState
from colabctl.run.redaction import concealed
from colabctl.run.slot import Outcome, Stop
from colabctl.sharedfs.faults import describe, fault_of, pause_after
from colabctl.task import Assignment
from colabctl.work.batch import batch_size
from colabctl.work.identity import Identity
from colabctl.work.limits import Limits, Tally
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.outbox import Outbox
from colabctl.work.pacing import pacing_for
from colabctl.work.pool import MakeSlots, SlotPool

# A worker whose first tasks all fail has something wrong with itself, or the sweep has: going on
# would burn the retries of every task.
_HOPELESS = 5
_NOTICE = 0.5  # seconds until a signal, a time limit or a task's timeout is noticed


@dataclass
class Worker:
    """A worker of one sweep.

    make_slots  starts the slots once there is something to run
    tell        takes sentences for the person who watches; progress is called now and then
    interrupted is set from outside to end at once, releasing what is held
    monotonic   a clock in seconds that is never set
    conceal     replaces what must not be shown in a text

    `run` does all of it. `step`, `over` and `part` are its pieces, for a caller with a time of its
    own, such as a simulation.
    """

    sweep: OpenSweep
    identity: Identity
    limits: Limits
    make_slots: MakeSlots
    tell: Callable[[str], None]
    progress: Callable[[SweepState], None]
    interrupted: threading.Event
    rng: random.Random = field(default_factory=random.Random)
    monotonic: Callable[[], float] = time.monotonic
    conceal: Callable[[str], str] = str
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.ledger = self.sweep.ledger
        self._pacing = pacing_for(self.sweep.plan.consistency)
        self._tuner = self.sweep.tuner()
        self._pool = SlotPool(self.make_slots, self.identity.jobs)
        self._box = Outbox(self._pacing)
        self._stopping: dict[int, float] = {}  # tasks told to stop early, and when
        self._settling: list[Claim] = []  # claimed, but not to be begun before `_settled_at`
        self._settled_at = 0.0
        self._taken = 0
        self._flushed = self._looked = self.monotonic()
        self._joined = False
        self._pause = 0.0  # seconds to leave a folder alone that did not answer
        self._again_at = 0.0
        self._idle = self._pacing.busy_poll  # seconds between looks while there is nothing to do
        self._claim_at = 0.0  # when to try again after there was nothing to claim

    def run(self) -> Tally:
        """Work until there is nothing left to do here; return what was done."""
        try:
            self.step()
            while not self.over():
                self._wait(self._pacing.flush if self._pool.tasks else self._idle)
                self.step()
            if self.tally.ending in ("target", "stopped", "max-tasks", "nothing to do"):
                self._finish_running()
            else:  # there is no time left, or what still runs is of no use to anybody
                self._release_all()
        finally:
            self.part()
        return self.tally

    def _wait(self, seconds: float) -> None:
        self._pool.wake.wait(min(seconds, _NOTICE))
        self._pool.wake.clear()

    # -- one turn -------------------------------------------------------------------------

    def step(self) -> None:
        """Take in what happened, and do what is due; a fault of the folder is kept for later."""
        self._collect()
        if self.monotonic() < self._again_at:
            return
        try:
            self._exchange()
        except OSError as error:
            self._trouble(error)
            return
        if self._pause:
            self._pause = 0.0
            self.tell("the folder answers again")

    def _exchange(self) -> None:
        """Write to the ledger and read from it, as far as it is time to."""
        now = self.monotonic()
        since_look = now - self._looked
        if since_look >= (self._pacing.look if self._pool.tasks else self._idle) or not (
            self._joined or self._taken
        ):
            self._look_around()
        if self._settling and now >= self._settled_at:
            self._begin_settled()
        idle_soon = self._pool.idle_soon(self._ahead)
        if idle_soon and self._may_claim():
            self._claim(idle_soon)
        elif self._box and (not self._pool.tasks or now - self._flushed >= self._box.patience()):
            self._record()
        if self._joined:
            if self.ledger.silent_for() >= self.identity.heartbeat:
                self._record(("heartbeat", {}))
            elif self._pause:
                self._record()
            self.ledger.sync()

    @property
    def _ahead(self) -> float:
        """Seconds before a slot has nothing left to do, to claim more for it."""
        if self._tuner.proposes:  # what to try next depends on the task that still runs
            return 0.0
        return self._pacing.claim_ahead + self.sweep.plan.settling

    def _trouble(self, error: OSError) -> None:
        """Decide what a fault of the folder means: wait for it to pass, or end."""
        fault = fault_of(error)
        if fault == "passing":
            if not self._pause:
                self.tell(f"{describe(error)}; running tasks go on, trying again until it answers")
            self._pause = pause_after(self._pause)
            self._again_at = self.monotonic() + self._pause
        else:
            self.tally.ending = "full" if fault == "full" else "unwritable"
            self.tally.reason = describe(error)

    def over(self) -> bool:
        """Whether to go on no more; if so, `tally` says why."""
        state, tally = self.ledger.state, self.tally
        if tally.ending in ("failing", "full", "unwritable"):
            return True
        if self.interrupted.is_set():
            tally.ending = "interrupted"
        elif self._late(0.0):
            tally.ending = "max-time"
        elif self._pause:  # what is known may be out of date, or not written yet
            return False
        elif state.finished == state.total and not self._box:
            tally.ending = "finished"
        elif state.order == "stop":
            tally.ending = "target" if state.reached_target else "stopped"
        elif self._pool.tasks or self._box or self._pool.outcomes or self._settling:
            return False
        elif self.limits.max_tasks is not None and self._taken >= self.limits.max_tasks:
            tally.ending = "max-tasks"
        elif self._late(self._pool.pace() or 0.0):
            tally.ending = "max-time"
        elif not self.limits.wait and not (
            state.order == "go" and state.claimable(self.ledger.clock.now())
        ):
            tally.ending = "nothing to do"
        else:
            return False
        return True

    def _late(self, seconds: float) -> bool:
        until = self.limits.until
        return until is not None and self.monotonic() + seconds >= until

    # -- claiming -------------------------------------------------------------------------

    def _may_claim(self) -> bool:
        state = self.ledger.state
        return (
            state.order == "go"
            and not self._settling
            and self.monotonic() >= self._claim_at
            and not self._late(self._pool.pace() or 0.0)
            and (self.limits.max_tasks is None or self._taken < self.limits.max_tasks)
            and state.claimable(self.ledger.clock.now()) > 0
        )

    def _claim(self, idle_soon: int) -> None:
        if not self._joined:
            self._tuner.prepare()
            self._join()
        if not self.sweep.plan.settling:  # the slots load the code while the claim is made
            self._pool.start()
        claims = self.ledger.claim(
            lambda state: self._want(state, idle_soon),
            lock=self.sweep.lock(),
            rng=self.rng,
            outcomes=self._box.take(),
            propose=self._tuner.propose if self._tuner.proposes else None,
        )
        self._flushed = self.monotonic()
        if not claims:
            self._claim_at = self._flushed + self._idle
        self._taken += len(claims)
        if self.sweep.plan.settling:
            self._settling, self._settled_at = claims, self._flushed + self.sweep.plan.settling
        else:
            self._begin(claims)

    def _begin_settled(self) -> None:
        """Begin those of the settling claims that still count."""
        self._look_around()
        claims, self._settling = self._settling, []
        tasks, me = self.ledger.state.tasks, self.identity.name
        kept = [claim for claim in claims if tasks[claim[0]].holder == me]
        self._taken -= len(claims) - len(kept)
        self._begin(kept)

    def _begin(self, claims: list[Claim]) -> None:
        if claims:
            assignments = self.sweep.assign(claims, self.identity, self._tuner)
            self._pool.give(assignments, self._ahead)

    def _want(self, state: SweepState, idle_soon: int) -> int:
        if self._tuner.proposes:
            most = self.limits.max_tasks
            return idle_soon if most is None else min(idle_soon, most - self._taken)
        now = self.ledger.clock.now()
        me = self.identity.name
        others = sum(writer.jobs for writer in state.live_workers(now) if writer.name != me)
        pace = (
            self._pool.pace() if self.tally.done else None
        )  # failures come one by one, see _HOPELESS
        slots = others + self.identity.jobs
        want = idle_soon * batch_size(pace, state.claimable(now), slots, self._pacing.batch)
        if self.limits.until is not None and pace:
            fits = int((self.limits.until - self.monotonic()) / pace)
            want = min(want, max(fits, 1) * idle_soon)
        if self.limits.max_tasks is not None:
            want = min(want, self.limits.max_tasks - self._taken)
        return want

    def _join(self) -> None:
        self.ledger.join(self.identity.name)
        self._joined = True
        self._box.add(*self.identity.start())

    # -- outcomes -------------------------------------------------------------------------

    def _collect(self) -> None:
        """Turn what the slots tell into events to record, and end what has run for too long."""
        outcomes = self._pool.outcomes
        while outcomes:
            outcome = outcomes.popleft()
            outcome = self._without_secrets(outcome)
            if outcome.assignment is None:
                self._give_up(f"the code cannot be loaded: {outcome.error}", outcome.output)
            elif outcome.kind in ("report", "suggested"):
                self._hear(outcome, outcome.assignment)
            else:
                self._close(outcome, outcome.assignment)
        timeout = self.limits.task_timeout
        if timeout is not None:
            for index, seconds in self._pool.running():
                if seconds > timeout:
                    why = Stop("failed", f"ran longer than {timeout:g} s (task timeout)")
                    self._pool.stop(index, why)
        self._kill_unresponsive()

    def _without_secrets(self, outcome: Outcome) -> Outcome:
        if outcome.kind == "suggested":  # by the sweep's own space
            return outcome
        return outcome._replace(
            error=self.conceal(outcome.error),
            output=self.conceal(outcome.output),
            metrics=concealed(outcome.metrics, self.conceal),
            attributes=concealed(outcome.attributes, self.conceal),
        )

    def _close(self, outcome: Outcome, assignment: Assignment) -> None:
        """Record what became of a task."""
        index = assignment.index
        self._pool.ended(index)
        self._stopping.pop(index, None)
        latest = self._tuner.forget(index)
        if outcome.kind == "returned":
            self._taken -= 1
            self._box.add("released", {"tasks": [index]})
            return
        parts: dict[str, Any] = {
            "task": index,
            "attempt": assignment.attempt,
            "seconds": outcome.seconds,
        }
        if outcome.kind == "done":
            self.tally.done += 1
            parts |= {"metrics": outcome.metrics}
        elif outcome.kind == "pruned":
            self.tally.pruned += 1
            parts |= {"metrics": {**latest, **outcome.metrics}}
        else:
            parts |= {"error": outcome.error, "output": outcome.output}
        if outcome.attributes:
            parts["attributes"] = outcome.attributes
        self._box.add(outcome.kind, parts)
        if outcome.kind == "failed":
            self._failed(outcome, assignment)

    def _failed(self, outcome: Outcome, assignment: Assignment) -> None:
        self.tally.failed += 1
        self.tell(f"{assignment.task} failed (attempt {assignment.attempt}): {outcome.error}")
        if self.tally.failed == self.tally.ran == _HOPELESS:
            self._give_up(
                f"the first {_HOPELESS} tasks of this worker all failed, the last one with: "
                f"{outcome.error}",
                outcome.output,
            )

    def _give_up(self, reason: str, output: str) -> None:
        if self.tally.ending == "failing":
            return
        self.tally.ending = "failing"
        self.tally.reason = reason
        if output:
            self.tell(output)

    def _record(self, *more: tuple[str, dict[str, Any]]) -> None:
        self.ledger.record([*self._box.take(), *more])
        self._flushed = self.monotonic()

    # -- stopping early -------------------------------------------------------------------

    def _hear(self, outcome: Outcome, assignment: Assignment) -> None:
        """Note what a task tells on its way, and answer if it waits to hear whether to stop."""
        index, attempt = assignment.index, assignment.attempt
        if outcome.kind == "suggested":
            for name, (value, distribution) in outcome.metrics.items():
                self._box.suggested(index, attempt, name, value, distribution)
            return
        self._box.report(index, attempt, outcome.step, outcome.metrics)
        self._tuner.report(index, outcome.step, outcome.metrics)
        if self._tuner.stops_early:
            self._pool.answer(index, stop=self._should_stop(index))

    def _should_stop(self, index: int) -> bool:
        if index not in self._stopping and self._tuner.stops(index):
            self._stopping[index] = self.monotonic()
        return index in self._stopping

    def _stop_behind(self) -> None:
        """Tell running tasks that fall behind by what has become known of others."""
        for index, _ in self._pool.running():
            if index not in self._stopping and self._should_stop(index):
                self._pool.answer(index, stop=True)

    def _kill_unresponsive(self) -> None:
        """End functions that were told to stop and go on; other kinds' runners see to theirs."""
        if self.sweep.plan.kind in ("program", "notebook"):
            return
        for index, since in self._stopping.items():
            if self.monotonic() - since > self.limits.kill_after:
                self._pool.stop(index, Stop("pruned"))

    # -- what others do -------------------------------------------------------------------

    def _look_around(self) -> None:
        """Read the news, drop tasks that became somebody else's, give back what is too much."""
        self._looked = self.monotonic()
        if self.ledger.refresh() or self._pool.tasks:
            self._idle = self._pacing.busy_poll
        else:
            self._idle = min(2 * self._idle, self._pacing.idle_poll)
        self._drop_lost_claims()
        if self._tuner.stops_early:
            self._stop_behind()
        self._release(self._pool.take_back_surplus(self._pacing.batch))
        self.progress(self.ledger.state)

    def _drop_lost_claims(self) -> None:
        """Stop tasks on which somebody else's older claim stands, or that somebody has done.

        And release those that the fold says are held here and that are not: a claim that was
        beaten counts again if late news shows that its rival had lost the task before.
        """
        state = self.ledger.state
        unrecorded = self._box.outcomes()
        for index in list(self._pool.tasks):
            beaten = state.tasks[index].holder != self.identity.name and index not in unrecorded
            if beaten and self._pool.drop(index):
                self._taken -= 1
        settling = {index for index, _ in self._settling}
        held = state.held.get(self.identity.name, set())
        idle = held - self._pool.tasks - settling - unrecorded
        if idle:
            self._box.add("released", {"tasks": sorted(idle)})

    def _release(self, indices: list[int]) -> None:
        """Give back tasks that were taken back from the slots."""
        if indices:
            self._taken -= len(indices)
            self._box.add("released", {"tasks": indices})

    # -- the end --------------------------------------------------------------------------

    def _finish_running(self) -> None:
        """Let what runs come to its end, without claiming more."""
        self._release(self._pool.take_back_waiting())
        while self._pool.tasks and not (self.interrupted.is_set() or self._late(0.0)):
            self._wait(self._pacing.flush)
            self._collect()
            try:
                if self.ledger.silent_for() >= self.identity.heartbeat:
                    self._record(("heartbeat", {}))
                elif self._box and self.monotonic() - self._flushed >= self._box.patience():
                    self._record()
            except OSError as error:
                self._trouble(error)
        if self._pool.tasks:
            self._release_all()

    def _release_all(self) -> None:
        """Stop what runs and give back every claim."""
        self._release(self._pool.take_back_waiting())
        self._pool.stop_all(within=3.0)
        self._collect()

    def part(self) -> None:
        """Release what is held and say goodbye; what the folder does not take is in the tally."""
        self._pool.stop_all(within=5.0)
        self._collect()
        if not self._joined:
            return
        me = self.identity.name
        held = sorted(self.ledger.state.held.get(me, set()) - self._box.outcomes())
        if held:
            self._box.add("released", {"tasks": held})
        try:
            self._record(("end", {"reason": self.tally.reason or self.tally.ending}))
            self.ledger.close()
        except OSError as error:
            self.tell(f"{describe(error)}; the last events of this worker could not be written")
            self.tally.unsent = True
