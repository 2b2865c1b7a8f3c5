"""The space of a sweep: the parameters that its tasks can have, listed or drawn at random.

The parameters of a space have different names and are in alphabetical order, W&B's order in a grid.
A parameter is a leaf with a distribution, a nest (a map of parameters), or a choice. The value of a
choice names one of its branches, whose parameters are on the same level as the choice.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from colabctl.search.space.constrained import Axis, TooManyError, constrained, product
from colabctl.search.space.constraints import Constraint, linked, nothing_left
from colabctl.search.space.discrete import (
    Categorical,
    Constant,
    Distribution,
    Points,
    grid_key,
    position,
)
from colabctl.search.space.uniforms import Path, Uniform

Values = dict[str, Any]
"""The parameters of one task."""

_MOST_CHECKED = 3_000_000  # combinations of a grid that constraints are checked for
_MOST_LISTED = 100_000  # the same where the points need not be known, as they can be drawn
_MOST_DRAWS = 10_000  # until one meets the constraints
_AGAIN = 2**60  # draws of a trial that has drawn before are this far apart


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
    """Parameters of one level; no branch has their names (see `overrides.resolved`).

    Attributes:
        zips: the names of parameters whose values go together; each has a list of equal length.
        constraints: what the parameters meet; on the top level only.
    """

    parameters: tuple[Parameter, ...] = ()
    zips: tuple[tuple[str, ...], ...] = ()
    constraints: tuple[Constraint, ...] = ()

    @classmethod
    def of(
        cls,
        parameters: Iterable[Parameter],
        zips: Iterable[tuple[str, ...]] = (),
        constraints: Iterable[Constraint] = (),
    ) -> "Space":
        """Return a space of these parameters."""
        ordered = sorted(parameters, key=lambda parameter: parameter.name)
        return cls(tuple(ordered), tuple(zips), tuple(constraints))

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

    def rows(self, names: Sequence[str]) -> list[Values]:
        """Return the rows of zipped parameters, with a value for each name."""
        lists = [
            parameter.distribution.values
            for name in names
            if isinstance(parameter := self.by_name[name], Leaf)
            and isinstance(parameter.distribution, Categorical)
        ]
        return [dict(zip(names, row, strict=True)) for row in zip(*lists, strict=True)]

    def _row_points(self, name: str) -> Points[Values]:
        """Return the distinct rows of the parameters that are zipped with `name`."""
        names = next(names for names in self.zips if name in names)
        rows = {grid_key(list(row.values())): row for row in self.rows(names)}
        return Points(len(rows), list(rows.values()).__getitem__)

    def fixed(self, name: str) -> Iterator[tuple[Values, "Space"]]:
        """Yield each value that the leaf or choice `name` can have, and the space that remains.

        A fixed choice is replaced by the parameters of its branch, as W&B has no choices. With a
        parameter, those that are zipped with it are fixed.
        """
        parameter = self.by_name[name]
        names = next((names for names in self.zips if name in names), (name,))
        others = [other for other in self.parameters if other.name not in names]
        zips = [each for each in self.zips if each != names]
        if isinstance(parameter, Choice):
            for value, branch in parameter.branches.items():
                rest = (*others, *branch.parameters, Leaf(name, Constant(value)))
                yield {name: value}, Space.of(rest, (*zips, *branch.zips), self.constraints)
        elif len(names) > 1:
            rows = self._row_points(name)
            for row in map(rows.at, range(rows.size)):
                leaves = (Leaf(each, Constant(value)) for each, value in row.items())
                ordered = {name: row[name]} | row
                yield ordered, Space.of((*others, *leaves), zips, self.constraints)
        elif isinstance(parameter, Leaf) and (points := parameter.distribution.grid()):
            for value in map(points.at, range(points.size)):
                leaf = Leaf(name, Constant(value))
                yield {name: value}, Space.of((*others, leaf), zips, self.constraints)

    def points(self, *, grid: bool) -> Points[Values] | None:
        """Return every combination of values, of a grid or that can be drawn; None if infinite.

        The last name varies fastest; the branches of a choice follow each other. A point is
        computed from its number, without enumerating the others. Constraints leave points out.

        Raises UserError for a grid with too many points to check, and returns None for so many
        that can be drawn.
        """
        axes = self._axes(grid=grid)
        if axes is None:
            return None
        if not self.constraints:
            return product(axes, self.by_name)
        return self._grid_left if grid else self._support_left

    def allows(self, values: Mapping[str, Any]) -> bool:
        """Whether parameters meet the constraints."""
        return all(constraint.allows(values) for constraint in self.constraints)

    @cached_property
    def groups(self) -> list["Space"]:
        """The smallest spaces of parameters that constraints link, each with its constraints."""
        zipped = {name: names for names in self.zips for name in names}
        names = {frozenset(zipped.get(p.name, (p.name,))) | _below(p) for p in self.parameters}
        return [
            Space(
                tuple(p for p in self.parameters if p.name in group),
                tuple(each for each in self.zips if each[0] in group),
                tuple(constraints),
            )
            for group, constraints in linked(names, self.constraints)
        ]

    def empty_group(self, *, grid: bool) -> "Space | None":
        """Return a group whose constraints allow nothing, if there is one and it can be listed."""
        return next(
            (
                each
                for each in self.groups
                if (points := each.points(grid=grid)) and not points.size
            ),
            None,
        )

    @cached_property
    def _grid_left(self) -> Points[Values]:
        axes = self._axes(grid=True)
        assert axes is not None
        try:
            return constrained(axes, self.by_name, self.constraints, _MOST_CHECKED)
        except TooManyError:
            raise nothing_left(
                self.constraints,
                f"more than {_MOST_CHECKED:,} combinations of the grid to check; list fewer "
                "values, or use method: random with trials:",
            ) from None

    @cached_property
    def _support_left(self) -> Points[Values] | None:
        axes = self._axes(grid=False)
        assert axes is not None
        try:
            return constrained(axes, self.by_name, self.constraints, _MOST_LISTED)
        except TooManyError:
            return None

    def _axes(self, *, grid: bool) -> list[Axis] | None:
        axes: list[Axis] = []
        firsts = {min(names): names for names in self.zips}
        followers = {name for names in self.zips for name in names} - firsts.keys()
        for parameter in self.parameters:
            name = parameter.name
            points: Points[Any] | None
            if name in followers:
                continue
            if name in firsts:
                axes.append(Axis(name, frozenset(firsts[name]), self._row_points(name), maps=True))
                continue
            match parameter:
                case Leaf(_, distribution):
                    points = distribution.grid() if grid else distribution.support()
                case Nest(_, space):
                    points = space.points(grid=grid)
                case Choice():
                    points = _branch_points(parameter, grid=grid)
            if points is None:
                return None
            names = frozenset({name}) | _below(parameter)
            axes.append(Axis(name, names, points, maps=isinstance(parameter, Choice)))
        return axes

    def sampler(
        self, uniforms: Callable[[Path], Uniform], above: Path = ()
    ) -> Callable[[int], Values]:
        """Return a function from the number of a trial to its parameters.

        The draws of a parameter depend on its path in the task's parameters, not on its branch. So
        they do not change when it moves out of a branch. A draw that breaks a constraint is drawn
        again, together with the parameters that constraints link with it, and no others.

        The function raises NothingLeftError if no draw meets the constraints.
        """
        draw = self.draws(uniforms, above)
        if not self.constraints:
            return draw
        redraws = [_until_allowed(group, uniforms) for group in self.groups]

        def sample(trial: int) -> Values:
            values = draw(trial)
            if self.allows(values):
                return values
            for group, redraw in zip(self.groups, redraws, strict=True):
                for parameter in group.parameters:
                    for name in (parameter.name, *_below(parameter)):
                        values.pop(name, None)
                values.update(redraw(trial))
            return {name: values[name] for name in (*self.by_name, *values)}

        return sample

    def draws(
        self, uniforms: Callable[[Path], Uniform], above: Path = ()
    ) -> Callable[[int], Values]:
        """Return the same as `sampler`, for draws that may break constraints."""
        constants: Values = dict.fromkeys(self.by_name)
        firsts = {name: names[0] for names in self.zips for name in names}
        leaves: list[tuple[str, Uniform, Callable[[float], Any]]] = []
        nests: list[tuple[str, Callable[[int], Values]]] = []
        choices: list[tuple[str, Uniform, list[tuple[str, Callable[[int], Values]]]]] = []
        for parameter in self.parameters:
            path = (*above, parameter.name)
            match parameter:
                case Leaf(name, Constant(value)):
                    constants[name] = value
                case Leaf(name, distribution):
                    # Lists of equal length have the same place for the same number.
                    first = (*above, firsts.get(name, name))
                    leaves.append((name, uniforms(first), distribution.value_at))
                case Nest(name, space):
                    nests.append((name, space.draws(uniforms, path)))
                case Choice(name, branches):
                    samplers = [(b, s.draws(uniforms, above)) for b, s in branches.items()]
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


def _until_allowed(group: Space, uniforms: Callable[[Path], Uniform]) -> Callable[[int], Values]:
    """Return a function from a trial to the first of its draws that the constraints allow.

    If none of many is allowed, it is one of the points that are, if these can be listed.
    """
    draw = group.draws(uniforms)
    paths = [path for path, _ in group.walk()]

    def sample(trial: int) -> Values:
        for attempt in range(_MOST_DRAWS):
            values = draw(trial + attempt * _AGAIN)
            if group.allows(values):
                return values
        points = group.points(grid=False)
        if points is None or not points.size:
            raise nothing_left(
                group.constraints,
                f"nothing, or almost nothing: {_MOST_DRAWS:,} draws break "
                f"{'it' if len(group.constraints) == 1 else 'one of them'}; "
                "change the condition, or the ranges of its parameters",
            )
        return points.at(position(uniforms(paths[0])(trial), 0, points.size))

    return sample


def _below(parameter: Parameter) -> frozenset[str]:
    return parameter.below if isinstance(parameter, Choice) else frozenset()


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
