"""The worker: claims tasks, hands them to its slots, records what became of them, shows life."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from colabctl.ledger import Book, task_name
from colabctl.work.batch import batch_size, excess
from colabctl.work.identity import Identity
from colabctl.work.slots import Outcome, Slot
from colabctl.work.sweep import OpenSweep

# A worker whose first tasks all fail has something wrong with itself, or the sweep has: going on
# would burn the retries of every task.
_HOPELESS = 5

_FLUSH_EVERY = 0.25  # seconds that a result of a short task may wait for company
_LOOK_EVERY = 0.5  # seconds between looks around while tasks run
_IDLE_LOOK = 0.2  # seconds between looks for something to claim

Ending = Literal[
    "finished", "nothing to do", "max-tasks", "max-time", "stopped", "interrupted", "hopeless"
]


@dataclass(frozen=True)
class Limits:
    """How long a worker goes on.

    max_tasks     tasks to run at most
    until         monotonic time at which everything must have ended
    task_timeout  seconds that a task may take
    wait          stay while others run tasks that may come back
    """

    max_tasks: int | None = None
    until: float | None = None
    task_timeout: float | None = None
    wait: bool = True


@dataclass
class Tally:
    """What a worker did, and why it ended."""

    done: int = 0
    failed: int = 0
    ending: Ending = "finished"
    reason: str = ""


@dataclass
class Worker:
    """A worker of one sweep.

    make_slots  starts the slots once there is something to run
    tell        takes sentences for the person who watches; progress is called now and then
    interrupted is set from outside to end at once, releasing what is held
    """

    sweep: OpenSweep
    identity: Identity
    limits: Limits
    make_slots: Callable[["deque[Outcome]", Callable[[], None]], list[Slot]]
    tell: Callable[[str], None]
    progress: Callable[[Book], None]
    interrupted: threading.Event
    rng: random.Random = field(default_factory=random.Random)
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.ledger = self.sweep.ledger
        self._outcomes: deque[Outcome] = deque()
        self._wake = threading.Event()
        self._slots: list[Slot] = []
        self._due: list[tuple[str, dict[str, Any]]] = []
        self._mine: dict[int, Slot] = {}
        self._taken = 0
        self._flushed = self._looked = time.monotonic()
        self._joined = False

    def run(self) -> Tally:
        """Work until there is nothing left to do here; return what was done."""
        self.ledger.refresh()
        try:
            self._step()
            while not self._over():
                self._wake.wait(_FLUSH_EVERY if self._mine else _IDLE_LOOK)
                self._wake.clear()
                self._step()
            if self.tally.ending in ("stopped", "max-tasks", "nothing to do"):
                self._finish_running()
            else:  # there is no time left, or what still runs is of no use to anybody
                self._release_all()
        finally:
            self._part()
        return self.tally

    # -- one turn -------------------------------------------------------------------------

    def _step(self) -> None:
        self._collect()
        hungry = sum(slot.hungry for slot in self._slots) if self._slots else self.identity.jobs
        now = time.monotonic()
        if hungry and self._may_claim():
            self._claim(hungry)
        elif self._due and (not self._mine or now - self._flushed >= _FLUSH_EVERY):
            self._record()
        if self._joined:
            self.ledger.sync()
            if self.ledger.silent_for() >= self.identity.heartbeat:
                self._record([("heartbeat", {})])
        if now - self._looked >= (_LOOK_EVERY if self._mine else _IDLE_LOOK):
            self._look_around()

    def _over(self) -> bool:
        """Whether to go on no more; if so, `tally` says why."""
        book, tally = self.ledger.book, self.tally
        if tally.ending == "hopeless":
            return True
        if self.interrupted.is_set():
            tally.ending = "interrupted"
        elif self._late(0.0):
            tally.ending = "max-time"
        elif book.finished == book.total and not self._due:
            tally.ending = "finished"
        elif book.order == "stop":
            tally.ending = "stopped"
        elif self._mine or self._due or self._outcomes:
            return False
        elif self.limits.max_tasks is not None and self._taken >= self.limits.max_tasks:
            tally.ending = "max-tasks"
        elif self._late(self._pace()):
            tally.ending = "max-time"
        elif not self.limits.wait and not (
            book.order == "go" and book.claimable(self.ledger.clock.now())
        ):
            tally.ending = "nothing to do"
        else:
            return False
        return True

    def _late(self, seconds: float) -> bool:
        until = self.limits.until
        return until is not None and time.monotonic() + seconds >= until

    def _pace(self) -> float:
        """Seconds that a task takes, as far as is known."""
        return max((slot.seconds or 0.0 for slot in self._slots), default=0.0)

    # -- claiming -------------------------------------------------------------------------

    def _may_claim(self) -> bool:
        book = self.ledger.book
        return (
            book.order == "go"
            and not self._late(self._pace())
            and (self.limits.max_tasks is None or self._taken < self.limits.max_tasks)
            and book.claimable(self.ledger.clock.now()) > 0
        )

    def _claim(self, hungry: int) -> None:
        if not self._joined:
            self._join()
        outcomes, self._due = self._due, []
        claims = self.ledger.claim(
            lambda book: self._want(book, hungry),
            lock=self.sweep.lock(),
            rng=self.rng,
            outcomes=outcomes,
        )
        self._flushed = time.monotonic()
        if claims and not self._slots:
            self._slots = self.make_slots(self._outcomes, self._wake.set)
        self._taken += len(claims)
        free = [slot for slot in self._slots if slot.hungry]
        for place, slot in enumerate(free):
            share = claims[place :: len(free)]
            if share:
                for index, _ in share:
                    self._mine[index] = slot
                slot.give(self.sweep.assign(share, self.identity))

    def _want(self, book: Book, hungry: int) -> int:
        now = self.ledger.clock.now()
        others = sum(
            writer.jobs
            for writer in book.writers.values()
            if writer.is_worker and writer.name != self.identity.name and writer.lives_at(now)
        )
        pace = self._pace() if any(slot.seconds is not None for slot in self._slots) else None
        want = hungry * batch_size(pace, book.claimable(now), others + self.identity.jobs)
        if self.limits.until is not None and pace:
            fits = int((self.limits.until - time.monotonic()) / pace)
            want = min(want, max(fits, 1) * hungry)
        if self.limits.max_tasks is not None:
            want = min(want, self.limits.max_tasks - self._taken)
        return want

    def _join(self) -> None:
        self.ledger.join(self.identity.name)
        self._joined = True
        self._record([self.identity.start()])

    # -- outcomes -------------------------------------------------------------------------

    def _collect(self) -> None:
        """Turn what the slots tell into events to record."""
        while self._outcomes:
            outcome = self._outcomes.popleft()
            if outcome.kind == "broken":
                self._give_up(f"the code cannot be loaded: {outcome.error}", outcome.output)
                continue
            assignment = outcome.assignment
            assert assignment is not None
            task = {"task": assignment.index, "attempt": assignment.attempt}
            if outcome.kind == "report":
                values = {"step": outcome.step, "values": outcome.metrics}
                self._due.append(("report", {**task, **values}))
                continue
            self._mine.pop(assignment.index, None)
            if outcome.kind == "done":
                self.tally.done += 1
                self._due.append(
                    ("done", {**task, "seconds": outcome.seconds, "metrics": outcome.metrics})
                )
            elif outcome.kind == "failed":
                self._failed(outcome, task)
            else:
                self._taken -= 1
                self._due.append(("released", {"tasks": [assignment.index]}))
        timeout = self.limits.task_timeout or self.sweep.plan.task_timeout
        if timeout is not None:
            for slot in self._slots:
                running = slot.running()
                if running and running[1] > timeout:
                    slot.stop(running[0].index, f"ran longer than {timeout:g} s (task timeout)")

    def _failed(self, outcome: Outcome, task: dict[str, Any]) -> None:
        self.tally.failed += 1
        self._due.append(
            (
                "failed",
                {
                    **task,
                    "seconds": outcome.seconds,
                    "error": outcome.error,
                    "output": outcome.output,
                },
            )
        )
        name = task_name(task["task"])
        self.tell(f"{name} failed (attempt {task['attempt']}): {outcome.error}")
        if self.tally.failed == _HOPELESS and self.tally.done == 0:
            self._give_up(
                f"the first {_HOPELESS} tasks of this worker all failed, the last one with: "
                f"{outcome.error}",
                outcome.output,
            )

    def _give_up(self, reason: str, output: str) -> None:
        if self.tally.ending == "hopeless":
            return
        self.tally.ending = "hopeless"
        self.tally.reason = reason
        if output:
            self.tell(output)

    def _record(self, more: list[tuple[str, dict[str, Any]]] | None = None) -> None:
        due, self._due = self._due + (more or []), []
        self.ledger.record(due)
        self._flushed = time.monotonic()

    # -- what others do -------------------------------------------------------------------

    def _look_around(self) -> None:
        """Read the news, drop tasks that became somebody else's, give back what is too much."""
        self._looked = time.monotonic()
        self.ledger.refresh()
        book = self.ledger.book
        unrecorded = {parts["task"] for kind, parts in self._due if kind in ("done", "failed")}
        for index, slot in list(self._mine.items()):
            beaten = book.tasks[index].holder != self.identity.name and index not in unrecorded
            if beaten and slot.drop(index):
                del self._mine[index]
        for slot in self._slots:
            surplus = excess(slot.seconds or 0.0, slot.waiting)
            if surplus:
                returned = [each.index for each in slot.take_back(surplus)]
                for index in returned:
                    del self._mine[index]
                self._taken -= len(returned)
                self._due.append(("released", {"tasks": returned}))
        self.progress(book)

    # -- the end --------------------------------------------------------------------------

    def _finish_running(self) -> None:
        """Let what runs come to its end, without claiming more."""
        for slot in self._slots:
            returned = [each.index for each in slot.take_back(slot.waiting)]
            for index in returned:
                del self._mine[index]
            if returned:
                self._due.append(("released", {"tasks": returned}))
        while self._mine and not (self.interrupted.is_set() or self._late(0.0)):
            self._wake.wait(_FLUSH_EVERY)
            self._wake.clear()
            self._collect()
            if self._due or self.ledger.silent_for() >= self.identity.heartbeat:
                self._record([] if self._due else [("heartbeat", {})])
        if self._mine:
            self._release_all()

    def _release_all(self) -> None:
        """Stop what runs and give back every claim."""
        for slot in self._slots:
            for each in slot.take_back(slot.waiting):
                self._mine.pop(each.index, None)
            running = slot.running()
            if running:
                slot.stop(running[0].index, None, kill_after=2.0)
        for slot in self._slots:
            slot.close(within=3.0)
        self._collect()

    def _part(self) -> None:
        for slot in self._slots:
            slot.close()
        self._collect()
        if not self._joined:
            return
        me = self.identity.name
        done = {parts["task"] for kind, parts in self._due if kind != "report" and "task" in parts}
        held = sorted(self.ledger.book.held.get(me, set()) - done)
        events: list[tuple[str, dict[str, Any]]] = []
        if held:
            events.append(("released", {"tasks": held}))
        events.append(("end", {"reason": self.tally.reason or self.tally.ending}))
        self._record(events)
        self.ledger.sync(force=True)
