"""The finished tasks of a sweep as Optuna studies, one for each cell.

Import this only where Optuna is installed.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from optuna.trial import FrozenTrial

from colabctl.export.optuna_params import Suggestions, for_one_study, from_json, suggester
from colabctl.export.wandb_sweeps import assignments
from colabctl.ledger import (
    Plan,
    SweepState,
    TaskFiles,
    TaskState,
    params_of,
    proposal_of,
    reports_of,
    stretches,
    task_name,
)
from colabctl.search import Cell
from colabctl.search.learn.optuna_bridge import frozen
from colabctl.search.learn.trials import Trial
from colabctl.views.columns import spelled_out
from colabctl.views.pareto import Point, points
from colabctl.views.results import as_json

_LONGEST_NAME = 200  # characters of a study's name; Optuna allows 512
_LARGEST_STEP = 2**31  # the range of an integer in every database
_FIXED = ("task", "trial", "status", "member", "worker", "attempt", "seconds", "error")


@dataclass(frozen=True)
class ExportedStudy:
    """One cell of a sweep as an Optuna study; `attributes` are the study's own."""

    name: str
    attributes: Mapping[str, Any]
    trials: Sequence[FrozenTrial]


def studies(
    plan: Plan, cells: Sequence[Cell], state: SweepState, tasks: TaskFiles
) -> Iterator[ExportedStudy]:
    """Yield a study for each cell, with its finished tasks in order, or its configurations.

    Optuna numbers trials from 0 without gaps. These are the numbers in the cell once all tasks have
    finished; before, the attributes `task` and `trial` identify them. A done task whose metric is
    not a number has failed in Optuna. The value of a pruned task is its last report. With repeats,
    a trial is a configuration: its value is that of its tasks together, which are in the attributes
    `repeats` and `values`.
    """
    places, names = stretches(plan), _names(plan.title or plan.sweep, cells)
    merged = {each.index: each for each in points(plan, state)} if plan.repeats.count > 1 else {}
    for place, (cell, name) in enumerate(zip(cells, names, strict=True)):
        finished = [index for index in places.tasks(place) if state.tasks[index].has_outcome]
        if plan.repeats.count > 1:
            finished = _one_of_each(plan, finished, merged)
        suggestions = for_one_study(_suggestions(plan, cell, state, tasks, finished))
        trials = []
        for number, (index, own) in enumerate(zip(finished, suggestions, strict=True)):
            trial = frozen(
                number,
                _trial(plan, state, index),
                {name: suggestion.value for name, suggestion in own.items()},
                {name: suggestion.distribution for name, suggestion in own.items()},
            )
            _describe(trial, state, plan, index, places.place(index)[1] // plan.repeats.count)
            if index in merged:
                _merge(trial, plan, merged[index])
            trials.append(trial)
        yield ExportedStudy(name, {"sweep": plan.sweep, **cell.values}, trials)


def _merge(trial: FrozenTrial, plan: Plan, point: Point) -> None:
    """Give a trial the values of its configuration, and those of its tasks as attributes."""
    trial.values = list(point.values)
    columns = [as_json(list(column)) for column in zip(*point.own, strict=True)]
    own = columns[0] if len(columns) == 1 else dict(zip(plan.goals, columns, strict=True))
    trial.user_attrs |= {"repeats": len(point.own), "values": own}


def _one_of_each(plan: Plan, finished: Sequence[int], merged: Container[int]) -> list[int]:
    """Return a task of each configuration: the one that stands for it, else its first one."""
    count = plan.repeats.count
    standing = [index for index in finished if index in merged]
    valued = {index // count for index in standing}
    others = {index // count: index for index in reversed(finished)}
    firsts = [index for block, index in others.items() if block not in valued]
    return sorted([*standing, *firsts])


def _names(sweep: str, cells: Sequence[Cell]) -> list[str]:
    """Return a unique name for the study of each cell: `bench model=xgb data=adult`."""
    names = [" ".join((sweep, *assignments(cell.values))) for cell in cells]
    if len(set(names)) < len(names) or any(len(name) > _LONGEST_NAME for name in names):
        names = [f"{name[:_LONGEST_NAME]} #{number}" for number, name in enumerate(names)]
    return names


def _suggestions(
    plan: Plan, cell: Cell, state: SweepState, tasks: TaskFiles, finished: Sequence[int]
) -> list[Suggestions]:
    if plan.method == "optuna":
        proposals = (proposal_of(state, index) for index in finished)
        return [from_json(p.params, p.distributions or {}) if p else {} for p in proposals]
    suggested = suggester(cell.space)
    return [suggested(params_of(state, tasks, index)) for index in finished]


def _trial(plan: Plan, state: SweepState, index: int) -> Trial:
    task = state.tasks[index]
    reports = tuple(
        (step if step is None or step < _LARGEST_STEP else None, value)
        for step, values in reports_of(state, index)
        if (value := plan.number_of(values)) is not None
    )
    assert task.status in ("done", "pruned", "failed")
    metrics = task.outcome.metrics
    if not plan.metrics:
        return Trial(task.status, {}, plan.value_of(metrics), reports)
    values = plan.values_of(metrics) if task.status == "done" else None
    return Trial("failed" if task.status == "pruned" else task.status, {}, values=values)


def _describe(trial: FrozenTrial, state: SweepState, plan: Plan, index: int, number: int) -> None:
    """Set the dates of a trial, and as attributes the facts that Optuna has no field for."""
    task = state.tasks[index]
    event, outcome = task.event, task.outcome
    started, ended = _span(state, task, index)
    trial.datetime_start = datetime.fromtimestamp(started)  # noqa: DTZ006 - Optuna's have no zone
    trial.datetime_complete = datetime.fromtimestamp(ended)  # noqa: DTZ006
    attributes = {
        "task": task_name(index),
        "trial": number,
        "status": task.status,
        "member": state.called(state.writers[event.writer].member) if event else None,
        "worker": event.writer if event else None,
        "attempt": outcome.attempt,
        "seconds": outcome.seconds if event else None,
        "error": outcome.error or None,
    }
    trial.user_attrs = {key: value for key, value in attributes.items() if value is not None}
    for kind in ("metrics", "attributes"):
        for name, value in getattr(outcome, kind).items():
            is_metric = kind == "metrics" and name in plan.goals
            if is_metric and trial.values is not None and value in trial.values:
                continue  # it is the value of the trial
            key = f"{kind}.{name}" if name in trial.user_attrs or name in _FIXED else name
            trial.user_attrs[spelled_out(key)] = as_json(value)


def _span(state: SweepState, task: TaskState, index: int) -> tuple[float, float]:
    """Return the ledger times between which a finished task ran."""
    if task.event is None:  # it lost its worker in every attempt
        events = state.events_of(index)
        return events[0].t, events[-1].t
    ended = task.event.t
    return ended - min(max(task.outcome.seconds, 0.0), ended), ended
