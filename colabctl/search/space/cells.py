"""The cells of a sweep: one independent search for each combination of the `foreach` parameters."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from colabctl.errors import UserError
from colabctl.search.space.constraints import nothing_left
from colabctl.search.space.discrete import grid_key
from colabctl.search.space.space import Space, Values

MOST_CELLS = 10_000
"""The most combinations of `foreach`, including those that are excluded."""

Exclusion = Mapping[str, Any]
"""Values of some `foreach` parameters; combinations that have all of them are dropped."""


@dataclass(frozen=True)
class Cell:
    """One search: the values of its `foreach` parameters, its number of tasks, and its space."""

    values: Values
    tasks: int
    space: Space = field(repr=False)


def combinations(
    space: Space, foreach: Sequence[str], exclude: Sequence[Exclusion], source: str
) -> list[tuple[Values, Space]]:
    """Return the values of each cell, and the space that remains to be searched in it.

    A parameter that only some branches have varies in their cells only. Cells in which constraints
    allow nothing are left out, as those of `exclude`. Raises UserError, naming `source`, for more
    than MOST_CELLS combinations, and if none remains.
    """
    cells = list(islice(_combined(space, foreach), MOST_CELLS + 1))
    if len(cells) > MOST_CELLS:
        raise UserError(
            f"{source}: foreach {', '.join(foreach)} gives more than {MOST_CELLS:,} combinations; "
            "give these parameters fewer values"
        )
    dropped: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for rule in exclude:
        names = tuple(sorted(rule))
        dropped.setdefault(names, set()).add(tuple(grid_key(rule[name]) for name in names))

    def is_dropped(values: Values) -> bool:
        return any(
            all(name in values for name in names)
            and tuple(grid_key(values[name]) for name in names) in rules
            for names, rules in dropped.items()
        )

    remaining = [cell for cell in cells if not is_dropped(cell[0])]
    if not remaining:
        raise UserError(f"{source}: exclude drops every combination; nothing is left to run")
    return _allowed(remaining) if space.constraints else remaining


def _allowed(cells: list[tuple[Values, Space]]) -> list[tuple[Values, Space]]:
    """Return the cells without those in which constraints allow nothing."""
    empty = [space.empty_group(grid=False) for _, space in cells]
    left = [cell for cell, group in zip(cells, empty, strict=True) if group is None]
    if not left:
        (group, *_) = (group for group in empty if group)
        raise nothing_left(group.constraints, "nothing to run; change it, or the values it names")
    return left


def _combined(space: Space, foreach: Sequence[str]) -> Iterator[tuple[Values, Space]]:
    name = next((name for name in foreach if name in space.by_name), None)
    if name is None:
        yield {}, space
        return
    others = [other for other in foreach if other != name]
    for own, remaining in space.fixed(name):
        for values, rest in _combined(remaining, others):
            yield own | values, rest
