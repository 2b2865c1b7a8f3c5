"""The loop of a notebook or script: its own process claims tasks, runs them and records them."""

import random
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import SweepState
from colabctl.run.failure import TAIL_LINES, headline
from colabctl.run.redaction import concealed
from colabctl.sharedfs.faults import describe, fault_of, pause_after
from colabctl.task import Assignment, Task
from colabctl.work.batch import batch_size
from colabctl.work.identity import Identity
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.outbox import Outbox
from colabctl.work.pacing import pacing_for
from colabctl.work.recovery import save_unsent


class _Answers:
    """Takes what one task tells, as long as it is the one that runs: see task.Recorder."""

    def __init__(self, loop: "_Loop", assignment: Assignment) -> None:
        self._loop = loop
        self._assignment = assignment

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        if self._loop.current is self._assignment:
            self._loop.report(step, values)

    def should_stop(self) -> bool:
        return self._loop.current is self._assignment and self._loop.should_stop()

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Pass over: an objective is no loop."""

    def done(self, metrics: dict[str, Any]) -> None:
        self._check()
        self._loop.metrics = metrics

    def failed(self, error: BaseException) -> None:
        self._check()
        if isinstance(error, Exception):
            self._loop.fail(headline(error, self._loop.conceal), traceback.format_exception(error))
        else:
            self._loop.give_back()

    def _check(self) -> None:
        if self._loop.current is not self._assignment:
            raise UserError(
                f"{self._assignment.task} has ended: the loop has gone on to another task; finish "
                "each task in the body of the loop, and for several at a time start several loops"
            )


class _Loop:
    """A worker whose tasks run in the process, and the thread, that asks for them.

    A second thread shows life while the first is busy with a task; `_turn` keeps them apart.
    """

    def __init__(
        self,
        sweep: OpenSweep,
        me: Identity,
        conceal: Callable[[str], str],
        most: int | None,
        rng: random.Random,
    ) -> None:
        self._sweep = sweep
        self.conceal = conceal
        self._left = most  # tasks that it may still claim; None for any number
        self._ledger = sweep.ledger
        self._pacing = pacing_for(sweep.plan.consistency)
        self._me = me
        self._rng = rng
        self._tuner = sweep.tuner()
        self._box = Outbox(self._pacing)
        self._stops = False  # the current task should
        self._claimed: deque[Assignment] = deque()
        self._flushed = time.monotonic()
        self._pace: float | None = None
        self._turn = threading.Lock()
        self._ended = threading.Event()
        self.metrics: dict[str, Any] | None = None
        self.current: Assignment | None = None

    # -- the loop -----------------------------------------------------------------------------

    def tasks(self) -> Iterator[Task]:
        beat: threading.Thread | None = None
        try:
            while (assignment := self._next()) is not None:
                if beat is None:
                    beat = threading.Thread(target=self._beat, daemon=True)
                    beat.start()
                self.current, self.metrics, self._stops = assignment, None, False
                self._begun = time.monotonic()
                self._task = Task(assignment, _Answers(self, assignment))
                yield self._task
                if self.current is assignment:
                    self._close()
        finally:
            if self.current is not None and self.metrics is not None:
                self._close()  # the loop was left after task.done(...)
            self._ended.set()
            if beat is not None:
                with self._turn:
                    self._part()

    def _close(self) -> None:
        if self._task.told_to_stop:
            self.end("pruned", metrics=self.metrics or {})
        elif self.metrics is None:
            self.fail(
                "the loop went on without task.done(...); write `with task:` around the work", ()
            )
        else:
            self.end("done", metrics=self.metrics)

    def _next(self) -> Assignment | None:
        """Return the next task to run, waiting for one if need be; None when there is none."""
        while not self._claimed:
            if not self._patiently(self._look):
                return None
            if not self._claimed:
                time.sleep(self._pacing.idle_poll)
            elif self._sweep.plan.settling:
                time.sleep(self._sweep.plan.settling)
                self._patiently(self._keep_settled)
        self._patiently(self._keep_up)
        return self._claimed.popleft()

    def _patiently(self, act: Callable[[], bool]) -> bool:
        """Return what `act` does, tried again as long as the folder has a fault that passes."""
        pause = 0.0
        while True:
            try:
                with self._turn:
                    return act()
            except OSError as error:
                if fault_of(error) != "passing":
                    raise
                if not pause:
                    _tell(f"{describe(error)}; trying again until it answers")
                pause = pause_after(pause)
                time.sleep(pause)

    def _look(self) -> bool:
        """Claim tasks if there are some; return whether to go on."""
        self._ledger.refresh()
        state = self._ledger.state
        if self._left != 0 and state.order == "go" and state.claimable(self._ledger.clock.now()):
            self._claim()
            return True
        self._flush()
        return not (self._left == 0 or state.finished == state.total or state.order == "stop")

    def _keep_settled(self) -> bool:
        """Forget the claims that no longer count; return whether one is left."""
        self._ledger.refresh()
        tasks = self._ledger.state.tasks
        kept = [each for each in self._claimed if tasks[each.index].holder == self._me.name]
        if self._left is not None:
            self._left += len(self._claimed) - len(kept)
        self._claimed = deque(kept)
        return bool(kept)

    def _keep_up(self) -> bool:
        """Write what has waited long enough."""
        if time.monotonic() - self._flushed >= self._pacing.flush:
            self._flush()
        self._ledger.sync()
        return True

    def _claim(self) -> None:
        if not self._ledger.name:
            self._tuner.prepare()
            self._ledger.join(self._me.name)
            self._ledger.record([self._me.start()])
        claims = self._ledger.claim(
            self._want,
            lock=self._sweep.lock(),
            rng=self._rng,
            outcomes=self._box.take(),
            propose=self._tuner.propose if self._tuner.proposes else None,
        )
        self._flushed = time.monotonic()
        if self._left is not None:
            self._left -= len(claims)
        self._claimed.extend(self._sweep.assign(claims, self._me, self._tuner))

    def _want(self, state: SweepState) -> int:
        if self._tuner.proposes:  # the next proposal depends on this task
            return 1
        now = self._ledger.clock.now()
        slots = sum(writer.jobs for writer in state.live_workers(now))
        want = batch_size(self._pace, state.claimable(now), slots, self._pacing.batch)
        return want if self._left is None else min(want, self._left)

    # -- recording ----------------------------------------------------------------------------

    def say(self, kind: str, **parts: Any) -> None:
        assert self.current is not None
        task = {"task": self.current.index, "attempt": self.current.attempt}
        with self._turn:
            self._box.add(kind, {**task, **parts})
            if time.monotonic() - self._flushed >= self._pacing.flush:
                with _passing():
                    self._flush()

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        assert self.current is not None
        values = concealed(values, self.conceal)
        with self._turn:
            self._box.report(self.current.index, self.current.attempt, step, values)
            self._tuner.report(self.current.index, step, values)
            self._stops = self._stops or self._tuner.stops(self.current.index)
            self._look_and_flush()

    def should_stop(self) -> bool:
        """Whether the current task should stop, by what is known of the others by now."""
        with self._turn:
            if self.current is not None and not self._stops:
                self._look_and_flush()
                self._stops = self._tuner.stops(self.current.index)
        return self._stops

    def _look_and_flush(self) -> None:
        """Write what has waited long enough; where tasks may be stopped early, read the news."""
        if time.monotonic() - self._flushed >= self._box.patience():
            with _passing():
                self._flush()
                if self._tuner.stops_early:
                    self._ledger.refresh()

    def fail(self, error: str, output: Iterable[str]) -> None:
        lines = self.conceal("".join(output)).splitlines()
        self.end("failed", error=error, output="\n".join(lines[-TAIL_LINES:]))

    def end(self, kind: str, **parts: Any) -> None:
        assert self.current is not None
        seconds = time.monotonic() - self._begun
        self._pace = seconds if self._pace is None else (self._pace + seconds) / 2
        latest = self._tuner.forget(self.current.index)
        if kind == "pruned":
            parts["metrics"] = {**latest, **parts["metrics"]}
        if self._task.user_attributes:
            parts["attributes"] = concealed(self._task.user_attributes, self.conceal)
        if "metrics" in parts:
            parts["metrics"] = concealed(parts["metrics"], self.conceal)
        self.say(kind, seconds=round(seconds, 6), **parts)
        self.current = None

    def give_back(self) -> None:
        """Release all claims: who interrupts a task is likely to leave the loop as well."""
        with self._turn, _passing():
            self._release()
            self._flush()

    def _flush(self) -> None:
        writer = self._ledger.writer
        if self._box or (writer is not None and writer.due):
            self._ledger.record(self._box.take())
        self._flushed = time.monotonic()

    def _release(self) -> None:
        held = [each.index for each in self._claimed]
        if self.current is not None:
            held.append(self.current.index)
        if held:
            self._box.add("released", {"tasks": held})
        self._claimed.clear()
        self.current = None

    def _part(self) -> None:
        self._release()
        self._box.add("end", {"reason": "the loop ended"})
        try:
            self._flush()
            self._ledger.sync(force=True)
        except OSError as error:
            _tell(f"{describe(error)}; {save_unsent(self._sweep).notice}")

    def _beat(self) -> None:
        while not self._ended.wait(min(self._me.heartbeat / 4, 1.0)):
            with self._turn, suppress(OSError):  # the next turn goes on where this one failed
                if self._ended.is_set():
                    return
                if self._ledger.silent_for() >= self._me.heartbeat:
                    self._ledger.record([("heartbeat", {})])
                elif self._box and time.monotonic() - self._flushed >= self._box.patience():
                    self._flush()


@contextmanager
def _passing() -> Iterator[None]:
    """Let a fault of the folder pass: what could not be written is due, and tried again."""
    try:
        yield
    except OSError as error:
        if fault_of(error) != "passing":
            raise


def _tell(text: str) -> None:
    print(f"colabctl: {text}", file=sys.stderr, flush=True)


def tasks(
    sweep: OpenSweep,
    me: Identity,
    *,
    conceal: Callable[[str], str] = str,
    most: int | None = None,
    rng: random.Random | None = None,
) -> Iterator[Task]:
    """Claim tasks and give them out one by one until the sweep is complete, at most so many.

    conceal  replaces what must not be shown in a text
    A task that the loop leaves unfinished, by an exception, `break` or the end of the program, is
    released. A fault of the folder that passes is waited out; what it does not take at the end is
    kept on this machine.
    """
    some = rng or random.Random()  # noqa: S311 - to differ from others
    return _Loop(sweep, me, conceal, most, some).tasks()
