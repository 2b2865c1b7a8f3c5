"""The points of `start_with` in the cells of a sweep, where they are the first tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from colabctl.errors import UserError
from colabctl.repeat import ONCE
from colabctl.search.language.declaration import Declaration
from colabctl.search.space.cells import Cell
from colabctl.search.space.discrete import Points, exact_key, grid_key
from colabctl.search.space.space import Values
from colabctl.search.space.uniforms import uniforms
from colabctl.search.with_values import fixed


def with_starts(cells: Sequence[Cell], declaration: Declaration) -> tuple[Cell, ...]:
    """Return the cells with the points that each begins with.

    A point belongs to every cell in which it is possible. Raises UserError for a point that
    belongs to none, and for more points than a cell has configurations.
    """
    points, source = declaration.start_with, declaration.source
    if not points:
        return tuple(cells)
    started = tuple(started_at(cell, declaration) for cell in cells)
    for i, point in enumerate(points):
        if not any(point in cell.starts for cell in started):
            raise UserError(
                f"{source}: start_with[{i}] is in no combination of foreach; change its values"
            )
    for cell in started:
        check_enough(cell, declaration)
    return started


def started_at(cell: Cell, declaration: Declaration) -> Cell:
    """Return a cell with the points that it begins with."""
    declared = declaration.method != "optuna"
    own = [each for each in declaration.start_with if _belongs(each, cell, declared=declared)]
    return replace(cell, starts=tuple(own))


def check_enough(cell: Cell, declaration: Declaration) -> None:
    """Raise UserError for more points than a cell has configurations."""
    repeat = declaration.repeat or ONCE
    configurations = cell.tasks // repeat.count
    if len(cell.starts) > configurations:
        what = "task" if repeat is ONCE else "configuration"
        raise UserError(
            f"{declaration.source}: start_with has {len(cell.starts)} points for {configurations} "
            f"{what}{'s' * (configurations != 1)}; raise trials:, or remove points"
        )


def _belongs(point: Mapping[str, Any], cell: Cell, *, declared: bool) -> bool:
    names = point.keys() & cell.values.keys()
    if any(grid_key(point[name]) != grid_key(cell.values[name]) for name in names):
        return False
    if declared:
        try:
            fixed(cell.space, point)
        except UserError:  # of another branch
            return False
    return True


def drawn(cell: Cell, seed: int) -> list[Values]:
    """Return the parameters of a cell's first tasks; those that a point lacks are random."""
    source = uniforms(seed, cell.values)
    return [fixed(cell.space, point).sampler(source)(i) for i, point in enumerate(cell.starts)]


def moved_first(points: Points[Values], starts: Sequence[Values]) -> Callable[[int], Values]:
    """Return every point by its place, with `starts` first, each in exchange for another one."""
    if not starts:
        return points.at
    wanted = {exact_key(start) for start in starts}
    places = {key: i for i in range(points.size) if (key := exact_key(points.at(i))) in wanted}
    order: dict[int, int] = {}
    for place, key in enumerate(dict.fromkeys(map(exact_key, starts))):
        if key in places:
            other = next((at for at, i in order.items() if i == places[key]), places[key])
            order[place], order[other] = places[key], order.get(place, place)
    return lambda place: points.at(order.get(place, place))
