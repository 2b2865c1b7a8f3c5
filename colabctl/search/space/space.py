"""The space of a sweep: the parameters that its tasks can have, listed or drawn at random.

The parameters of a space have different names and are in alphabetical order, W&B's order in a grid.
A parameter is a leaf with a distribution, a nest (a map of parameters), or a choice. The value of a
choice names one of its branches, whose parameters are on the same level as the choice.
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
        """The names that its branches define, including those of choices inside them."""
        return frozenset().union(*(branch.every_name for branch in self.branches.values()))

    @cached_property
    def size(self) -> int:
        """The number of parameters and spaces in it, including itself."""
        return 1 + sum(branch.size for branch in self.branches.values())


Parameter = Leaf | Nest | Choice


@dataclass(frozen=True)
class Space:
    """Parameters of one level; no branch has their names (see `overrides.resolved`)."""

    parameters: tuple[Parameter, ...] = ()

    @classmethod
    def of(cls, parameters: Iterable[Parameter]) -> "Space":
        """Return a space of these parameters."""
        return cls(tuple(sorted(parameters, key=lambda parameter: parameter.name)))

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """The parameters that every task has."""
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """The parameters that are choices."""
        return tuple(p for p in self.parameters if isinstance(p, Choice))

    @cached_property
    def every_name(self) -> frozenset[str]:
        """The names of this level and of all branches."""
        return frozenset(self.by_name).union(*(choice.below for choice in self.choices))

    @cached_property
    def size(self) -> int:
        """The number of parameters and spaces in it, including itself."""
        nests = sum(p.space.size for p in self.parameters if isinstance(p, Nest))
        choices = sum(choice.size for choice in self.choices)
        return 1 + len(self.parameters) + nests + choices

    def walk(self, above: Path = ()) -> Iterator[tuple[Path, Parameter]]:
        """Yield every parameter with its path, including those in nests and branches."""
        for parameter in self.parameters:
            path = (*above, parameter.name)
            yield path, parameter
            match parameter:
                case Nest(_, space):
                    yield from space.walk(path)
                case Choice(_, branches):
                    for branch in branches.values():
                        yield from branch.walk(above)

    def fixed(self, name: str) -> Iterator[tuple[Any, "Space"]]:
        """Yield each value that the leaf or choice `name` can have, and the space that remains.

        A fixed choice is replaced by the parameters of its branch, as W&B has no choices.
        """
        parameter = self.by_name[name]
        others = [other for other in self.parameters if other is not parameter]
        if isinstance(parameter, Choice):
            for value, branch in parameter.branches.items():
                yield value, Space.of((*others, *branch.parameters, Leaf(name, Constant(value))))
        elif isinstance(parameter, Leaf) and (points := parameter.distribution.grid()):
            for value in map(points.at, range(points.size)):
                yield value, Space.of((*others, Leaf(name, Constant(value))))

    def points(self, *, grid: bool) -> Points[Values] | None:
        """Return every combination of values, of a grid or that can be drawn; None if infinite.

        The last name varies fastest; the branches of a choice follow each other. A point is
        computed from its number, without enumerating the others.
        """
        axes: list[tuple[str, bool, Points[Any]]] = []
        for parameter in self.parameters:
            match parameter:
                case Leaf(_, distribution):
                    axis = distribution.grid() if grid else distribution.support()
                case Nest(_, space):
                    axis = space.points(grid=grid)
                case Choice():
                    axis = _branch_points(parameter, grid=grid)
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
        self, uniforms: Callable[[Path], Uniform], above: Path = ()
    ) -> Callable[[int], Values]:
        """Return a function from the number of a trial to its parameters.

        The draws of a parameter depend on its path in the task's parameters, not on its branch. So
        they do not change when it moves out of a branch.
        """
        constants: Values = dict.fromkeys(self.by_name)
        leaves: list[tuple[str, Uniform, Callable[[float], Any]]] = []
        nests: list[tuple[str, Callable[[int], Values]]] = []
        choices: list[tuple[str, Uniform, list[tuple[str, Callable[[int], Values]]]]] = []
        for parameter in self.parameters:
            path = (*above, parameter.name)
            match parameter:
                case Leaf(name, Constant(value)):
                    constants[name] = value
                case Leaf(name, distribution):
                    leaves.append((name, uniforms(path), distribution.value_at))
                case Nest(name, space):
                    nests.append((name, space.sampler(uniforms, path)))
                case Choice(name, branches):
                    samplers = [(b, s.sampler(uniforms, above)) for b, s in branches.items()]
                    choices.append((name, uniforms(path), samplers))

        def sample(trial: int) -> Values:
            values = constants.copy()
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


def _branch_points(choice: Choice, *, grid: bool) -> Points[Values] | None:
    """Return the points of each branch in turn, with the choice's own value."""
    branches: list[tuple[str, Points[Values]]] = []
    for name, space in choice.branches.items():
        points = space.points(grid=grid)
        if points is None:
            return None
        branches.append((name, points))
    ends = list(accumulate(points.size for _, points in branches))

    def at(index: int) -> Values:
        number = bisect_right(ends, index)
        name, points = branches[number]
        return {choice.name: name} | points.at(index - ends[number] + points.size)

    return Points(ends[-1], at)
