"""Says how often each configuration of a sweep runs, and how the values of its tasks become one."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, get_args

Aggregate = Literal["mean", "median", "min", "max"]
"""How the values of a configuration's tasks become one."""


@dataclass(frozen=True)
class Repeat:
    """The repeats of each configuration.

    The tasks of a configuration follow each other, one for each of the `values`. A task has its
    value as the parameter `name`; without a name, only as its number.
    """

    name: str | None = None
    values: tuple[Any, ...] = (0,)
    aggregate: Aggregate = "mean"

    @property
    def count(self) -> int:
        """Number of tasks of each configuration."""
        return len(self.values)

    def params(self, index: int) -> dict[str, Any]:
        """Return what a task has besides the parameters of its configuration.

        `index` is its number in the sweep or in its cell.
        """
        return {} if self.name is None else {self.name: self.values[index % self.count]}

    def configuration(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of a task's configuration."""
        return {name: value for name, value in params.items() if name != self.name}

    def aggregated(self, values: Sequence[float]) -> float:
        """Return one value for those of a configuration's tasks, of which there is at least one."""
        return _AGGREGATES[self.aggregate](values)


ONCE = Repeat()
"""Every configuration is one task."""


def mean(values: Sequence[float]) -> float:
    """Return the mean of values, which may be infinite or very large."""
    try:
        return math.fsum(values) / len(values)
    except (OverflowError, ValueError):
        return sum(value / len(values) for value in values)


_AGGREGATES: Mapping[Aggregate, Callable[[Sequence[float]], float]] = {
    "mean": mean,
    "median": median,
    "min": min,
    "max": max,
}


def encode(repeat: Repeat | None) -> dict[str, Any] | None:
    """Return the value as plan.json has it."""
    return None if repeat is None else {**vars(repeat), "values": list(repeat.values)}


def decode(value: Mapping[str, Any] | None) -> Repeat:
    """Return the value that plan.json has, ONCE for None; raise ValueError if it is damaged."""
    match value:
        case None:
            return ONCE
        case {"name": str() | None as name, "values": [_, *_] as values, "aggregate": how} if (
            how in get_args(Aggregate)
        ):
            return Repeat(name, tuple(values), how)
    raise ValueError(f"repeat is {value!r:.60}")
