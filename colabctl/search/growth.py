"""The tasks that a sweep gets when values or trials are added: those that it does not have yet."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from colabctl.errors import UserError
from colabctl.repeat import ONCE, Repeat
from colabctl.search.expansion import MOST_TASKS, Expansion, params_in, points_of
from colabctl.search.language.declaration import Declaration
from colabctl.search.space.cells import Cell, combinations
from colabctl.search.space.space import Space, Values
from colabctl.search.space.uniforms import uniforms
from colabctl.search.start_points import check_enough, started_at


@dataclass(frozen=True)
class Had:
    """What a cell has already.

    Attributes:
        trials: number of its configurations; each has a task for each repeat.
        following: the number of the draw after the last one.
        params: returns the parameters of its tasks; None for a deferred task.

    """

    trials: int
    following: int
    params: Callable[[], Iterator[Values | None]]


@dataclass(frozen=True)
class Growth:
    """New configurations of a cell: their draws and parameters; None for deferred ones.

    Attributes:
        starts: how many of them are points of `start_with`, which come first in a new cell.

    """

    values: Values
    first: int
    trials: tuple[tuple[int, Values | None], ...]
    starts: int = 0

    def tasks(self, repeat: Repeat) -> Iterator[tuple[int, Values | None]]:
        """Yield the number of each task in the cell, and its parameters; see Repeat."""
        for draw, params in self.trials:
            for number in range(draw * repeat.count, (draw + 1) * repeat.count):
                yield number, None if params is None else params | repeat.params(number)


@dataclass(frozen=True)
class Wanted:
    """How many configurations each cell should have.

    Attributes:
        trials: this many, as `trials:` in a sweep file; None for as many as the others have.
        more: this many more.
        apart: the number of the first draw for `more`, where someone else may draw at the same
            time; None for the following one.

    """

    trials: int | None = None
    more: int = 0
    apart: int | None = None


def grown(
    declaration: Declaration,
    had: Mapping[str, Had],
    wanted: Wanted,
    file: Expansion | None = None,
) -> list[Growth]:
    """Return the new configurations of each cell that gets some.

    Args:
        declaration: the sweep with all that was added.
        had: what the cells have already, by `key_of` their values.
        wanted: how many configurations each cell should have.
        file: the tasks of a sweep file, which gives the numbers instead of `wanted`.

    Raises UserError for more than MOST_TASKS tasks in all.

    """
    searches = combinations(
        declaration.parameters, declaration.foreach, declaration.exclude, declaration.source
    )
    count = (declaration.repeat or ONCE).count
    of_file = {key_of(cell.values): cell.tasks // count for cell in file.cells} if file else {}
    most = max((each.trials for each in had.values()), default=0)
    targets = []
    for values, space in searches:
        own = had.get(key_of(values), Had(0, 0, lambda: iter(())))
        target = of_file.get(key_of(values))
        if target is None:
            target = _target(declaration, space, own, wanted, most)
        targets.append(max(target, own.trials))
    total = sum(targets) * count
    if total > MOST_TASKS:
        raise UserError(
            f"with these, the sweep would have {total:,} tasks, and {MOST_TASKS:,} is the limit"
        )
    if (
        file is None
        and declaration.run_cap is not None
        and sum(targets) > max(declaration.run_cap, sum(each.trials for each in had.values()))
    ):
        raise UserError(
            f"run_cap is {declaration.run_cap}; raise it in the file, and run: colabctl sweep FILE "
            "--extend"
        )
    result = []
    for (values, space), target in zip(searches, targets, strict=True):
        own = had.get(key_of(values), Had(0, 0, lambda: iter(())))
        growth = (
            _new(declaration, values, space, own, target, wanted)
            if own.trials
            else _first(declaration, Cell(values, target * count, space))
        )
        if growth.trials:
            result.append(growth)
    return result


def key_of(values: Mapping[str, Any]) -> str:
    """Return what two cells with the same values have in common."""
    return json.dumps(values, sort_keys=True)


def _target(declaration: Declaration, space: Space, own: Had, wanted: Wanted, most: int) -> int:
    """Return how many configurations a cell should have."""
    points = points_of(space, declaration.method)
    size = points.size if points else None
    if wanted.trials is not None:
        target = wanted.trials
    elif declaration.method == "grid" and declaration.trials is None and not wanted.more:
        target = size or 0
    else:
        target = (own.trials or most) + wanted.more
    return target if size is None else min(target, size)


def _first(declaration: Declaration, cell: Cell) -> Growth:
    """Return the configurations of a new cell, which begins as one in a sweep file does."""
    repeat = declaration.repeat or ONCE
    if cell.tasks:
        cell = started_at(cell, declaration)
        check_enough(cell, declaration)
    params = params_in(cell, declaration.method, declaration.seed, repeat) if cell.tasks else None
    trials = tuple((n, params(n)) for n in range(cell.tasks // repeat.count)) if params else ()
    return Growth(cell.values, 0, trials, len(cell.starts))


def _new(  # noqa: PLR0917 - what one cell has, and what it gets
    declaration: Declaration, values: Values, space: Space, own: Had, target: int, wanted: Wanted
) -> Growth:
    """Return the new configurations of one cell."""
    method, repeat = declaration.method, declaration.repeat or ONCE
    points = points_of(space, method)
    first = own.following if wanted.apart is None else wanted.apart
    count = max(0, target - own.trials)
    if method == "grid" or (points and points.size <= target and not _is_deferred(own)):
        assert points is not None, "a grid is finite"
        had = (each for each in own.params() if each is not None) if count else ()
        there = {_key(repeat.configuration(each)) for each in had}
        every = ((number, points.at(number)) for number in range(points.size if count else 0))
        new = (each for each in every if _key(each[1]) not in there)
        return Growth(values, own.following, tuple(islice(new, count)))
    if method == "random":
        draw = space.sampler(uniforms(declaration.seed, values))
        return Growth(values, first, tuple((n, draw(n)) for n in range(first, first + count)))
    return Growth(values, first, tuple((n, None) for n in range(first, first + count)))


def _is_deferred(own: Had) -> bool:
    return any(params is None for params in own.params())  # after points of start_with


def _key(params: Mapping[str, Any]) -> str:
    return repr(params)  # both come from one content, so names and numbers are spelled alike
