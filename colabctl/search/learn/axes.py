"""The axes of a Bayesian search, one for each parameter, and Optuna's distribution for each.

The coordinate of a number is the share of draws below it, as in W&B's engine. So a distribution
says where good values are likely. The coordinate of a listed value is its index.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, count
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from colabctl.conditions.meaning import ABSENT
from colabctl.search.space.constraints import Constraint
from colabctl.search.space.continuous import Continuous, Quantized, Uniform
from colabctl.search.space.discrete import (
    Categorical,
    Constant,
    Distribution,
    IntUniform,
    WeightedCategorical,
    exact_key,
    grid_key,
)
from colabctl.search.space.space import Choice, Leaf, Nest, Space
from colabctl.search.space.uniforms import Path

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

LEAST, MOST = 2.0**-53, 1 - 2.0**-53
"""The least and the greatest uniform number behind draws."""

MOST_LISTED = 1000
"""The most values that an axis lists; more integers are searched like real numbers."""

_SLACK = 1e-9  # times the larger bound: how far rounding may move a value past a bound


@dataclass(frozen=True)
class Real:
    """The axis of a number: its coordinate is a share, from LEAST to MOST."""

    distribution: Continuous | Quantized | IntUniform

    is_searched: ClassVar[bool] = True

    @cached_property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest value that can be drawn."""
        return self.distribution.value_at(LEAST), self.distribution.value_at(MOST)

    def coordinate(self, value: Any) -> float | None:
        """Return the coordinate of a value; None if the parameter cannot have it."""
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        low, high = self.ends
        slack = _SLACK * max(abs(low), abs(high))
        if not low - slack <= value <= high + slack:  # NaN too
            return None
        match self.distribution:
            case Continuous() as continuous:
                share = continuous.share_below(value)
            case Quantized() as quantized:
                share = sum(quantized.share_around(value)) / 2
            case IntUniform(low, high):
                share = (value - low + 0.5) / (high - low + 1)
        return clamped(share)

    def share(self, coordinate: float) -> float:
        """Return the uniform number that gives the value at a coordinate."""
        return clamped(coordinate)

    @cached_property
    def optuna_distribution(self) -> "BaseDistribution":
        """The coordinates as a distribution of Optuna's."""
        from optuna.distributions import FloatDistribution  # noqa: PLC0415 - heavy

        return FloatDistribution(LEAST, MOST)


@dataclass(frozen=True)
class Listed:
    """The axis of a list of values: the coordinate is an index.

    Attributes:
        shares: for each value, a uniform number that gives it
        indices: the index of each value by its key
        ordered: whether neighbours are similar
    """

    shares: Sequence[float]
    indices: Mapping[str, int]
    ordered: bool = False

    @classmethod
    def of(
        cls, values: Sequence[Any], shares: Sequence[float], *, ordered: bool = False
    ) -> "Listed":
        """Return the axis of the distinct values, each with a uniform number that gives it."""
        first = {exact_key(value): i for i, value in reversed(list(enumerate(values)))}
        distinct = sorted(first.values())
        similar = {grid_key(values[i]): index for index, i in reversed(list(enumerate(distinct)))}
        exact = {exact_key(values[i]): index for index, i in enumerate(distinct)}
        return cls([shares[i] for i in distinct], similar | exact, ordered)

    @property
    def is_searched(self) -> bool:
        """Whether this axis is searched; in a long list, a value says nothing about others."""
        return 1 < len(self.shares) <= MOST_LISTED

    def coordinate(self, value: Any) -> int | None:
        """Return the coordinate of a value; None if the parameter cannot have it."""
        index = self.indices.get(exact_key(value))
        return self.indices.get(grid_key(value)) if index is None else index

    def share(self, coordinate: float) -> float:
        """Return the uniform number that gives the value at a coordinate."""
        return self.shares[int(coordinate)]

    @cached_property
    def optuna_distribution(self) -> "BaseDistribution":
        """The coordinates as a distribution of Optuna's."""
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

    Probabilities of listed values matter only for random draws, as at the start of a search. A
    value that is listed twice counts once.
    """
    match distribution:
        case Constant(value):
            return Listed.of([value], [0.5])
        case Categorical(values):
            return _listed([(v, (i + 0.5) / len(values)) for i, v in enumerate(values)])
        case WeightedCategorical(values, probabilities):
            ends = accumulate(probabilities)
            drawn = [
                (value, end - probability / 2)
                for value, probability, end in zip(values, probabilities, ends, strict=True)
                if probability > 0
            ]
            return _listed(drawn)
        case IntUniform() | Quantized(Uniform()):
            points = distribution.support()
            if points is None or points.size > MOST_LISTED:
                return Real(distribution)
            real = Real(distribution)
            values = [points.at(i) for i in range(points.size)]
            shares = [real.coordinate(value) or LEAST for value in values]
            return Listed.of(values, shares, ordered=True)
        case Continuous() | Quantized():
            return Real(distribution)
    raise TypeError(f"no axis for {distribution}")


def _listed(items: list[tuple[Any, float]]) -> Listed:
    """Return the axis of values, each with a uniform number that gives it.

    Numbers are put in order: a list such as [16, 32, 64] is a range of which only some points are
    wanted. Two values say nothing about a third one, so their order does not matter.
    """
    are_numbers = all(type(value) in (int, float) for value, _ in items)
    ordered = are_numbers and len({value for value, _ in items}) > 2
    if ordered:
        items = sorted(items, key=itemgetter(0))
    return Listed.of([value for value, _ in items], [share for _, share in items], ordered=ordered)


def clamped(share: float) -> float:
    """Return the nearest uniform number to a share from 0 to 1."""
    return min(max(share, LEAST), MOST)


Coordinates = Mapping[str, float]
"""The coordinates of a task by the name of the axis."""


@dataclass(frozen=True)
class Dimension:
    """A parameter and its axis; of a choice, also the level of each branch.

    Branches can have different parameters with one path; the name is unique. The values of an axis
    with several paths, of zipped parameters, are rows: lists with a value for each path.
    """

    name: str
    path: Path
    axis: Axis
    branches: tuple["Level", ...] = ()
    zipped: tuple[Path, ...] = ()

    def value(self, params: Mapping[str, Any]) -> Any:
        """Return its value in the parameters of a task; ABSENT if it is not there."""
        if self.zipped:
            row = [_at(params, path) for path in self.zipped]
            return ABSENT if ABSENT in row else row
        return _at(params, self.path)


@dataclass(frozen=True)
class Level:
    """Parameters that exist together, including those in nested maps."""

    dimensions: tuple[Dimension, ...]
    constraints: tuple[Constraint, ...] = ()

    def searched(self) -> tuple[Dimension, ...]:
        """Return the dimensions that are searched."""
        return tuple(d for d in self.dimensions if d.axis.is_searched)

    def walk(self) -> Iterator[Dimension]:
        """Yield every dimension, including those of branches."""
        for dimension in self.dimensions:
            yield dimension
            for branch in dimension.branches:
                yield from branch.walk()

    def coordinates(self, params: Mapping[str, Any]) -> Coordinates | None:
        """Return the coordinates of a task's parameters; None if they are not of this space."""
        coordinates: dict[str, float] = {}
        return coordinates if self.locate(params, coordinates) else None

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Whether parameters are of this space: all of them, within their ranges, and no others.

        They must meet the constraints, too.
        """
        coordinates = self.coordinates(params)
        if coordinates is None or not all(each.allows(params) for each in self.constraints):
            return False
        here = [d for d in self.walk() if d.name in coordinates]
        allowed = {path for d in here for path in d.zipped or (d.path,)}
        return all(path in allowed for path in _paths(params, allowed))

    def locate(self, params: Mapping[str, Any], coordinates: dict[str, float]) -> bool:
        """Add the coordinates of parameters; return False if they are not of this level."""
        for dimension in self.dimensions:
            value = dimension.value(params)
            coordinate = None if value is ABSENT else dimension.axis.coordinate(value)
            if coordinate is None:
                return False
            coordinates[dimension.name] = coordinate
            branches = dimension.branches
            if branches and not branches[int(coordinate)].locate(params, coordinates):
                return False
        return True


def _at(params: Mapping[str, Any], path: Path) -> Any:
    value: Any = params
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return ABSENT
        value = value[name]
    return value


def _paths(params: Mapping[str, Any], ends: AbstractSet[Path], above: Path = ()) -> Iterator[Path]:
    """Yield the paths of parameters; a map is one value if its path is among `ends`."""
    for name, value in params.items():
        path = (*above, name)
        if path not in ends and isinstance(value, Mapping) and value:
            yield from _paths(value, ends, path)
        else:
            yield path


def level_of(space: Space) -> Level:
    """Return the top level of a space, which every task has."""
    return Level(tuple(_dimensions(space, (), map(str, count()))), space.constraints)


def _dimensions(space: Space, above: Path, names: Iterator[str]) -> Iterator[Dimension]:
    zips = {names[0]: names for names in space.zips}
    followers = {name for names in space.zips for name in names[1:]}
    for parameter in space.parameters:
        path = (*above, parameter.name)
        if parameter.name in followers:
            continue
        match parameter:
            case Leaf(name) if name in zips:
                yield _zipped(space, zips[name], above, next(names))
            case Leaf(_, distribution):
                yield Dimension(next(names), path, axis_of(distribution))
            case Nest(_, nested):
                yield from _dimensions(nested, path, names)
            case Choice(_, branches):
                shares = [(i + 0.5) / len(branches) for i in range(len(branches))]
                levels = tuple(
                    Level(tuple(_dimensions(branch, above, names))) for branch in branches.values()
                )
                axis = Listed.of(list(branches), shares)
                yield Dimension(next(names), path, axis, levels)


def _zipped(space: Space, names: tuple[str, ...], above: Path, name: str) -> Dimension:
    rows = [list(row.values()) for row in space.rows(names)]
    shares = [(i + 0.5) / len(rows) for i in range(len(rows))]
    paths = tuple((*above, each) for each in names)
    return Dimension(name, paths[0], Listed.of(rows, shares), zipped=paths)
