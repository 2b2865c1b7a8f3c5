"""Which tasks belong to which cell; after an extension, a cell has several stretches of them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from colabctl.ledger.extensions.record import cell_key, cells_of
from colabctl.ledger.plan import Plan


@dataclass(frozen=True)
class Stretches:
    """The cell of each stretch of tasks without gaps, in order of index.

    Attributes:
        starts: the first task of each stretch.
        cells: the number of the cell of each.
        numbers: the number in its cell of the first task of each.
        sizes: how many tasks each has.

    """

    starts: tuple[int, ...]
    cells: tuple[int, ...]
    numbers: tuple[int, ...]
    sizes: tuple[int, ...]

    def place(self, index: int) -> tuple[int, int]:
        """Return the cell of a task, and the task's number there."""
        at = bisect_right(self.starts, index) - 1
        return self.cells[at], self.numbers[at] + index - self.starts[at]

    def index(self, cell: int, number: int) -> int:
        """Return the task that has a number in a cell."""
        for start, own, first, size in zip(
            self.starts, self.cells, self.numbers, self.sizes, strict=True
        ):
            if own == cell and first <= number < first + size:
                return start + number - first
        raise IndexError(f"cell {cell} has no task {number}")

    def tasks(self, cell: int) -> Sequence[int]:
        """Return the tasks of a cell, ascending."""
        parts = [
            range(start, start + size)
            for start, own, size in zip(self.starts, self.cells, self.sizes, strict=True)
            if own == cell
        ]
        return parts[0] if len(parts) == 1 else [index for part in parts for index in part]

    def places(self) -> Iterator[tuple[int, int]]:
        """Yield the cell and the number there of each task, by index."""
        for cell, first, size in zip(self.cells, self.numbers, self.sizes, strict=True):
            yield from ((cell, number) for number in range(first, first + size))


def stretches(plan: Plan) -> Stretches:
    """Return the stretches of a sweep's tasks."""
    cells = cells_of(plan)
    declared = cells_of(plan.declared) if plan.declared else cells
    number_of = {cell_key(cell["values"]): number for number, cell in enumerate(cells)}
    parts = [(number_of[cell_key(each["values"])], each["tasks"]) for each in declared]
    parts += [
        (number_of[cell_key(each["values"])], each["tasks"])
        for extension in plan.extensions
        for each in extension.counted()
    ]
    seen = [0] * len(cells)
    numbers = []
    for cell, size in parts:
        numbers.append(seen[cell])
        seen[cell] += size
    sizes = tuple(size for _, size in parts)
    starts = (0, *accumulate(sizes))[:-1]
    return Stretches(starts, tuple(cell for cell, _ in parts), tuple(numbers), sizes)
