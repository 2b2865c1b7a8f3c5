"""Expands a declared sweep into cells and tasks."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from colabctl.errors import UserError
from colabctl.repeat import ONCE, Repeat
from colabctl.search.language.declaration import Declaration
from colabctl.search.language.problems import listed
from colabctl.search.space.cells import Cell, combinations
from colabctl.search.space.constraints import nothing_left
from colabctl.search.space.discrete import Points
from colabctl.search.space.space import Space, Values
from colabctl.search.space.uniforms import uniforms
from colabctl.search.start_points import drawn, moved_first, with_starts
from colabctl.yamlfile.problems import shown

MOST_TASKS = 1_000_000
"""The most tasks of a sweep and points of a grid."""

DEFAULT_TRIALS = 100
"""The configurations of a cell if neither `trials`, `run_cap` nor its points limit them."""


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One task: its number in the sweep, its cell, its number in the cell, and its parameters.

    `params` is None for a deferred task. Tasks share values that are lists or maps, so do not
    change them.
    """

    index: int
    cell: int
    trial: int
    params: Values | None


@dataclass(frozen=True)
class Expansion:
    """The cells of a sweep and their tasks, each drawn on demand."""

    cells: tuple[Cell, ...]
    total: int
    notes: tuple[str, ...]
    method: str = field(repr=False)
    seed: int = field(repr=False)
    repeat: Repeat = ONCE

    @property
    def parameters(self) -> dict[str, bool]:
        """The names of the parameters, and whether every task has them."""
        always = [{*cell.values, *cell.space.by_name} for cell in self.cells]
        names = set[str]().union(*always, *(cell.space.every_name for cell in self.cells))
        always_there = {name: all(name in each for each in always) for name in sorted(names)}
        return always_there | dict.fromkeys(self.repeat.params(0), True)

    def tasks(self, some: range | None = None) -> Iterator[PlannedTask]:
        """Yield every task, numbered from 0, cell by cell; or `some` without gaps."""
        some = range(self.total) if some is None else some
        first = 0
        for number, cell in enumerate(self.cells):
            trials = range(max(some.start - first, 0), min(some.stop - first, cell.tasks))
            params_of = None
            if trials:
                params_of = params_in(cell, self.method, self.seed, self.repeat)
            for trial in trials:
                assert params_of is not None
                params = params_of(trial // self.repeat.count)
                if params is not None:
                    params |= self.repeat.params(trial)
                yield PlannedTask(first + trial, number, trial, params)
            first += cell.tasks


def params_in(cell: Cell, method: str, seed: int, repeat: Repeat) -> Callable[[int], Values | None]:
    """Return the parameters of each configuration of a cell, by its number; None for deferred."""
    if method == "optuna":
        return lambda _: None
    starts = drawn(cell, seed)
    points = points_of(cell.space, method)
    if points and (method == "grid" or points.size <= cell.tasks // repeat.count):
        return moved_first(points, starts)
    sample = None
    if method == "random":
        sample = cell.space.sampler(uniforms(seed, cell.values))

    def at(trial: int) -> Values | None:
        if trial < len(starts):
            return starts[trial]
        return sample(trial) if sample else None

    return at


def expand(
    declaration: Declaration, *, trials: int | None = None, run_cap: int | None = None
) -> Expansion:
    """Return the tasks of a sweep; `trials` and `run_cap` override those of the file.

    A cell has `trials` configurations, or one for each of its points if they are fewer. Without
    `trials`, a grid has one for each point, and any other search without `run_cap` has
    DEFAULT_TRIALS in each cell. The cells share a `run_cap` below the total evenly; a grid then
    runs its first points. Each configuration has a task for each repeat, and these follow each
    other. Sizes are computed, not counted.

    Raises UserError for more than MOST_TASKS points in a grid or tasks in all.
    """
    for name, number in (("trials", trials), ("run_cap", run_cap)):
        if number is not None and number < 1:
            raise UserError(f"{name} is {shown(number)}; it must be a whole number of at least 1")
    trials = declaration.trials if trials is None else trials
    run_cap = declaration.run_cap if run_cap is None else run_cap
    method = declaration.method
    by_default = method != "grid" and trials is None and run_cap is None
    if by_default:
        trials = DEFAULT_TRIALS

    source = declaration.source
    searches = combinations(
        declaration.parameters, declaration.foreach, declaration.exclude, source
    )
    sizes = [_size(space, method) for _, space in searches]
    if declaration.parameters.constraints:
        _refuse_empty(searches, sizes, declaration)
    if method == "grid":
        for (values, _), size in zip(searches, sizes, strict=True):
            _refuse_large_grid(source, values, size or 0)
    limits = [_least(size, trials, run_cap) for size in sizes]
    tasks = limits if run_cap is None else _shared(limits, run_cap)
    repeat = declaration.repeat or ONCE
    total = sum(tasks) * repeat.count
    if total > MOST_TASKS:
        raise UserError(
            f"{source}: {_counted(total)} tasks, and {MOST_TASKS:,} is the limit; "
            f"lower {'repeat:, ' if repeat.count > 1 else ''}trials: or run_cap:"
        )
    cells = with_starts(
        [
            Cell(values, count * repeat.count, space)
            for (values, space), count in zip(searches, tasks, strict=True)
        ],
        declaration,
    )
    notes = (
        *_note_default(limits, "tasks" if repeat is ONCE else "configurations", by_default),
        *_note_left(searches, sizes, method),
        *_note_points(sizes, tasks, trials, method),
        *_note_cap(tasks, run_cap, sum(limits)),
        *_note_repeat(sum(tasks), total, repeat),
    )
    return Expansion(cells, total, notes, method, declaration.seed, repeat)


def points_of(space: Space, method: str) -> Points[Values] | None:
    """Return the points of a grid, or all that can be drawn; None if they are infinitely many."""
    if method == "optuna":
        return None  # an objective may suggest anything
    return space.points(grid=method == "grid")


def _size(space: Space, method: str) -> int | None:
    points = points_of(space, method)
    return None if points is None else points.size


def _refuse_empty(
    searches: Sequence[tuple[Values, Space]], sizes: Sequence[int | None], declaration: Declaration
) -> None:
    """Raise NothingLeftError if constraints leave no points, or so few that no draw meets them."""
    if declaration.method == "grid" and not any(sizes):
        raise nothing_left(
            declaration.parameters.constraints,
            "no point of the grid; change the condition, or the values that it names",
        )
    if declaration.method in ("random", "bayes"):
        for values, space in searches:
            space.sampler(uniforms(declaration.seed, values))(0)


def _least(*limits: int | None) -> int:
    return min(limit for limit in limits if limit is not None)


def _shared(limits: Sequence[int], run_cap: int) -> list[int]:
    """Return the tasks of each cell, at most its limit, if `run_cap` tasks are dealt in turn."""
    left, level = run_cap, max(limits)
    for served, limit in enumerate(sorted(limits)):
        others = len(limits) - served
        if limit * others > left:
            level = left // others
            break
        left -= limit
    tasks = [min(limit, level) for limit in limits]
    extra = run_cap - sum(tasks)
    for i, limit in enumerate(limits):
        if extra > 0 and limit > level:
            tasks[i] += 1
            extra -= 1
    return tasks


def _refuse_large_grid(source: str, values: Values, size: int) -> None:
    if size > MOST_TASKS:
        cell = listed(f"{name}={shown(value)}" for name, value in values.items())
        raise UserError(
            f"{source}: the grid{f' of {cell}' if cell else ''} has {_counted(size)} points, and "
            f"{MOST_TASKS:,} is the limit; list fewer values, or use method: random with trials:"
        )


def _counted(number: int) -> str:
    return f"{number:,}" if number < 10**15 else f"about 10^{math.floor(math.log10(number))}"


def _note_repeat(configurations: int, total: int, repeat: Repeat) -> Iterator[str]:
    if repeat.count > 1:
        some = "1 configuration" if configurations == 1 else f"{configurations} configurations"
        yield (
            f"{some} with {repeat.count} repeats each make {total} tasks; trials and run_cap count "
            "configurations"
        )


def _note_left(
    searches: Sequence[tuple[Values, Space]], sizes: Sequence[int | None], method: str
) -> Iterator[str]:
    if method != "grid" or not any(space.constraints for _, space in searches):
        return
    free = [replace(space, constraints=()) for _, space in searches]
    total = sum(_size(space, method) or 0 for space in free)
    yield f"where leaves {_counted(sum(filter(None, sizes)))} of {_counted(total)} points"


def _note_default(limits: Sequence[int], what: str, by_default: bool) -> Iterator[str]:
    if by_default and DEFAULT_TRIALS in limits:
        where = "" if len(limits) == 1 else f" in each of the {len(limits)} cells"
        yield (
            f"no trials or run_cap, so {DEFAULT_TRIALS} {what}{where}; to change it, add trials: "
            "N to the file, or use --trials N"
        )


def _note_points(
    sizes: Sequence[int | None], tasks: Sequence[int], trials: int | None, method: str
) -> Iterator[str]:
    finite = [size for size in sizes if size is not None]
    if method == "grid":
        if sum(tasks) < sum(finite):
            yield f"only the first {sum(tasks)} of the grid's {_counted(sum(finite))} points run"
        return
    small = [size for size in finite if trials is not None and size < trials]
    if small:
        which = f"{len(small)} of {len(sizes)} cells have" if len(sizes) > 1 else "the space has"
        count = f"{min(small)} to {max(small)}" if len(set(small)) > 1 else f"{small[0]}"
        yield f"{which} only {count} point{'' if count == '1' else 's'}; each runs once"


def _note_cap(tasks: Sequence[int], run_cap: int | None, total: int) -> Iterator[str]:
    if run_cap is None or total <= run_cap or len(tasks) == 1:
        return
    yield f"{len(tasks)} cells share run_cap {run_cap} evenly"
    if 0 in tasks:
        yield f"{tasks.count(0)} cells get no tasks; raise run_cap"
