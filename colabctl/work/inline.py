"""The loop of a notebook or script: its own process claims tasks, runs them and records them."""

import random
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from colabctl.ledger import Book
from colabctl.task import Assignment, Task
from colabctl.work.batch import batch_size
from colabctl.work.child import TAIL_LINES, headline
from colabctl.work.identity import Identity
from colabctl.work.rhythm import rhythm_for
from colabctl.work.sweep import OpenSweep


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
        self._metrics: dict[str, Any] | None = None
        self.current: Assignment | None = None

    # -- what the task tells: see task.Recorder ---------------------------------------------

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        self._say("report", step=step, values=values)

    def done(self, metrics: dict[str, Any]) -> None:
        self._metrics = metrics

    def failed(self, error: BaseException) -> None:
        if isinstance(error, Exception):
            lines = "".join(traceback.format_exception(error)).splitlines()
            self._end("failed", error=headline(error), output="\n".join(lines[-TAIL_LINES:]))
        else:
            self._give_back()

    # -- the loop -----------------------------------------------------------------------------

    def tasks(self) -> Iterator[Task]:
        beat: threading.Thread | None = None
        try:
            while (assignment := self._next()) is not None:
                if beat is None:
                    beat = threading.Thread(target=self._beat, daemon=True)
                    beat.start()
                self.current, self._metrics = assignment, None
                self._begun = time.monotonic()
                task = Task(assignment, self)
                yield task
                if self.current is assignment:
                    self._close()
        finally:
            self._ended.set()
            if beat is not None:
                with self._turn:
                    self._part()

    def _close(self) -> None:
        if self._metrics is None:
            self._end(
                "failed",
                error="the loop went on without task.done(...); write `with task:` around the work",
                output="",
            )
        else:
            self._end("done", metrics=self._metrics)

    def _next(self) -> Assignment | None:
        """Return the next task to run, waiting for one if need be; None when all are finished."""
        while not self._claimed:
            with self._turn:
                self._ledger.refresh()
                book = self._ledger.book
                if book.finished == book.total or book.order == "stop":
                    self._flush()
                    return None
                if book.order == "go" and book.claimable(self._ledger.clock.now()):
                    self._claim()
                else:
                    self._flush()
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
        slots = sum(
            writer.jobs
            for writer in book.writers.values()
            if writer.is_worker and writer.lives_at(now)
        )
        return batch_size(self._pace, book.claimable(now), slots, self._rhythm.batch)

    # -- recording ----------------------------------------------------------------------------

    def _say(self, kind: str, **parts: Any) -> None:
        assert self.current is not None
        task = {"task": self.current.index, "attempt": self.current.attempt}
        with self._turn:
            self._due.append((kind, {**task, **parts}))
            if time.monotonic() - self._flushed >= self._rhythm.flush:
                self._flush()

    def _end(self, kind: str, **parts: Any) -> None:
        seconds = time.monotonic() - self._begun
        self._pace = seconds if self._pace is None else (self._pace + seconds) / 2
        self._say(kind, seconds=round(seconds, 6), **parts)
        self.current = None

    def _give_back(self) -> None:
        assert self.current is not None
        with self._turn:
            self._due.append(("released", {"tasks": [self.current.index]}))
            self._flush()
        self.current = None

    def _flush(self) -> None:
        if self._due:
            due, self._due = self._due, []
            self._ledger.record(due)
        self._flushed = time.monotonic()

    def _part(self) -> None:
        held = [each.index for each in self._claimed]
        if self.current is not None:
            held.append(self.current.index)
        if held:
            self._due.append(("released", {"tasks": held}))
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

    A task that the loop leaves by an exception, `break` or the end of the program is released.
    """
    return _Loop(sweep, me, rng or random.Random()).tasks()  # noqa: S311 - to differ from others
