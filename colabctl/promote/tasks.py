"""The tasks that final results are from: found by a path, by name, or as the best of a sweep."""

import math
import re
import shlex
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError, nearest
from colabctl.ledger import params_of, task_name
from colabctl.project.layout import Layout
from colabctl.promote.origin import ATTEMPT_DEPTH, BestBy, TaskOrigin
from colabctl.sweeps import every_sweep, run_folders
from colabctl.views.best import unreported
from colabctl.views.extensions import code_of
from colabctl.views.repeats import configurations, ranked
from colabctl.views.results import Result, Results, as_json
from colabctl.views.results.folders import folders
from colabctl.views.results.names import Names
from colabctl.views.results.query import Query, check_metric, choose
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.task_names import index_of

GOALS = ("minimize", "maximize")
_ATTEMPT = re.compile(r"(?P<task>\d{6})-(?P<attempt>\d{1,9})-(?P<worker>.+)")
_MOST_NAMED = 10  # metrics in a message


@dataclass(frozen=True)
class Attempt:
    """An attempt in whose folder a path is; `is_whole` if the path is that folder itself."""

    origin: TaskOrigin
    is_whole: bool


def refreshed(sweep: OpenSweep) -> OpenSweep:
    """Return a sweep, after reading what is new of it."""
    sweep.ledger.refresh()
    return sweep


def attempt_at(path: Path, root: Path) -> Attempt | None:
    """Return the attempt in whose folder a path of the project in `root` is; None if it is not.

    Raises UserError if the sweep that it belongs to cannot be read.
    """
    parts = path.relative_to(root).parts
    if len(parts) < ATTEMPT_DEPTH or parts[0] != "sweeps" or parts[2] != "runs":
        return None
    match = _ATTEMPT.fullmatch(parts[ATTEMPT_DEPTH - 1])
    if match is None or match["worker"] != parts[3]:
        return None
    folder = root / "sweeps" / parts[1]
    for layout in every_sweep(Layout(root)):
        if folder in (layout.root, *layout.twins):
            sweep = refreshed(OpenSweep.at(root, layout))
            index = sweep.ledger.numbering.index(int(match["task"]), match["worker"])
            if index is None or index >= sweep.plan.total:
                return None
            origin = _origin_of(sweep, index, int(match["attempt"]), match["worker"])
            return Attempt(origin, len(parts) == ATTEMPT_DEPTH)
    return None


def result_named(sweep: OpenSweep, name: str) -> Result:
    """Return the result of the task called `name`; raise UserError if it does not have one."""
    index = index_of(name, sweep.plan)
    if sweep.ledger.state.columns.status(index) not in ("done", "pruned"):
        status = sweep.ledger.state.columns.status(index)
        raise UserError(
            f"{task_name(index)} of {sweep.plan.sweep} is {status} and has no result; see: "
            f"colabctl results {shlex.quote(sweep.plan.sweep)}"
        )
    [result] = _results(sweep).at([index])
    return result


def best_by(sweep: OpenSweep, metric: str | None, goal: str | None, where: str | None) -> BestBy:
    """Return how to find the best task; the sweep says what the arguments do not.

    Raises UserError if it does not either.
    """
    if goal is not None and goal not in GOALS:
        raise UserError(f"goal {goal:.60}: unknown; choose minimize or maximize")
    if metric is None or metric == sweep.plan.metric:
        check_metric(sweep.plan, "--best")
        return BestBy(str(sweep.plan.metric), goal or sweep.plan.goal, where)
    goal = goal or sweep.plan.goals.get(metric)
    if goal is None:
        raise UserError(
            f"is a small or a large {metric:.60} better? The sweep does not say; add --goal "
            "minimize or --goal maximize"
        )
    return BestBy(metric, goal, where)


def best_result(sweep: OpenSweep, by: BestBy) -> tuple[Result, float]:
    """Return the done task with the best value of a metric, the first of several, and that value.

    Of a sweep with repeats, that is the value of the best configuration, and of its tasks the one
    whose own value is nearest to it: a model that is as good as the results say, not a lucky one.

    Raises UserError if no task is done, meets the condition or reported the metric.
    """
    name, done = sweep.plan.sweep, list(sweep.ledger.state.columns.having("done"))
    if not done:
        raise UserError(
            f"no task of {name} is done yet; see how far it is: colabctl status {shlex.quote(name)}"
        )
    results = _results(sweep)
    rows = results.at(done)
    if by.where is not None:
        names = Names(sweep.plan, sweep.tasks, results)
        rows = choose(Query(by.where), rows, names, sweep.plan, sweep.ledger.state)
        if not rows:
            raise UserError(f"no done task of {name} meets the condition: {by.where}")
    sign = 1 if by.goal == "minimize" else -1
    values = list(_values(rows, by.metric))
    if not values:
        raise UserError(_not_reported(sweep, rows, by.metric))
    if sweep.plan.repeats.count > 1:
        column = array("d", [math.nan]) * sweep.plan.total
        for value, index in values:
            column[index] = value
        configured = configurations(sweep.plan, sweep.ledger.state, values=column)
        first = ranked(configured, by.goal)[0]
        values = [(first.value, first.nearest)]
    value, index = min(values, key=lambda pair: (sign * pair[0], pair[1]))
    [best] = results.at([index])
    return best, value


def chosen(
    sweep: OpenSweep,
    task: str | None,
    *,
    best: bool,
    metric: str | None,
    goal: str | None,
    where: str | None,
) -> tuple[Result, BestBy | None]:
    """Return the result of a task, or of the best one and how it was found.

    Raises UserError if there is none, and unless either `task` or `best` is used.
    """
    if best == (task is not None):
        raise UserError(
            f"which task of {sweep.plan.sweep}? Name one, or ask for the best: not both"
        )
    if task is not None:
        if metric or goal or where:
            raise UserError(
                "a metric, a goal and a condition choose the best task, not a named one"
            )
        return result_named(sweep, task), None
    by = best_by(sweep, metric, goal, where)
    return best_result(sweep, by)[0], by


def as_origin(sweep: OpenSweep, result: Result) -> TaskOrigin:
    """Return the record of a result."""
    return TaskOrigin(
        result.sweep, result.task, result.attempt, result.status, result.member, result.worker,
        result.seconds, result.finished_at, as_json(result.params), as_json(result.metrics),
        code_of(sweep.plan, sweep.ledger.state, result.worker), sweep.plan.run_digest,
    )  # fmt: skip


def still_counts(sweep: OpenSweep, task: TaskOrigin) -> bool:
    """Whether the result that was promoted is still the result of its task."""
    return _is_result_of(sweep, index_now(sweep, task), task)


def index_now(sweep: OpenSweep, task: TaskOrigin) -> int:
    """Return the number of the task that a final result is from; raises as `index_of` does.

    It may have got another number since, where members extended the sweep at the same time.
    """
    index, plan = index_of(task.task, sweep.plan), sweep.plan
    if not sweep.ledger.numbering.is_needed:
        return index
    state, added = sweep.ledger.state, range((plan.declared or plan).total, plan.total)
    own = (each for each in (index, *added) if _is_result_of(sweep, each, task))
    same = (each for each in own if as_json(params_of(state, sweep.tasks, each)) == task.params)
    return next(same, index)


def _is_result_of(sweep: OpenSweep, index: int, task: TaskOrigin) -> bool:
    now = sweep.ledger.state.tasks[index]
    return (
        now.event is not None
        and now.status == task.status
        and (now.event.writer, now.outcome.attempt) == (task.worker, task.attempt)
    )


def _origin_of(sweep: OpenSweep, index: int, attempt: int, worker: str) -> TaskOrigin:
    state = sweep.ledger.state
    if state.tasks[index].event is not None:
        [result] = _results(sweep).at([index])
        if (result.attempt, result.worker) == (attempt, worker):
            return as_origin(sweep, result)
    writer = state.writers.get(worker)
    return TaskOrigin(
        sweep.plan.sweep, task_name(index), attempt, "unfinished",
        writer.member if writer else "", worker, None, None,
        as_json(params_of(state, sweep.tasks, index)), None,
        code_of(sweep.plan, state, worker), sweep.plan.run_digest,
    )  # fmt: skip


def _results(sweep: OpenSweep) -> Results:
    folder_of = folders(
        sweep.root,
        sweep.layout,
        run_folders(sweep.layout, sweep.plan),
        sweep.ledger.numbering,
    )
    return Results(sweep.plan, sweep.ledger.state, sweep.tasks, folder_of=folder_of)


def _values(rows: Results, metric: str) -> Iterator[tuple[float, int]]:
    for row in rows:
        value = row.metrics.get(metric)
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                number = float(value)
            except OverflowError:  # an integer with hundreds of digits
                continue
            if not math.isnan(number):
                yield number, row.index


def _not_reported(sweep: OpenSweep, rows: Results, metric: str) -> str:
    if metric == sweep.plan.metric and (sentence := unreported(sweep.plan, sweep.ledger.state)):
        return sentence
    names = list(dict.fromkeys(name for row in rows for name in row.metrics))
    near = nearest(metric, names)
    shown = ", ".join(name if name.isprintable() else ascii(name) for name in names[:_MOST_NAMED])
    hint = f"did you mean {near}?" if near else f"the metrics are {shown or 'none'}"
    return f"no done task of {sweep.plan.sweep} reported a number as {metric:.60}; {hint}"
