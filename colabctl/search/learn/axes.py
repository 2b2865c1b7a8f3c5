"""The axes that a Bayesian search moves along: one for each parameter, and Optuna's word for each.

A number is searched by its quantile, the share of draws below it, as in W&B's own engine: so each
law counts as what it says about where good values are. A list is searched by position.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, count
from typing import TYPE_CHECKING, Any

from colabctl.search.space.continuous import (
    Law,
    Quantized,
    Uniform,
)
from colabctl.search.space.discrete import (
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    WeightedCategorical,
    same,
)
from colabctl.search.space.space import Choice, Leaf, Nest, Space
from colabctl.search.space.uniforms import Path

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST, MOST = 2.0**-53, 1 - 2.0**-53
"""The ends of the uniform numbers that draws are made of."""

MOST_LISTED = 1000
"""Values that an axis lists; more whole numbers than that are searched as if they were real."""

_SLACK = 1e-9  # of the larger bound: what rounding may have carried a value past a bound


@dataclass(frozen=True)
class Real:
    """The axis of a number: its coordinate is a share, from LEAST to MOST."""

    law: Law | Quantized | IntUniform

    @property
    def is_searched(self) -> bool:
        """Whether there is anything to find."""
        return True

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value that is drawn."""
        return self.law.value_at(LEAST), self.law.value_at(MOST)

    def coordinate(self, value: Any) -> float | None:
        """Return where a value lies; None if the parameter cannot have it."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        low, high = self.ends
        slack = _SLACK * max(abs(low), abs(high))
        if not low - slack <= value <= high + slack:  # NaN too
            return None
        match self.law:
            case Law() as law:
                share = law.share_below(value)
            case Quantized() as law:
                share = sum(law.share_around(value)) / 2
            case IntUniform(low, high):
                share = (value - low + 0.5) / (high - low + 1)
        return inside(share)

    def share(self, coordinate: float) -> float:
        """Return the uniform number that gives the value at a coordinate."""
        return inside(coordinate)

    @cached_property
    def distribution(self) -> "BaseDistribution":
        """The coordinates as Optuna has them."""
        from optuna.distributions import FloatDistribution  # noqa: PLC0415 - heavy

        return FloatDistribution(LEAST, MOST)


@dataclass(frozen=True)
class Listed:
    """The axis of one of several values: its coordinate is a position in the list.

    shares   for each value a uniform number that gives it
    places   the position of each value by its JSON text
    ordered  whether neighbours are alike
    """

    shares: Sequence[float]
    places: Mapping[str, int]
    ordered: bool = False

    @property
    def is_searched(self) -> bool:
        """Whether there is anything to find: in a long list one value says nothing of others."""
        return 1 < len(self.shares) <= MOST_LISTED

    def coordinate(self, value: Any) -> int | None:
        """Return where a value lies; None if the parameter cannot have it."""
        place = self.places.get(text(value))
        return self.places.get(same(value)) if place is None else place

    def share(self, coordinate: float) -> float:
        """Return the uniform number that gives the value at a coordinate."""
        return self.shares[int(coordinate)]

    @cached_property
    def distribution(self) -> "BaseDistribution":
        """The coordinates as Optuna has them."""
        from optuna.distributions import (  # noqa: PLC0415 - heavy
            CategoricalDistribution,
            IntDistribution,
        )

        count = len(self.shares)
        return (
            IntDistribution(0, count - 1) if self.ordered else CategoricalDistribution(range(count))
        )


Axis = Real | Listed


def axis_of(distribution: Distribution) -> Axis:
    """Return the axis of a parameter.

    Probabilities of listed values count for random draws, those at the start of a search among
    them; from then on its results say which value is good. Values listed twice count once.
    """
    match distribution:
        case Constant(value):
            return listed([value], [0.5])
        case Categorical(values):
            return listed(values, [(i + 0.5) / len(values) for i in range(len(values))])
        case WeightedCategorical(values, probabilities):
            ends = accumulate(probabilities)
            drawn = [
                (value, end - probability / 2)
                for value, probability, end in zip(values, probabilities, ends, strict=True)
                if probability > 0
            ]
            return listed([value for value, _ in drawn], [share for _, share in drawn])
        case IntUniform() | Quantized(Uniform()):
            points = distribution.support()
            if points is None or points.size > MOST_LISTED:
                return Real(distribution)
            real = Real(distribution)
            values = [points.at(i) for i in range(points.size)]
            shares = [real.coordinate(value) or LEAST for value in values]
            return listed(values, shares, ordered=True)
        case Law() | Quantized():
            return Real(distribution)
    raise TypeError(f"no axis for {distribution}")


def listed(values: Sequence[Any], shares: Sequence[float], *, ordered: bool = False) -> Listed:
    """Return the axis of these values, each with a uniform number that gives it."""
    first = {text(value): i for i, value in reversed(list(enumerate(values)))}
    kept = sorted(first.values())
    alike = {same(values[i]): place for place, i in reversed(list(enumerate(kept)))}
    places = {text(values[i]): place for place, i in enumerate(kept)}
    return Listed([shares[i] for i in kept], alike | places, ordered)


def inside(share: float) -> float:
    """Return the uniform number that is nearest to a share from 0 to 1."""
    return min(max(share, LEAST), MOST)


def text(value: Any) -> str:
    """Return a text that tells 1, 1.0, True and "1" apart."""
    return json.dumps(value, sort_keys=True)


Coordinates = Mapping[str, float]
"""The name of an axis to the coordinate on it, for the axes that a task has."""


@dataclass(frozen=True)
class Dimension:
    """One parameter: its axis, and what each of its values opens if it is a choice.

    The same path stands for different parameters in different branches; the name is unique.
    """

    name: str
    path: Path
    axis: Axis
    opens: tuple["Level", ...] = ()


@dataclass(frozen=True)
class Level:
    """Parameters that exist together, those in nested maps included."""

    dimensions: tuple[Dimension, ...]

    def searched(self) -> tuple[Dimension, ...]:
        """Return those among which there is anything to find."""
        return tuple(d for d in self.dimensions if d.axis.is_searched)

    def coordinates(self, params: Mapping[str, Any]) -> Coordinates | None:
        """Return where the parameters of a task lie, or None if they are none of this space."""
        found: dict[str, float] = {}
        return found if self.find(params, found) else None

    def find(self, params: Mapping[str, Any], found: dict[str, float]) -> bool:
        """Add where the parameters lie to `found`; return False if they are none of this level."""
        for dimension in self.dimensions:
            value: Any = params
            for name in dimension.path:
                if not isinstance(value, Mapping) or name not in value:
                    return False
                value = value[name]
            coordinate = dimension.axis.coordinate(value)
            if coordinate is None:
                return False
            found[dimension.name] = coordinate
            if dimension.opens and not dimension.opens[int(coordinate)].find(params, found):
                return False
        return True


def level_of(space: Space) -> Level:
    """Return the levels of a space, the one that is always there on top."""
    return _level(space, (), map(str, count()))


def _level(space: Space, inside: Path, names: Iterator[str]) -> Level:
    return Level(tuple(_dimensions(space, inside, names)))


def _dimensions(space: Space, inside: Path, names: Iterator[str]) -> Iterator[Dimension]:
    for parameter in space.parameters:
        path = (*inside, parameter.name)
        match parameter:
            case Leaf(_, distribution):
                yield Dimension(next(names), path, axis_of(distribution))
            case Nest(_, nested):
                yield from _dimensions(nested, path, names)
            case Choice(_, branches):
                shares = [(i + 0.5) / len(branches) for i in range(len(branches))]
                opens = tuple(_level(branch, inside, names) for branch in branches.values())
                yield Dimension(next(names), path, listed(list(branches), shares), opens)
