"""The loop of a notebook or script: its own process claims tasks, runs them and records them."""

import random
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import Book
from colabctl.task import Assignment, Task
from colabctl.work.batch import batch_size
from colabctl.work.failure import TAIL_LINES, headline
from colabctl.work.identity import Identity
from colabctl.work.rhythm import rhythm_for
from colabctl.work.sweep import OpenSweep


class _Answers:
    """Takes what one task tells, as long as it is the one that runs: see task.Recorder."""

    def __init__(self, loop: "_Loop", assignment: Assignment) -> None:
        self._loop = loop
        self._assignment = assignment

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        if self._loop.current is self._assignment:
            self._loop.say("report", step=step, values=values)

    def done(self, metrics: dict[str, Any]) -> None:
        self._check()
        self._loop.metrics = metrics

    def failed(self, error: BaseException) -> None:
        self._check()
        if isinstance(error, Exception):
            lines = "".join(traceback.format_exception(error)).splitlines()
            self._loop.end("failed", error=headline(error), output="\n".join(lines[-TAIL_LINES:]))
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

    def __init__(self, sweep: OpenSweep, me: Identity, rng: random.Random) -> None:
        self._sweep = sweep
        self._ledger = sweep.ledger
        self._rhythm = rhythm_for(sweep.plan.consistency)
        self._me = me
        self._rng = rng
        self._due: list[tuple[str, dict[str, Any]]] = []
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
                self.current, self.metrics = assignment, None
                self._begun = time.monotonic()
                yield Task(assignment, _Answers(self, assignment))
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
        if self.metrics is None:
            self.end(
                "failed",
                error="the loop went on without task.done(...); write `with task:` around the work",
                output="",
            )
        else:
            self.end("done", metrics=self.metrics)

    def _next(self) -> Assignment | None:
        """Return the next task to run, waiting for one if need be; None when all are finished."""
        while not self._claimed:
            with self._turn:
                self._ledger.refresh()
                book = self._ledger.book
                if book.order == "go" and book.claimable(self._ledger.clock.now()):
                    self._claim()
                else:
                    self._flush()
                    if book.finished == book.total or book.order == "stop":
                        return None
            if not self._claimed:
                time.sleep(self._rhythm.idle)
        with self._turn:
            if time.monotonic() - self._flushed >= self._rhythm.flush:
                self._flush()
            self._ledger.sync()
        return self._claimed.popleft()

    def _claim(self) -> None:
        if not self._ledger.name:
            self._ledger.join(self._me.name)
            self._ledger.record([self._me.start()])
        due, self._due = self._due, []
        claims = self._ledger.claim(
            self._want, lock=self._sweep.lock(), rng=self._rng, outcomes=due
        )
        self._flushed = time.monotonic()
        self._claimed.extend(self._sweep.assign(claims, self._me))

    def _want(self, book: Book) -> int:
        now = self._ledger.clock.now()
        slots = sum(writer.jobs for writer in book.live_workers(now))
        return batch_size(self._pace, book.claimable(now), slots, self._rhythm.batch)

    # -- recording ----------------------------------------------------------------------------

    def say(self, kind: str, **parts: Any) -> None:
        assert self.current is not None
        task = {"task": self.current.index, "attempt": self.current.attempt}
        with self._turn:
            self._due.append((kind, {**task, **parts}))
            if time.monotonic() - self._flushed >= self._rhythm.flush:
                self._flush()

    def end(self, kind: str, **parts: Any) -> None:
        seconds = time.monotonic() - self._begun
        self._pace = seconds if self._pace is None else (self._pace + seconds) / 2
        self.say(kind, seconds=round(seconds, 6), **parts)
        self.current = None

    def give_back(self) -> None:
        """Release all claims: who interrupts a task is likely to leave the loop as well."""
        with self._turn:
            self._release()
            self._flush()

    def _flush(self) -> None:
        if self._due:
            due, self._due = self._due, []
            self._ledger.record(due)
        self._flushed = time.monotonic()

    def _release(self) -> None:
        held = [each.index for each in self._claimed]
        if self.current is not None:
            held.append(self.current.index)
        if held:
            self._due.append(("released", {"tasks": held}))
        self._claimed.clear()
        self.current = None

    def _part(self) -> None:
        self._release()
        self._due.append(("end", {"reason": "the loop ended"}))
        self._flush()
        self._ledger.sync(force=True)

    def _beat(self) -> None:
        while not self._ended.wait(min(self._me.heartbeat / 4, 1.0)):
            with self._turn, suppress(OSError):  # the next turn goes on where this one failed
                if self._ended.is_set():
                    return
                if self._ledger.silent_for() >= self._me.heartbeat:
                    self._ledger.record([("heartbeat", {})])
                elif self._due and time.monotonic() - self._flushed >= self._rhythm.flush:
                    self._flush()


def tasks(sweep: OpenSweep, me: Identity, rng: random.Random | None = None) -> Iterator[Task]:
    """Claim tasks and give them out one by one until the sweep is complete.

    A task that the loop leaves unfinished, by an exception, `break` or the end of the program, is
    released.
    """
    return _Loop(sweep, me, rng or random.Random()).tasks()  # noqa: S311 - to differ from others
