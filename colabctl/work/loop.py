"""The worker: claims tasks, hands them to its slots, records what became of them, shows life."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from colabctl.ledger import Book, Claim, task_name
from colabctl.sharedfs.faults import describe, fault_of
from colabctl.work.batch import batch_size, excess
from colabctl.work.identity import Identity
from colabctl.work.rhythm import rhythm_for
from colabctl.work.slots import Outcome, Slot
from colabctl.work.sweep import OpenSweep

# A worker whose first tasks all fail has something wrong with itself, or the sweep has: going on
# would burn the retries of every task.
_HOPELESS = 5
_NOTICE = 0.5  # seconds until a signal, a time limit or a task's timeout is noticed
_LONGEST_PAUSE = 30.0  # seconds between attempts to reach a folder that does not answer

Ending = Literal[
    "finished",  # the sweep is
    "nothing to do",  # others run what is left
    "max-tasks",
    "max-time",
    "stopped",  # the sweep was
    "interrupted",
    "hopeless",
    "full",  # the folder takes no more
    "unwritable",
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
    """What a worker did, and why it ended; `unsent` if the folder did not take all events."""

    done: int = 0
    failed: int = 0
    ending: Ending = "finished"
    reason: str = ""
    unsent: bool = False


@dataclass
class Worker:
    """A worker of one sweep.

    make_slots  starts the slots once there is something to run
    tell        takes sentences for the person who watches; progress is called now and then
    interrupted is set from outside to end at once, releasing what is held
    monotonic   a clock in seconds that is never set

    `run` does all of it. `step`, `over` and `part` are its pieces, for a caller with a time of its
    own, such as a simulation.
    """

    sweep: OpenSweep
    identity: Identity
    limits: Limits
    make_slots: Callable[["deque[Outcome]", Callable[[], None]], list[Slot]]
    tell: Callable[[str], None]
    progress: Callable[[Book], None]
    interrupted: threading.Event
    rng: random.Random = field(default_factory=random.Random)
    monotonic: Callable[[], float] = time.monotonic
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.ledger = self.sweep.ledger
        self._rhythm = rhythm_for(self.sweep.plan.consistency)
        self._outcomes: deque[Outcome] = deque()
        self._wake = threading.Event()
        self._slots: list[Slot] = []
        self._due: list[tuple[str, dict[str, Any]]] = []
        self._mine: dict[int, Slot] = {}
        self._settling: list[Claim] = []  # claimed, but not to be begun before `_settled_at`
        self._settled_at = 0.0
        self._taken = 0
        self._flushed = self._looked = self.monotonic()
        self._joined = False
        self._pause = 0.0  # seconds to leave a folder alone that did not answer
        self._again_at = 0.0
        self._idle = self._rhythm.alert  # seconds between looks while there is nothing to do
        self._claim_at = 0.0  # when to try again after there was nothing to claim

    def run(self) -> Tally:
        """Work until there is nothing left to do here; return what was done."""
        try:
            self.step()
            while not self.over():
                self._wake.wait(min(self._rhythm.flush if self._mine else self._idle, _NOTICE))
                self._wake.clear()
                self.step()
            if self.tally.ending in ("stopped", "max-tasks", "nothing to do"):
                self._finish_running()
            else:  # there is no time left, or what still runs is of no use to anybody
                self._release_all()
        finally:
            self.part()
        return self.tally

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
        if since_look >= (self._rhythm.look if self._mine else self._idle) or not (
            self._joined or self._taken
        ):
            self._look_around()
        if self._settling and now >= self._settled_at:
            self._begin_settled()
        hungry = sum(self._is_hungry(slot) for slot in self._slots)
        if not self._slots:
            hungry = self.identity.jobs
        if hungry and self._may_claim():
            self._claim(hungry)
        elif self._due and (not self._mine or now - self._flushed >= self._rhythm.flush):
            self._record()
        if self._joined:
            if self.ledger.silent_for() >= self.identity.heartbeat:
                self._record([("heartbeat", {})])
            elif self._pause:
                self._record()
            self.ledger.sync()

    def _is_hungry(self, slot: Slot) -> bool:
        return slot.free_in() < self._rhythm.moment + self._settle

    @property
    def _settle(self) -> float:
        """Seconds between a claim and its begin: careful claims wait until others can see them."""
        plan = self.sweep.plan
        careful = plan.claims == "careful" and plan.consistency == "eventual"
        return plan.heartbeat if careful else 0.0

    def _trouble(self, error: OSError) -> None:
        """Decide what a fault of the folder means: wait for it to pass, or end."""
        fault = fault_of(error)
        if fault == "passing":
            if not self._pause:
                self.tell(f"{describe(error)}; running tasks go on, trying again until it answers")
            self._pause = min(max(1.0, 2 * self._pause), _LONGEST_PAUSE)
            self._again_at = self.monotonic() + self._pause
        else:
            self.tally.ending = "full" if fault == "full" else "unwritable"
            self.tally.reason = describe(error)

    def over(self) -> bool:
        """Whether to go on no more; if so, `tally` says why."""
        book, tally = self.ledger.book, self.tally
        if tally.ending in ("hopeless", "full", "unwritable"):
            return True
        if self.interrupted.is_set():
            tally.ending = "interrupted"
        elif self._late(0.0):
            tally.ending = "max-time"
        elif self._pause:  # what is known may be out of date, or not written yet
            return False
        elif book.finished == book.total and not self._due:
            tally.ending = "finished"
        elif book.order == "stop":
            tally.ending = "stopped"
        elif self._mine or self._due or self._outcomes or self._settling:
            return False
        elif self.limits.max_tasks is not None and self._taken >= self.limits.max_tasks:
            tally.ending = "max-tasks"
        elif self._late(self._pace() or 0.0):
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
        return until is not None and self.monotonic() + seconds >= until

    def _pace(self) -> float | None:
        """Seconds that a task takes, None while nobody knows."""
        return max((slot.seconds for slot in self._slots if slot.seconds is not None), default=None)

    # -- claiming -------------------------------------------------------------------------

    def _may_claim(self) -> bool:
        book = self.ledger.book
        return (
            book.order == "go"
            and not self._settling
            and self.monotonic() >= self._claim_at
            and not self._late(self._pace() or 0.0)
            and (self.limits.max_tasks is None or self._taken < self.limits.max_tasks)
            and book.claimable(self.ledger.clock.now()) > 0
        )

    def _claim(self, hungry: int) -> None:
        if not self._joined:
            self._join()
        if not self._slots and not self._settle:  # they load the code while the claim is made
            self._slots = self.make_slots(self._outcomes, self._wake.set)
        outcomes, self._due = self._due, []
        claims = self.ledger.claim(
            lambda book: self._want(book, hungry),
            lock=self.sweep.lock(),
            rng=self.rng,
            outcomes=outcomes,
        )
        self._flushed = self.monotonic()
        if not claims:
            self._claim_at = self._flushed + self._idle
        self._taken += len(claims)
        if self._settle:
            self._settling, self._settled_at = claims, self._flushed + self._settle
        else:
            self._begin(claims)

    def _begin_settled(self) -> None:
        """Begin those of the settling claims that still count."""
        self._look_around()
        claims, self._settling = self._settling, []
        tasks, me = self.ledger.book.tasks, self.identity.name
        kept = [claim for claim in claims if tasks[claim[0]].holder == me]
        self._taken -= len(claims) - len(kept)
        self._begin(kept)

    def _begin(self, claims: list[Claim]) -> None:
        """Give claimed tasks to the slots that need some."""
        if claims and not self._slots:
            self._slots = self.make_slots(self._outcomes, self._wake.set)
        free = [slot for slot in self._slots if self._is_hungry(slot)] or self._slots
        for place, slot in enumerate(free):
            share = claims[place :: len(free)]
            if share:
                for index, _ in share:
                    self._mine[index] = slot
                slot.give(self.sweep.assign(share, self.identity))

    def _want(self, book: Book, hungry: int) -> int:
        now = self.ledger.clock.now()
        me = self.identity.name
        others = sum(writer.jobs for writer in book.live_workers(now) if writer.name != me)
        pace = self._pace() if self.tally.done else None  # failures come one by one, see _HOPELESS
        slots = others + self.identity.jobs
        want = hungry * batch_size(pace, book.claimable(now), slots, self._rhythm.batch)
        if self.limits.until is not None and pace:
            fits = int((self.limits.until - self.monotonic()) / pace)
            want = min(want, max(fits, 1) * hungry)
        if self.limits.max_tasks is not None:
            want = min(want, self.limits.max_tasks - self._taken)
        return want

    def _join(self) -> None:
        self.ledger.join(self.identity.name)
        self._joined = True
        self._due.insert(0, self.identity.start())

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
        timeout = self.limits.task_timeout
        if timeout is not None:
            for slot in self._slots:
                running = slot.running()
                if running and running[1] > timeout:
                    slot.stop(running[0].index, f"ran longer than {timeout:g} s (task timeout)")

    def _failed(self, outcome: Outcome, task: dict[str, Any]) -> None:
        self.tally.failed += 1
        told = {"seconds": outcome.seconds, "error": outcome.error, "output": outcome.output}
        self._due.append(("failed", {**task, **told}))
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
        self._flushed = self.monotonic()

    # -- what others do -------------------------------------------------------------------

    def _look_around(self) -> None:
        """Read the news, drop tasks that became somebody else's, give back what is too much."""
        self._looked = self.monotonic()
        if self.ledger.refresh() or self._mine:
            self._idle = self._rhythm.alert
        else:
            self._idle = min(2 * self._idle, self._rhythm.idle)
        self._drop_beaten()
        for slot in self._slots:
            surplus = excess(slot.seconds or 0.0, slot.waiting, self._rhythm.batch)
            if surplus:
                self._give_back(slot, surplus)
        self.progress(self.ledger.book)

    def _drop_beaten(self) -> None:
        """Stop tasks on which somebody else's older claim stands, or that somebody has done.

        And release those that the fold says are held here and that are not: a claim that was
        beaten counts again if late news shows that its rival had lost the task before.
        """
        book = self.ledger.book
        unrecorded = {parts["task"] for kind, parts in self._due if kind in ("done", "failed")}
        for index, slot in list(self._mine.items()):
            beaten = book.tasks[index].holder != self.identity.name and index not in unrecorded
            if beaten and slot.drop(index):
                del self._mine[index]
                self._taken -= 1
        settling = {index for index, _ in self._settling}
        held = book.held.get(self.identity.name, set())
        idle = held - self._mine.keys() - settling - unrecorded
        if idle:
            self._due.append(("released", {"tasks": sorted(idle)}))

    def _give_back(self, slot: Slot, count: int) -> None:
        returned = [each.index for each in slot.take_back(count)]
        for index in returned:
            del self._mine[index]
        if returned:
            self._taken -= len(returned)
            self._due.append(("released", {"tasks": returned}))

    # -- the end --------------------------------------------------------------------------

    def _finish_running(self) -> None:
        """Let what runs come to its end, without claiming more."""
        for slot in self._slots:
            self._give_back(slot, slot.waiting)
        while self._mine and not (self.interrupted.is_set() or self._late(0.0)):
            self._wake.wait(min(self._rhythm.flush, _NOTICE))
            self._wake.clear()
            self._collect()
            try:
                if self._due or self.ledger.silent_for() >= self.identity.heartbeat:
                    self._record([] if self._due else [("heartbeat", {})])
            except OSError as error:
                self._trouble(error)
        if self._mine:
            self._release_all()

    def _release_all(self) -> None:
        """Stop what runs and give back every claim."""
        for slot in self._slots:
            self._give_back(slot, slot.waiting)
            running = slot.running()
            if running:
                slot.stop(running[0].index, None, kill_after=2.0)
        closings = [
            threading.Thread(target=slot.close, kwargs={"within": 3.0}) for slot in self._slots
        ]
        for closing in closings:
            closing.start()
        for closing in closings:
            closing.join()
        self._collect()

    def part(self) -> None:
        """Release what is held and say goodbye; what the folder does not take is in the tally."""
        for slot in self._slots:
            slot.close()
        self._collect()
        if not self._joined:
            return
        me = self.identity.name
        done = {parts["task"] for kind, parts in self._due if kind != "report" and "task" in parts}
        held = sorted(self.ledger.book.held.get(me, set()) - done)
        if held:
            self._due.append(("released", {"tasks": held}))
        try:
            self._record([("end", {"reason": self.tally.reason or self.tally.ending})])
            self.ledger.close()
        except OSError as error:
            self.tell(f"{describe(error)}; the last events of this worker could not be written")
            self.tally.unsent = True
