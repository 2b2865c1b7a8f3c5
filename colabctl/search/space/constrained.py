"""The points of a space: a product of axes, or what constraints leave of it.

A point is computed from its number, without enumerating the others. With constraints, the points
that are left stay in their order. Axes are decided one after the other, and only values that a
later constraint needs are remembered, so points with the same future are counted once (a decision
diagram). Axes that no constraint names cost nothing.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import Any

from colabctl.search.space.constraints import Constraint
from colabctl.search.space.discrete import Points, exact_key

Values = dict[str, Any]


class TooManyError(ValueError):
    """There are more combinations to check than allowed."""


@dataclass(frozen=True)
class Axis:
    """One factor of a product of points.

    Attributes:
        name: the parameter; the first of several.
        names: all names that its points can have.
        points: its values, or maps of them.
        maps: whether its points are maps of several parameters.
    """

    name: str
    names: frozenset[str]
    points: Points[Any]
    maps: bool = False

    def put(self, values: Values, index: int) -> None:
        """Add the values of one point."""
        if self.maps:
            values.update(self.points.at(index))
        else:
            values[self.name] = self.points.at(index)


def product(axes: Sequence[Axis], names: Iterable[str]) -> Points[Values]:
    """Return all combinations of `axes`; the last varies fastest. `names` come first in each."""
    backwards = [(axis.name, axis.maps, axis.points) for axis in reversed(axes)]
    blank: Values = dict.fromkeys(names)

    def at(index: int) -> Values:
        values = blank.copy()
        for name, maps, points in backwards:
            index, i = divmod(index, points.size)
            if maps:
                values.update(points.at(i))
            else:
                values[name] = points.at(i)
        return values

    return Points(math.prod(axis.points.size for axis in axes), at)


def constrained(
    axes: Sequence[Axis], names: Iterable[str], constraints: Sequence[Constraint], most: int
) -> Points[Values]:
    """Return the combinations of `axes` that all constraints allow.

    Raises TooManyError if more than `most` combinations must be checked to count them.
    """
    diagram = _Diagram(axes, constraints, most)
    root, blank = diagram.node(0, ()), dict.fromkeys(names)

    def at(index: int) -> Values:
        return diagram.values(root, index, blank.copy())

    return Points(root.total, at)


@dataclass(frozen=True)
class _Node:
    """What is left once some axes are decided.

    Attributes:
        total: the number of points.
        ends: the number of points up to and with each value of the next axis that is constrained.
        below: what is left after each class of these values; after free axes there is one.
    """

    total: int
    ends: Sequence[int] = ()
    below: Sequence["_Node"] = ()


_END, _NOTHING = _Node(1), _Node(0)


class _Block:
    """Axes that follow each other: free ones, or one that constraints name."""

    def __init__(self, axes: Sequence[Axis], heads: frozenset[str]) -> None:
        self.axes = axes
        self.size = math.prod(axis.points.size for axis in axes)
        self.is_free = not any(axis.names & heads for axis in axes)
        self.classes: list[int] = []  # of each value: values that constraints cannot tell apart
        self.examples: list[Values] = []  # of each class: its values that constraints name
        if not self.is_free:
            numbers: dict[str, int] = {}
            for i in range(self.size):
                values: Values = {}
                axes[0].put(values, i)
                values = {name: value for name, value in values.items() if name in heads}
                number = numbers.setdefault(exact_key(values), len(numbers))
                if number == len(self.examples):
                    self.examples.append(values)
                self.classes.append(number)


class _Diagram:
    def __init__(self, axes: Sequence[Axis], constraints: Sequence[Constraint], most: int) -> None:
        self._most = most
        heads = frozenset[str]().union(*(each.heads for each in constraints))
        for axis in axes:
            if axis.names & heads:
                self._spend(axis.points.size)
        runs = groupby(enumerate(axes), lambda item: -1 if not item[1].names & heads else item[0])
        self._blocks = [_Block([axis for _, axis in run], heads) for _, run in runs]
        self._nodes: dict[tuple[int, tuple[int, ...]], _Node] = {}
        users: list[list[int]] = [  # the blocks that each constraint needs
            [n for n, block in enumerate(self._blocks)
             if any(axis.names & each.heads for axis in block.axes)]
            for each in constraints
        ]  # fmt: skip
        self._decided: list[list[Constraint]] = [[] for _ in self._blocks]
        for each, needed in zip(constraints, users, strict=True):
            self._decided[needed[-1]].append(each)
        self._live = [  # the blocks whose values are needed after each block
            [n for n in range(number + 1)
             if any(n in needed and needed[-1] > number for needed in users)]
            for number in range(len(self._blocks))
        ]  # fmt: skip

    def _spend(self, count: int) -> None:
        self._most -= count
        if self._most < 0:
            raise TooManyError

    def node(self, number: int, live: tuple[int, ...]) -> _Node:
        """Return what is left from a block on; `live` has a class for each live block before it."""
        if number == len(self._blocks):
            return _END
        node = self._nodes.get((number, live))
        if node is None:
            block = self._blocks[number]
            if block.is_free:
                below = self.node(number + 1, live)
                node = _Node(block.size * below.total, below=(below,))
            else:
                node = self._branching(number, live)
            self._nodes[number, live] = node
        return node

    def _branching(self, number: int, live: tuple[int, ...]) -> _Node:
        block, decided = self._blocks[number], self._decided[number]
        before = self._live[number - 1] if number else []
        classes = dict(zip(before, live, strict=True))
        earlier: Values = {}
        for n, each in classes.items():
            earlier.update(self._blocks[n].examples[each])
        self._spend(len(block.examples) + block.size)
        after = self._live[number]
        below: list[_Node] = []
        for own, example in enumerate(block.examples):
            values = earlier | example
            for constraint in decided:
                if not constraint.allows(values):
                    below.append(_NOTHING)
                    break
            else:
                classes[number] = own
                below.append(self.node(number + 1, tuple([classes[n] for n in after])))
        totals = [each.total for each in below]
        ends = list(accumulate(totals[each] for each in block.classes))
        return _Node(ends[-1], ends, below)

    def values(self, node: _Node, index: int, values: Values) -> Values:
        """Return `values` with those of a point, by its number."""
        for block in self._blocks:
            if block.is_free:
                (below,) = node.below
                i, index = divmod(index, below.total)
                for axis in reversed(block.axes):
                    i, own = divmod(i, axis.points.size)
                    axis.put(values, own)
            else:
                own = bisect_right(node.ends, index)
                index -= node.ends[own - 1] if own else 0
                block.axes[0].put(values, own)
                below = node.below[block.classes[own]]
            node = below
        return values
