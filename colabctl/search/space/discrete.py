"""What a parameter is drawn from: constants, lists, whole numbers; real numbers are in `laws`.

Each distribution is a frozen value that cannot be made with parameters that mean nothing: it raises
ValueError with a message for the user. `value_at(u)`, for u in (0, 1), is the quantile function of
the reference engine (PyPI `sweeps` 0.3.0, `HyperParameter.ppf`): the same to the bit where that is
arithmetic, to 13 digits where it calls a library. Its quirks, such as rounding past max, are kept.
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
    """Finitely many values in an order, computed when asked for: `at(i)` for 0 <= i < `size`."""

    size: int
    at: Callable[[int], Value]


class Distribution:
    """What a parameter's values are drawn from."""

    word: ClassVar[str]

    @property
    def kind(self) -> str:
        """Its name in W&B's `distribution:`."""
        return self.word

    def value_at(self, u: float) -> Any:
        """Return the value below which a share `u`, in (0, 1), of all draws lies."""
        raise NotImplementedError

    def grid(self) -> Points[Any] | None:
        """Return what a grid visits, in W&B's order; None if W&B allows no grid over it."""
        return None

    def support(self) -> Points[Any] | None:
        """Return every value that can be drawn, once each; None if they cannot be listed."""
        return None


def same(value: Any) -> str:
    """Return a text that is equal for values that W&B's grid takes for one: 1 and 1.0, not "1"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, sort_keys=True)


def position(u: float, low: int, count: int) -> int:
    """Return the integer of low ... low + count - 1 that lies at `u`, all being equally likely."""
    # As scipy.stats.randint.ppf does it: one less where rounding has carried past a boundary.
    value = math.ceil(u * count + low) - 1
    below = min(max(value - 1, low), low + count)
    if (below - low + 1.0) / count >= u:
        value = below
    return min(max(value, low), low + count - 1)


@dataclass(frozen=True)
class Constant(Distribution):
    """One value, whatever it is."""

    word: ClassVar[str] = "constant"
    value: Any

    def value_at(self, u: float) -> Any:  # noqa: ARG002 - there is nothing to choose
        return self.value

    def grid(self) -> Points[Any]:
        return listed_once([self.value])

    def support(self) -> Points[Any]:
        return self.grid()


@dataclass(frozen=True)
class Categorical(Distribution):
    """One of `values`; one that is listed twice is drawn twice as often, and once in a grid."""

    word: ClassVar[str] = "categorical"
    values: Sequence[Any]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("values is empty; list at least one")

    def value_at(self, u: float) -> Any:
        return self.values[position(u, 0, len(self.values))]

    def grid(self) -> Points[Any]:
        return listed_once(self.values)

    def support(self) -> Points[Any]:
        return self.grid()


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
            raise ValueError(f"there are {counts}; give each value its own")
        total = sum(self.probabilities)
        if abs(total - 1) > 1.001e-5:  # numpy.isclose
            raise ValueError(f"the probabilities add up to {total:.6g}, not to 1")

    def value_at(self, u: float) -> Any:
        # Where the sum falls short of 1 by rounding, the engine takes the first value.
        return self.values[bisect_right(self._sums, u) % len(self.values)]

    @cached_property
    def _sums(self) -> list[float]:
        return list(accumulate(self.probabilities))

    def support(self) -> Points[Any]:
        pairs = zip(self.values, self.probabilities, strict=True)
        return listed_once([value for value, probability in pairs if probability > 0])


@dataclass(frozen=True)
class IntUniform(Distribution):
    """A whole number from `min` to `max`, both included."""

    word: ClassVar[str] = "int_uniform"
    min: int
    max: int

    def __post_init__(self) -> None:
        check_order(self.min, self.max)

    def value_at(self, u: float) -> int:
        return position(u, self.min, self.max - self.min + 1)

    def grid(self) -> Points[Any]:
        return Points(self.max - self.min + 1, lambda i: self.min + i)

    def support(self) -> Points[Any]:
        return self.grid()


def listed_once(values: Sequence[Any]) -> Points[Any]:
    """Return the values without repetitions, as W&B's grid does: first place, last spelling."""
    kept = list({same(value): value for value in values}.values())
    return Points(len(kept), kept.__getitem__)


def check_order(low: float, high: float) -> None:
    """Raise ValueError unless `low` is below `high`."""
    if not low < high:
        raise ValueError(f"min {low} is not below max {high}")
