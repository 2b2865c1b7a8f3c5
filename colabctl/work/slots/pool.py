"""Where the tasks of a worker wait and run: in its slots, or in its loop."""

import threading
from collections.abc import Callable, Iterator, KeysView, Sequence
from collections.abc import Set as AbstractSet

from colabctl.engines.contract import CarrierSlot, MakeSlots
from colabctl.run.messages import Inbox, Record, Stop
from colabctl.run.slots.waiting import Waiting
from colabctl.task import Assignment
from colabctl.work.pacing import excess


class SlotPool:
    """The slots of a worker, started when there is something to run: `jobs` of them at first.

    An engine changes their number while its cluster grows and shrinks. The tasks wait in one queue,
    so none waits for a long one while another slot is idle.
    """

    def __init__(self, make_slots: MakeSlots, jobs: int, record: Record) -> None:
        self._make_slots = make_slots
        self._jobs = jobs
        self._record = record
        self._slots: list[CarrierSlot] | None = None  # until they are started
        self._tasks: dict[int, Assignment] = {}
        self._waiting = Waiting(jobs)
        self.inbox = Inbox()
        self.wake = threading.Event()

    @property
    def tasks(self) -> KeysView[int]:
        """The tasks that wait or run here."""
        return self._tasks.keys()

    @property
    def _here(self) -> tuple[CarrierSlot, ...]:
        """The slots that there are now."""
        return tuple(self._slots or ())

    def start(self) -> None:
        """Start the slots if they have not started, so that they load the code during the claim."""
        if self._slots is None:
            self._slots = self._make_slots(self._waiting, self.inbox, self.wake.set, self._record)

    def idle_soon(self, ahead: float) -> int:
        """Return how many slots will be idle within `ahead` seconds, with no task for them."""
        if self._slots is None:
            return self._jobs
        free = sum(slot.free_in() <= ahead for slot in self._here)
        return max(0, free - self._waiting.ready)

    def pace(self) -> float | None:
        """Return the seconds that a task takes in the slowest slot; None until one has run."""
        return max((slot.seconds for slot in self._here if slot.seconds is not None), default=None)

    def assign(self, assignments: Sequence[Assignment]) -> None:
        """Add tasks to run."""
        if assignments:
            self.start()
            self._tasks.update((assignment.index, assignment) for assignment in assignments)
            self._waiting.add(assignments)

    def running(self) -> Iterator[tuple[int, float]]:
        """Yield the task that each busy slot runs, and for how many seconds."""
        for slot in self._here:
            running = slot.running()
            if running:
                yield running[0].index, running[1]

    def slots(self) -> list[tuple[Assignment, float] | None]:
        """Return the task that each slot runs, and for how many seconds; None for an idle one."""
        return [slot.running() for slot in self._here]

    def remove(self, index: int) -> None:
        """Remove a task that has ended or left its slot."""
        self._tasks.pop(index, None)

    def answer(self, index: int, *, stop: bool) -> None:
        """Tell a task whether it should stop, if it runs."""
        for slot in self._here:
            slot.answer(index, stop=stop)

    def follow(self, index: int, *, answer: bool) -> None:
        """Report what a task has printed since the last call, if it runs."""
        for slot in self._here:
            slot.follow(index, answer=answer)

    def stop(self, index: int, why: Stop) -> None:
        """Stop a task if it runs; its outcome follows."""
        for slot in self._here:
            slot.stop(index, why)

    def drop(self, index: int) -> bool:
        """Remove a waiting task and return True; stop a running one, whose outcome follows."""
        if self._waiting.drop(index):
            self.remove(index)
            return True
        self.stop(index, Stop("returned"))
        return False

    def postpone(self, indices: AbstractSet[int]) -> None:
        """Run these of the waiting tasks last, and leave room for others before them."""
        self._waiting.postpone(indices)

    def take_back_surplus(self, batch: float) -> list[int]:
        """Remove and return tasks that would wait for more than about `batch` seconds."""
        waiting = len(self._waiting)
        return self._take_back(excess(self.pace() or 0.0, waiting, batch, len(self._here)))

    def take_back_stuck(self) -> None:
        """Let the other slots have the tasks that a process got, but that wait for a long one."""
        if len(self._here) > 1:
            for slot in self._here:
                slot.take_back_stuck()

    def take_back_waiting(self) -> list[int]:
        """Remove and return all tasks that have not started."""
        return self._take_back(len(self._waiting))

    def _take_back(self, count: int) -> list[int]:
        taken = [task.index for task in self._waiting.take_back(count)]
        for index in taken:
            self.remove(index)
        return taken

    def stop_all(self, within: float) -> None:
        """Stop the running tasks and end the slots, all at the same time."""
        self._waiting.close()
        for slot in self._here:
            running = slot.running()
            if running:
                slot.stop(running[0].index, Stop("returned"), kill_after=within * 2 / 3)
        closings = [
            threading.Thread(target=slot.close, kwargs={"within": within}) for slot in self._here
        ]
        for closing in closings:
            closing.start()
        for closing in closings:
            closing.join()


class LoopPool:
    """The tasks of a loop: the first one may run in the loop's body, the others wait."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._tasks: dict[int, Assignment] = {}  # the next one first
        self._postponed: AbstractSet[int] = frozenset()
        self._started = 0.0
        self._seconds: float | None = None
        self.current: Assignment | None = None

    @property
    def tasks(self) -> KeysView[int]:
        """The tasks that wait or run here."""
        return self._tasks.keys()

    def start(self) -> None:
        """Do nothing: the loop is already running."""

    def idle_soon(self, _ahead: float) -> int:
        """Return 1 if no task runs and only postponed ones wait.

        When the loop will ask for the next task is unknown.
        """
        return 0 if self.current or self._tasks.keys() - self._postponed else 1

    def pace(self) -> float | None:
        """Return the seconds that a task takes, None until one has run."""
        return self._seconds

    def assign(self, assignments: Sequence[Assignment]) -> None:
        """Add tasks to run."""
        self._tasks.update((assignment.index, assignment) for assignment in assignments)
        self.postpone(self._postponed)

    def postpone(self, indices: AbstractSet[int]) -> None:
        """Run these of the waiting tasks last, and leave room for others before them."""
        running = self.current.index if self.current else None
        self._postponed = (indices & self._tasks.keys()) - {running}
        order = sorted(self._tasks, key=lambda index: index in self._postponed)
        self._tasks = {index: self._tasks[index] for index in order}

    def drop(self, index: int) -> bool:
        """Remove a waiting task and return True; only the loop can end a running one."""
        if self.current is self._tasks[index]:
            return False
        del self._tasks[index]
        return True

    def take_back_surplus(self, batch: float) -> list[int]:
        """Remove and return tasks that would wait for more than about `batch` seconds."""
        waiting = len(self._tasks) - (self.current is not None)
        return [
            self._tasks.popitem()[0] for _ in range(excess(self._seconds or 0.0, waiting, batch))
        ]

    def begin(self) -> Assignment | None:
        """Mark the next task as running and return it; None if there is none."""
        self.current = next(iter(self._tasks.values()), None)
        self._started = self._monotonic()
        return self.current

    def end(self) -> float:
        """Remove the running task and return how many seconds it took."""
        assert self.current is not None
        del self._tasks[self.current.index]
        self.current = None
        seconds = round(self._monotonic() - self._started, 6)
        self._seconds = seconds if self._seconds is None else (self._seconds + seconds) / 2
        return seconds

    def clear(self) -> list[int]:
        """Remove and return all tasks."""
        indices = list(self._tasks)
        self._tasks.clear()
        self.current = None
        return indices
