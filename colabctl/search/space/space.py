"""The space of a sweep: what a task's parameters can be, listed point by point or drawn at random.

A space holds parameters with different names, in alphabetical order, W&B's order in a grid. A
parameter is a leaf with a distribution, a nest (a map of parameters in the task's parameters), or a
choice, whose value names a branch; the parameters of that branch stand beside the choice.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from colabctl.search.space.discrete import Constant, Distribution, Points, position
from colabctl.search.space.uniforms import Path, Uniform

Values = dict[str, Any]
"""The parameters of one task."""

Listing = Callable[[Distribution], Points[Any] | None]
"""Which points of a distribution count: its `grid()` or its `support()`."""


@dataclass(frozen=True)
class Leaf:
    """A parameter with a value of its own."""

    name: str
    distribution: Distribution


@dataclass(frozen=True)
class Nest:
    """A parameter whose value is a map of parameters."""

    name: str
    space: "Space"


@dataclass(frozen=True)
class Choice:
    """A parameter whose value names one of its branches."""

    name: str
    branches: Mapping[str, "Space"]

    @cached_property
    def below(self) -> frozenset[str]:
        """The names that its branches define, and the choices inside them."""
        return frozenset().union(*(branch.every_name for branch in self.branches.values()))

    @cached_property
    def size(self) -> int:
        """How many parameters and spaces it holds."""
        return 1 + sum(branch.size for branch in self.branches.values())


Parameter = Leaf | Nest | Choice


@dataclass(frozen=True)
class Space:
    """Parameters of one level, whose names no branch of theirs has (see `branches.settled`)."""

    parameters: tuple[Parameter, ...] = ()

    @classmethod
    def of(cls, parameters: Iterable[Parameter]) -> "Space":
        """Return a space of these parameters."""
        return cls(tuple(sorted(parameters, key=lambda parameter: parameter.name)))

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """The parameters that are always there."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """Those of them that are choices."""
        return tuple(p for p in self.parameters if isinstance(p, Choice))

    @cached_property
    def every_name(self) -> frozenset[str]:
        """The names of this level, those in branches included."""
        return frozenset(self.by_name).union(*(choice.below for choice in self.choices))

    @cached_property
    def size(self) -> int:
        """How many parameters and spaces it holds, itself included."""
        nests = sum(p.space.size for p in self.parameters if isinstance(p, Nest))
        choices = sum(choice.size for choice in self.choices)
        return 1 + len(self.parameters) + nests + choices

    def fixed(self, name: str) -> Iterator[tuple[Any, "Space"]]:
        """Yield each value that the leaf or choice `name` can have, and the space that is left.

        A fixed choice leaves the parameters of its branch, so what is left is as plain as W&B's.
        """
        parameter = self.by_name[name]
        others = [other for other in self.parameters if other is not parameter]
        if isinstance(parameter, Choice):
            for value, branch in parameter.branches.items():
                yield value, Space.of((*others, *branch.parameters, Leaf(name, Constant(value))))
        elif isinstance(parameter, Leaf) and (points := parameter.distribution.grid()):
            for value in map(points.at, range(points.size)):
                yield value, Space.of((*others, Leaf(name, Constant(value))))

    def points(self, listing: Listing) -> Points[Values] | None:
        """Return every combination of values, the last name varying fastest; None if endless.

        Nothing is enumerated: a point is computed from its number. Where a choice is left, its
        branches follow each other at the place of its name.
        """
        axes: list[tuple[str, bool, Points[Any]]] = []
        for parameter in self.parameters:
            match parameter:
                case Leaf(_, distribution):
                    axis = listing(distribution)
                case Nest(_, space):
                    axis = space.points(listing)
                case Choice():
                    axis = _branch_points(parameter, listing)
            if axis is None:
                return None
            axes.append((parameter.name, isinstance(parameter, Choice), axis))
        axes.reverse()
        names = dict.fromkeys(self.by_name)

        def at(index: int) -> Values:
            values: Values = names.copy()
            for name, is_choice, axis in axes:
                index, i = divmod(index, axis.size)
                if is_choice:
                    values.update(axis.at(i))
                else:
                    values[name] = axis.at(i)
            return values

        return Points(math.prod(axis.size for _, _, axis in axes), at)

    def sampler(
        self, uniforms: Callable[[Path], Uniform], inside: Path = ()
    ) -> Callable[[int], Values]:
        """Return what draws the parameters of each trial.

        A parameter's numbers depend on its path in the task's parameters, not on its branch, so
        they stay the same when it moves from a branch to what is shared.
        """
        known: Values = dict.fromkeys(self.by_name)
        leaves: list[tuple[str, Uniform, Callable[[float], Any]]] = []
        nests: list[tuple[str, Callable[[int], Values]]] = []
        choices: list[tuple[str, Uniform, list[tuple[str, Callable[[int], Values]]]]] = []
        for parameter in self.parameters:
            path = (*inside, parameter.name)
            match parameter:
                case Leaf(name, Constant(value)):
                    known[name] = value
                case Leaf(name, distribution):
                    leaves.append((name, uniforms(path), distribution.value_at))
                case Nest(name, space):
                    nests.append((name, space.sampler(uniforms, path)))
                case Choice(name, branches):
                    samplers = [(b, s.sampler(uniforms, inside)) for b, s in branches.items()]
                    choices.append((name, uniforms(path), samplers))

        def sample(trial: int) -> Values:
            values = known.copy()
            for name, uniform, value_at in leaves:
                values[name] = value_at(uniform(trial))
            for name, nested in nests:
                values[name] = nested(trial)
            for name, uniform, branches in choices:
                branch, chosen = branches[position(uniform(trial), 0, len(branches))]
                values[name] = branch
                values.update(chosen(trial))
            return values

        return sample


def _branch_points(choice: Choice, listing: Listing) -> Points[Values] | None:
    """Return the points of each branch in turn, with the choice's own value."""
    branches: list[tuple[str, Points[Values]]] = []
    for name, space in choice.branches.items():
        points = space.points(listing)
        if points is None:
            return None
        branches.append((name, points))
    ends = list(accumulate(points.size for _, points in branches))

    def at(index: int) -> Values:
        number = bisect_right(ends, index)
        name, points = branches[number]
        return {choice.name: name} | points.at(index - ends[number] + points.size)

    return Points(ends[-1], at)
