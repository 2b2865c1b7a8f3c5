"""The cells of a sweep, such as its models times its data sets, and how far each one is.

A cell is a combination of the `foreach` parameters. A sweep without `foreach` whose tasks have a
parameter such as `model` or `dataset` is divided by these. Every other sweep is one cell.

With `foreach`, the tasks of a cell follow each other, so a cell costs some counts of a part of a
column, also in a sweep of a million tasks.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from math import isnan
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import STATUSES, Plan, Stretches, SweepState, TaskFiles, started, stretches
from colabctl.views import task_status
from colabctl.views.repeats import configurations, ranked

MOST_CELLS = 50
"""A sweep without `foreach` that would have more is not divided."""

_MOST_READ = 20_000  # tasks whose parameters are read to divide a sweep
_NAMES = frozenset({
    "model", "algorithm", "arch", "architecture", "estimator", "classifier", "regressor",
    "network", "data", "dataset",
})  # fmt: skip
_SHORT = 1.0  # seconds; the time between such tasks counts as much as the tasks
_SHORTEST = 0.0002  # seconds that a slot needs for a task that does nothing
_CLAIMED_AHEAD = {
    "coherent": 1.0,
    "created": 4.0,
    "eventual": 10.0,
}  # seconds of work that a slot claims at once
_CODES = {status: STATUSES.index(status) for status in STATUSES}

Members = range | Sequence[int]
"""The tasks of a cell, by index, ascending."""


@dataclass(frozen=True)
class Division:
    """The cells of a sweep, as its declaration gives them; they do not change.

    Attributes:
        names: the parameters that divide the sweep; none for a sweep of one cell.
        values: the values of these parameters, for each cell.
        members: the tasks of each cell.

    """

    names: tuple[str, ...]
    values: tuple[Mapping[str, Any], ...]
    members: tuple[Members, ...]
    _places: Stretches | None = field(default=None, repr=False)
    _cell_of: Sequence[int] | None = field(default=None, repr=False)

    def cell_of(self, index: int) -> int:
        """Return the number of the cell of a task."""
        if self._cell_of is not None:
            return self._cell_of[index]
        return self._places.place(index)[0] if self._places else 0


def divide(plan: Plan, tasks: TaskFiles) -> Division:
    """Return the cells of a sweep.

    Only a sweep without `foreach`, of at most 20,000 tasks, is read for it.
    """
    if len(plan.cells) > 1:
        return _declared(plan)
    names = [
        name
        for name, always in (plan.parameters or {}).items()
        if always and name.lower().replace("_", "").removesuffix("name") in _NAMES
    ]
    grouped = _grouped(plan, tasks, names) if names and plan.total <= _MOST_READ else None
    values = plan.cells[0]["values"] if plan.cells else {}
    return grouped or Division((), (values,), (range(plan.total),))


def _declared(plan: Plan) -> Division:
    values = [cell["values"] for cell in plan.cells]
    names = dict.fromkeys(name for each in values for name in each)
    varying = tuple(
        name for name in names if any(each.get(name) != values[0].get(name) for each in values)
    )
    places = stretches(plan)
    members = tuple(places.tasks(number) for number in range(len(values)))
    return Division(varying, tuple(values), members, _places=places)


def _grouped(plan: Plan, tasks: TaskFiles, names: Sequence[str]) -> Division | None:
    """Return the cells by the values that tasks have for these parameters; None if that fails."""
    numbers: dict[tuple[str, ...], int] = {}
    values: list[dict[str, Any]] = []
    cell_of = array("i")
    try:
        for index in range(plan.total):
            params = tasks[index].params
            if params is None:  # a worker proposes the values later
                return None
            if not index:  # numbers are no names of models or data sets
                names = [name for name in names if isinstance(params[name], str)]
            own = {name: params[name] for name in names}
            number = numbers.setdefault(tuple(map(repr, own.values())), len(numbers))
            if number == len(values):
                values.append(own)
            if number >= MOST_CELLS:
                return None
            cell_of.append(number)
    except (UserError, OSError, KeyError):  # the task files are not as declared
        return None
    varying = tuple(name for name in names if len({repr(each[name]) for each in values}) > 1)
    if not varying:
        return None
    members = tuple(array("i") for _ in values)
    for index, number in enumerate(cell_of):
        members[number].append(index)
    return Division(varying, tuple(values), members, _cell_of=cell_of)


@dataclass(frozen=True)
class Cell:
    """One cell at one moment; the counts from `pending` to `cancelled` add up to `total`.

    Attributes:
        values: the values of the parameters that divide the sweep.
        best: the best value of the sweep's metric so far, or None.
        best_index: its task, the first of several, or None.
        seconds: how long a finished task ran on average, or None if none is finished.
        longest: how long the longest of them ran, or None.
        rate: tasks per second at which the running ones are finished, or None if unknown.
        seconds_left: an estimate of when its last task is finished, or None if unknown.

    """

    values: Mapping[str, Any]
    total: int
    pending: int = 0
    claimed: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    pruned: int = 0
    cancelled: int = 0
    best: float | None = None
    best_index: int | None = None
    seconds: float | None = None
    longest: float | None = None
    rate: float | None = None
    seconds_left: float | None = None

    @property
    def finished(self) -> int:
        """Number of tasks that need no more work."""
        return self.done + self.failed + self.pruned

    @property
    def waiting(self) -> int:
        """Number of tasks that no worker runs yet."""
        return self.pending + self.claimed

    @property
    def title(self) -> str:
        """The values, such as "svm, iris"; "" if there are none."""
        return ", ".join(map(str, self.values.values()))


@dataclass(frozen=True)
class Progress:
    """All cells of a sweep at one moment, and when the sweep will be finished.

    Attributes:
        rate: tasks per second until then, or None if unknown.
        seconds_left: an estimate, or None if unknown.

    """

    cells: list[Cell]
    rate: float | None
    seconds_left: float | None


def progress(
    plan: Plan,
    state: SweepState,
    division: Division,
    now: float,
    seen_rate: float | None = None,
) -> Progress:
    """Return how far each cell is at ledger time `now`.

    The rate and the time left come from how long the finished tasks of a cell ran, how long the
    running ones have run, and how many slots the live workers have. Tasks of less than a second are
    the exception: `seen_rate`, the tasks per second of late, then limits the rate. It also
    replaces a rate that is unknown. No rate is above what the slots can do.
    """
    columns = state.columns
    stopped = task_status.waits_as(plan, state) == "cancelled"
    held = [0] * len(division.values)
    running: list[list[float]] = [[] for _ in division.values]  # seconds
    for worker, indices in task_status.held_tasks(state, now).items():
        for index in indices:
            held[division.cell_of(index)] += 1
        for index, since in started(state, worker, indices):
            running[division.cell_of(index)].append(max(0.0, now - since))
    counted: list[dict[str, Any]] = []
    for number, (values, members) in enumerate(zip(division.values, division.members, strict=True)):
        statuses = _of(columns.statuses, members)
        count = {name: statuses.count(_CODES[name]) for name in ("done", "pruned", "failed")}
        finished = sum(count.values())
        cancelled = statuses.count(_CODES["cancelled"])
        seconds = _of(columns.seconds, members)
        runs, claims = len(running[number]), held[number] - len(running[number])
        waiting = len(members) - finished - cancelled - runs - claims
        is_over = stopped or (len(members) > 0 and task_status.has_ended(plan, state, members[0]))
        best = _best(plan, state, members)
        counted.append(
            count
            | {
                "values": {name: values[name] for name in division.names if name in values},
                "total": len(members),
                "running": runs,
                "claimed": claims,
                "pending": 0 if is_over else waiting,
                "cancelled": cancelled + (waiting if is_over else 0),
                "best": best and best[1],
                "best_index": best and best[0],
                "seconds": sum(seconds) / finished if finished else None,
                "longest": max(seconds) if finished else None,
            }
        )
    cells = [Cell(**each) for each in counted]
    slots = sum(worker.jobs for worker in state.live_workers(now)) if state.order == "go" else 0
    return _forecast(cells, running, slots, seen_rate, _CLAIMED_AHEAD[plan.consistency])


def _of(column: Any, members: Members) -> Any:
    """Return the part of a column that belongs to a cell."""
    if isinstance(members, range):
        return column[members.start : members.stop]
    part = column[:0]
    part.extend(map(column.__getitem__, members))
    return part


def _best(plan: Plan, state: SweepState, members: Members) -> tuple[int, float] | None:
    """Return the task with the first of the best values, and the value; NaN is none."""
    if plan.repeats.count > 1:
        ordered = ranked(configurations(plan, state, members), plan.goal)
        return (ordered[0].nearest, ordered[0].value) if ordered else None
    values = _of(state.columns.values, members)
    first = next((place for place, value in enumerate(values) if not isnan(value)), None)
    if first is None:
        return None
    # A later NaN is neither less nor more than another value, so min and max pass it over.
    best = (min if plan.goal == "minimize" else max)(islice(values, first, None))
    return members[values.index(best)], best


def _forecast(
    cells: list[Cell],
    running: list[list[float]],
    slots: int,
    seen_rate: float | None,
    claimed_ahead: float,
) -> Progress:
    finished = sum(cell.finished for cell in cells)
    if not slots or not finished:
        return Progress(cells, None, None)
    mean = sum(cell.finished * (cell.seconds or 0.0) for cell in cells) / finished
    means = [mean if cell.seconds is None else cell.seconds for cell in cells]
    fastest = slots / max(mean, _SHORTEST)
    seen = min(seen_rate, fastest) if seen_rate else None
    slowed = 1.0
    if mean < _SHORT:
        if not seen:
            return Progress(cells, None, None)
        slowed = max(1.0, slots / max(seen * mean, 1e-9))
    rests: list[list[float]] = [[] for _ in cells]
    beyond: list[list[float]] = [[] for _ in cells]  # seconds, of tasks whose rest is unknown
    for number, (cell, each, runs) in enumerate(zip(cells, means, running, strict=True)):
        for elapsed in runs:
            rest = _rest(elapsed, each, cell.longest or each, claimed_ahead)
            if rest is None:
                beyond[number].append(elapsed - each)
            else:
                rests[number].append(rest)
    free = slots - sum(map(len, beyond))  # slots that will run the waiting tasks
    waiting = sum(cell.waiting for cell in cells)
    ahead = sum(cell.waiting * each for cell, each in zip(cells, means, strict=True)) * slowed
    in_work = sum(map(sum, rests))

    def left(place: float, rest: list[float], unknown: list[float]) -> float | None:
        """Return when these running tasks and the waiting ones up to `place` are finished.

        None if that is unknown: a task that runs unusually long probably ends last.
        """
        if place and free <= 0:
            return None
        queue = (in_work + ahead * place) / free if place else 0.0
        estimated = max([queue, *rest])
        return None if max(unknown, default=0.0) > estimated else estimated or None

    def place(count: int) -> float:
        """Return the place of the last of `count` waiting tasks in the queue, from 0 to 1.

        Workers claim at random from all cells. So the last of n among N tasks is on average at the
        place (N + 1) n / (n + 1) of the queue.
        """
        return min(1.0, (waiting + 1) / waiting * count / (count + 1)) if count else 0.0

    forecast = [
        replace(
            cell,
            rate=len(runs) / (each * slowed) if runs and each else None,
            seconds_left=left(place(cell.waiting), rest, unknown),
        )
        for cell, each, runs, rest, unknown in zip(
            cells, means, running, rests, beyond, strict=True
        )
    ]
    in_all = left(float(waiting > 0), list(chain(*rests)), list(chain(*beyond)))
    rate = min(fastest, (waiting + sum(map(len, rests))) / in_all) if in_all else seen
    return Progress(forecast, rate, in_all)


def _rest(elapsed: float, mean: float, longest: float, claimed_ahead: float) -> float | None:
    """Return how long a running task is expected to run on, None if that is unknown.

    It is unknown if no finished task of its cell took nearly as long. Otherwise a task that has run
    longer than all others is expected to run on for as long as it has exceeded the mean.

    Tasks shorter than `claimed_ahead` seconds are claimed before they start, so that such a task
    may just have started.
    """
    if elapsed <= longest:
        return max(0.0, (mean if elapsed <= mean else longest) - elapsed)
    if mean < claimed_ahead:
        return 0.0 if elapsed <= longest + 2 * claimed_ahead else None
    return elapsed - mean if elapsed <= 2 * longest else None
