"""The tasks that wait for the slots of a worker, in the order in which they are to run."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet

from colabctl.task import Assignment

# Seconds of work to send to the process at once, which costs less than to send each task alone.
_HANDOUT_SECONDS = 0.05
_SHORT = 0.005  # seconds; only tasks shorter than this are sent several at once
_MOST_HANDOUT = 256  # tasks


def handout_size(seconds: float | None) -> int:
    """Return how many tasks to send to the process at once, given the seconds that one takes."""
    if seconds is None or seconds > _SHORT:
        return 1
    return min(_MOST_HANDOUT, int(_HANDOUT_SECONDS / max(seconds, 1e-6)))


class Waiting:
    """The queue of the slots of a worker: the slot that is free first takes the next task.

    Tasks that were postponed run after all others. All methods may be called from any thread.
    """

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots  # among which the tasks are shared out
        self._tasks: deque[Assignment] = deque()
        self._postponed: AbstractSet[int] = frozenset()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def ready(self) -> int:
        """Number of tasks that are not postponed."""
        with self._changed:
            return sum(task.index not in self._postponed for task in self._tasks)

    def add(self, tasks: Iterable[Assignment]) -> None:
        """Add tasks at the end, before those that are postponed."""
        with self._changed:
            self._tasks.extend(tasks)
            self.postpone(self._postponed)
            self._changed.notify_all()

    def put_back(self, tasks: Iterable[Assignment]) -> None:
        """Add tasks that are to run before all others."""
        with self._changed:
            self._tasks.extendleft(reversed(list(tasks)))
            self._changed.notify_all()

    def postpone(self, indices: AbstractSet[int]) -> None:
        """Move these of the tasks to the end; they alone are postponed now."""
        with self._changed:
            self._postponed = indices & {task.index for task in self._tasks}
            if self._postponed:
                self._tasks = deque(
                    sorted(self._tasks, key=lambda task: task.index in self._postponed)
                )

    def wait(self, over: Callable[[], bool] = lambda: False) -> bool:
        """Wait until there is a task, and return True; return False once the queue is closed.

        It also returns False once `over` returns True; `nudge` lets it look again.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._tasks or self._closed or over())
            return not (self._closed or over())

    def nudge(self) -> None:
        """Let those that wait for a task look whether they are over."""
        with self._changed:
            self._changed.notify_all()

    def take(self, count: int) -> list[Assignment]:
        """Remove and return up to `count` tasks that are to run next: at most a slot's share."""
        with self._changed:
            share = 0 if self._closed else -(-len(self._tasks) // max(1, self.slots))
            return [self._tasks.popleft() for _ in range(min(count, share))]

    def take_back(self, count: int) -> list[Assignment]:
        """Remove and return up to `count` tasks that would run last."""
        with self._changed:
            return [self._tasks.pop() for _ in range(min(count, len(self._tasks)))]

    def drop(self, index: int) -> bool:
        """Remove a task and return True; return False if it does not wait."""
        with self._changed:
            before = len(self._tasks)
            self._tasks = deque(task for task in self._tasks if task.index != index)
            return len(self._tasks) < before

    def close(self) -> None:
        """Let no slot take another task."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
