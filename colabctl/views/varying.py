"""Says which parameters, metrics and attributes differ between tasks."""

from collections.abc import Iterable, Mapping
from typing import Any

from colabctl.views.columns import flat


class Variation:
    """The names that occur in the values of some tasks, and those whose values differ.

    The tasks are added one by one; each needs about a microsecond.

    Attributes:
        names: all names, in order of first appearance, each with its first value.
        count: number of tasks.

    """

    def __init__(self) -> None:
        self.names: dict[str, Any] = {}
        self._same: dict[str, Any] = {}  # names with one value so far
        self._absent: set[str] = set()  # names that some tasks lack
        self.count = 0

    def add(self, values: Mapping[str, Any]) -> None:
        """Add a task: its values by name, nested names with dots (see `columns.flat`)."""
        if values.keys() != self.names.keys():
            self._compare_names(values)
        self.count += 1
        differing = [
            name
            for name, value in self._same.items()
            if name in values and not _equal(values[name], value)
        ]
        for name in differing:
            del self._same[name]

    def _compare_names(self, values: Mapping[str, Any]) -> None:
        names = self.names
        self._absent.update(name for name in names if name not in values)
        for name, value in values.items():
            if name not in names:
                names[name] = self._same[name] = value
                if self.count:
                    self._absent.add(name)

    def varying(self, *, absence: bool = True) -> list[str]:
        """Return the names whose values differ between tasks, in order.

        With `absence`, a name that some tasks lack counts, as a parameter does that only one branch
        of the space has. Without, only values count: a task that failed has no metrics.
        """
        return [
            name
            for name in self.names
            if name not in self._same or (absence and name in self._absent)
        ]


def varying(tasks: Iterable[Mapping[str, Any]], *, absence: bool = True) -> list[str]:
    """Return the names whose values differ between tasks, in order of first appearance.

    `tasks` holds the parameters of each task (or its metrics, or attributes), as they are in the
    ledger. Nested maps give names with dots. For `absence`, see `Variation.varying`.
    """
    variation = Variation()
    for values in tasks:
        variation.add(flat(values))
    return variation.varying(absence=absence)


def _equal(one: Any, other: Any) -> bool:
    """Whether two values look the same to a person: 1 and 1.0 do, 1 and true do not."""
    if one is other:
        return True
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other) or (one != one and other != other)  # noqa: PLR0124 - NaN
