"""The tasks that no one holds and that need work."""

from array import array
from collections.abc import Iterable, Iterator


class OpenTasks:
    """A set of task indices; `items` is a list, so k of them can be sampled in O(k).

    Args:
        total: number of tasks of the sweep.
        indices: the tasks in the set, all if None.

    """

    def __init__(self, total: int, indices: Iterable[int] | None = None) -> None:
        self.items = array("i", range(total) if indices is None else indices)
        if indices is None:
            self._positions = self.items[:]
        else:
            self._positions = array("i", [-1]) * total
            for position, index in enumerate(self.items):
                self._positions[index] = position

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[int]:
        return iter(self.items)

    def __contains__(self, index: int) -> bool:
        return self._positions[index] >= 0

    def add(self, index: int) -> None:
        """Add a task, if it is not in the set."""
        if self._positions[index] < 0:
            self._positions[index] = len(self.items)
            self.items.append(index)

    def discard(self, index: int) -> None:
        """Remove a task, if it is in the set."""
        position = self._positions[index]
        if position >= 0:
            last = self.items.pop()
            if last != index:
                self.items[position] = last
                self._positions[last] = position
            self._positions[index] = -1
