"""The finished tasks of a sweep as Optuna studies, one for each cell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from colabctl.ledger import Book, Plan, TaskFiles, TaskState, params_of, task_name
from colabctl.search import Cell
from colabctl.search.learn.optuna_bridge import frozen
from colabctl.search.learn.trials import Trial
from colabctl.export.wandb_sweeps import assignments
from colabctl.views.columns import spelled_out
from colabctl.views.results import as_json
from colabctl.views.status import error_of
from colabctl.export.optuna_params import Suggestions, agreed, from_json, suggester

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

_LONGEST_NAME = 200  # characters of a study's name; Optuna has room for 512
_LARGEST_STEP = 2**31  # what an integer of any database can hold
_FIXED = ("task", "trial", "status", "member", "worker", "attempt", "seconds", "error")


@dataclass(frozen=True)
class Study:
    """One cell of a sweep as Optuna has it; `attributes` are those of the study itself."""

    name: str
    attributes: Mapping[str, Any]
    trials: "Sequence[FrozenTrial]"


def studies(plan: Plan, cells: Sequence[Cell], book: Book, tasks: TaskFiles) -> Iterator[Study]:
    """Yield a study for each cell, with its finished tasks in their order.

    Trials are numbered from 0 without gaps, so that their numbers are those of the tasks in their
    cell once all have finished; before, the attributes `task` and `trial` tell. A task that is done
    without a number for the metric has failed for Optuna. The value of one that was stopped early
    is the last that it reported.
    """
    start, names = 0, _names(plan.sweep, cells)
    for cell, name in zip(cells, names, strict=True):
        finished = [
            index for index in range(start, start + cell.tasks) if book.tasks[index].finished
        ]
        suggestions = agreed(_suggestions(plan, cell, book, tasks, finished))
        trials = []
        for number, (index, own) in enumerate(zip(finished, suggestions, strict=True)):
            trial = frozen(
                number,
                _trial(plan, book, index),
                {name: each.value for name, each in own.items()},
                {name: each.distribution for name, each in own.items()},
            )
            _describe(trial, book, plan, index, index - start)
            trials.append(trial)
        start += cell.tasks
        yield Study(name, {"sweep": plan.sweep, **cell.values}, trials)


def _names(sweep: str, cells: Sequence[Cell]) -> list[str]:
    """Return a name for each cell's study: `bench model=xgb data=adult`, no two the same."""
    names = [" ".join((sweep, *assignments(cell.values))) for cell in cells]
    if len(set(names)) < len(names) or any(len(name) > _LONGEST_NAME for name in names):
        names = [f"{name[:_LONGEST_NAME]} #{number}" for number, name in enumerate(names)]
    return names


def _suggestions(
    plan: Plan, cell: Cell, book: Book, tasks: TaskFiles, finished: Sequence[int]
) -> list[Suggestions]:
    if plan.method == "optuna":
        proposals = (book.proposal(index) for index in finished)
        return [
            from_json(each.params, each.distributions or {}) if each else {} for each in proposals
        ]
    suggested = suggester(cell.space)
    return [suggested(params_of(book, tasks, index)) for index in finished]


def _trial(plan: Plan, book: Book, index: int) -> Trial:
    state = book.tasks[index]
    metrics = state.outcome.body.get("metrics", {}) if state.outcome else {}
    reports = tuple(
        (step if step is None or step < _LARGEST_STEP else None, value)
        for step, values in book.reports_of(index)
        if (value := plan.number_of(values)) is not None
    )
    assert state.status in ("done", "pruned", "failed")
    return Trial(state.status, {}, plan.value_of(metrics), reports)


def _describe(trial: "FrozenTrial", book: Book, plan: Plan, index: int, number: int) -> None:
    """Put the dates into a trial, and what Optuna has no word for into its attributes."""
    state = book.tasks[index]
    body = state.outcome.body if state.outcome else {}
    begun, ended = _span(book, state, index)
    trial.datetime_start = datetime.fromtimestamp(begun)  # noqa: DTZ006 - Optuna's have no zone
    trial.datetime_complete = datetime.fromtimestamp(ended)  # noqa: DTZ006
    attributes = {
        "task": task_name(index),
        "trial": number,
        "status": state.status,
        "member": book.writers[state.outcome.writer].member if state.outcome else None,
        "worker": state.outcome.writer if state.outcome else None,
        "attempt": body.get("attempt", state.attempts),
        "seconds": body.get("seconds"),
        "error": error_of(body or None) if state.status == "failed" else None,
    }
    trial.user_attrs = {key: value for key, value in attributes.items() if value is not None}
    for kind in ("metrics", "attributes"):
        for name, value in body.get(kind, {}).items():
            told = trial.value is not None and value == trial.value
            if told and (kind, name) == ("metrics", plan.metric):
                continue
            key = f"{kind}.{name}" if name in trial.user_attrs or name in _FIXED else name
            trial.user_attrs[spelled_out(key)] = as_json(value)


def _span(book: Book, state: TaskState, index: int) -> tuple[float, float]:
    """Return the ledger times between which a finished task ran."""
    if state.outcome is None:  # its workers vanished every time
        events = book.events_of(index)
        return events[0].t, events[-1].t
    ended = state.outcome.t
    return ended - min(max(state.outcome.body.get("seconds", 0.0), 0.0), ended), ended
