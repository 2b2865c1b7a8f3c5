"""The base of all distributions, and the discrete ones: constants, lists and integers.

A distribution is a frozen value. Creating one with arguments that make no sense raises ValueError
with a message for the user. `value_at(u)`, for u in (0, 1), is the quantile function of W&B's
engine (PyPI `sweeps` 0.3.0, `HyperParameter.ppf`), with its quirks, such as rounding past max. It
is equal bit for bit where that is arithmetic, and to 13 digits where that calls a library.
"""
# ruff: noqa: D102 - the base class says what the methods do

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, ClassVar, Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True)
class Points(Generic[Value]):
    """A finite sequence of values, each computed on demand: `at(i)` for 0 <= i < `size`."""

    size: int
    at: Callable[[int], Value]


class Distribution:
    """The distribution of a parameter's values."""

    word: ClassVar[str]

    @property
    def kind(self) -> str:
        """The name in W&B's `distribution:`."""
        return self.word

    def value_at(self, u: float) -> Any:
        """Return the quantile of `u`, in (0, 1): a share `u` of draws is below it."""
        raise NotImplementedError

    def grid(self) -> Points[Any] | None:
        """Return the values of a grid in W&B's order; None if W&B does not allow a grid."""
        return None

    def support(self) -> Points[Any] | None:
        """Return every value that can be drawn, each once; None if they cannot be listed."""
        return self.grid()


def grid_key(value: Any) -> str:
    """Return a text that is the same for values that W&B's grid takes for one: 1 and 1.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def exact_key(value: Any) -> str:
    """Return a text that differs for 1, 1.0, True and "1"."""
    return json.dumps(value, sort_keys=True)


def position(u: float, low: int, count: int) -> int:
    """Return the quantile of `u` among the equally likely integers from low to low + count - 1."""
    # As in scipy.stats.randint.ppf: one less where rounding went past a boundary.
    value = math.ceil(u * count + low) - 1
    below = min(max(value - 1, low), low + count)
    if (below - low + 1.0) / count >= u:
        value = below
    return min(max(value, low), low + count - 1)


@dataclass(frozen=True)
class Constant(Distribution):
    """One value of any kind."""

    word: ClassVar[str] = "constant"
    value: Any

    def value_at(self, u: float) -> Any:  # noqa: ARG002 - there is one value only
        return self.value

    def grid(self) -> Points[Any]:
        return distinct_points([self.value])


@dataclass(frozen=True)
class Categorical(Distribution):
    """One of `values`; one listed twice is drawn twice as often, but appears once in a grid."""

    word: ClassVar[str] = "categorical"
    values: Sequence[Any]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("values is empty; list at least one")

    def value_at(self, u: float) -> Any:
        return self.values[position(u, 0, len(self.values))]

    def grid(self) -> Points[Any]:
        return distinct_points(self.values)


@dataclass(frozen=True)
class WeightedCategorical(Distribution):
    """One of `values`, each with its probability."""

    word: ClassVar[str] = "categorical_w_probabilities"
    values: Sequence[Any]
    probabilities: Sequence[float]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("values is empty; list at least one")
        if len(self.values) != len(self.probabilities):
            counts = f"{len(self.values)} values but {len(self.probabilities)} probabilities"
            raise ValueError(f"there are {counts}; give each value one")
        total = sum(self.probabilities)
        if abs(total - 1) > 1.001e-5:  # numpy.isclose
            raise ValueError(f"the probabilities add up to {total:.6g}, not to 1")

    def value_at(self, u: float) -> Any:
        # Where rounding leaves the sum below 1, the engine takes the first value.
        return self.values[bisect_right(self._sums, u) % len(self.values)]

    @cached_property
    def _sums(self) -> list[float]:
        return list(accumulate(self.probabilities))

    def support(self) -> Points[Any]:
        pairs = zip(self.values, self.probabilities, strict=True)
        return distinct_points([value for value, probability in pairs if probability > 0])


@dataclass(frozen=True)
class IntUniform(Distribution):
    """An integer from `min` to `max`, both included."""

    word: ClassVar[str] = "int_uniform"
    min: int
    max: int

    def __post_init__(self) -> None:
        check_order(self.min, self.max)

    def value_at(self, u: float) -> int:
        return position(u, self.min, self.max - self.min + 1)

    def grid(self) -> Points[Any]:
        return Points(self.max - self.min + 1, lambda i: self.min + i)


def distinct_points(values: Sequence[Any]) -> Points[Any]:
    """Return the distinct values as W&B's grid does: the last of equals, where the first was."""
    distinct = list({grid_key(value): value for value in values}.values())
    return Points(len(distinct), distinct.__getitem__)


def check_order(low: float, high: float) -> None:
    """Raise ValueError unless `low` is below `high`."""
    if not low < high:
        raise ValueError(f"min {low} is not below max {high}")
