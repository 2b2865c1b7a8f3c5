"""A space as a Bayesian search sees it: levels of axes, of which a choice opens further ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from colabctl.search.learn.axes import Axis, axis_of, listed
from colabctl.search.space.uniforms import Path
from colabctl.search.space.space import Choice, Leaf, Nest, Space

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
