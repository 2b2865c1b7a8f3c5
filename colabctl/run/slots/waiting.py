"""The tasks that wait in a slot, in the order in which they are to run."""

from collections import deque
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from colabctl.task import Assignment

# Seconds of work to send to the process at once: those tasks cannot be taken back any more.
HANDOUT_SECONDS = 0.05
_MOST_HANDOUT = 256  # tasks


def handout_size(seconds: float | None) -> int:
    """Return how many tasks to send to the process at once, given the seconds that one takes."""
    if seconds is None:
        return 1
    return max(1, min(_MOST_HANDOUT, int(HANDOUT_SECONDS / max(seconds, 1e-6))))


class Waiting:
    """A queue of tasks. Those that were postponed run after all others."""

    def __init__(self) -> None:
        self._tasks: deque[Assignment] = deque()
        self._postponed: AbstractSet[int] = frozenset()

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def ready(self) -> int:
        """Number of tasks that are not postponed."""
        return sum(task.index not in self._postponed for task in self._tasks)

    def add(self, tasks: Iterable[Assignment]) -> None:
        """Add tasks at the end, before those that are postponed."""
        self._tasks.extend(tasks)
        self.postpone(self._postponed)

    def put_back(self, tasks: Iterable[Assignment]) -> None:
        """Add tasks that are to run before all others."""
        self._tasks.extendleft(reversed(list(tasks)))

    def postpone(self, indices: AbstractSet[int]) -> None:
        """Move these of the tasks to the end; they alone are postponed now."""
        self._postponed = indices & {task.index for task in self._tasks}
        if self._postponed:
            self._tasks = deque(sorted(self._tasks, key=lambda task: task.index in self._postponed))

    def take(self, count: int) -> list[Assignment]:
        """Remove and return up to `count` tasks that are to run next."""
        return [self._tasks.popleft() for _ in range(min(count, len(self._tasks)))]

    def take_back(self, count: int) -> list[Assignment]:
        """Remove and return up to `count` tasks that would run last."""
        return [self._tasks.pop() for _ in range(min(count, len(self._tasks)))]

    def drop(self, index: int) -> bool:
        """Remove a task and return True; return False if it does not wait."""
        before = len(self._tasks)
        self._tasks = deque(task for task in self._tasks if task.index != index)
        return len(self._tasks) < before

    def clear(self) -> None:
        """Remove all tasks."""
        self._tasks.clear()
