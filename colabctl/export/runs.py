"""The finished tasks of a sweep as the runs that experiment trackers know."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from colabctl.ledger import (
    Plan,
    SweepState,
    TaskFiles,
    params_of,
    reports_of,
    stretches,
    task_name,
)
from colabctl.views import columns


@dataclass(frozen=True)
class Run:
    """One finished task.

    Attributes:
        name: The name of its task, such as t000017.
        status: done, pruned or failed.
        started, ended: Seconds since 1970.
        params: Its parameters and the values of its cell; names of nested ones joined by dots.
        metrics: Those that are numbers; NaN and infinities too.
        reports: Step and numbers of each report, steps rising.
        facts: What else is known, as text: its sweep, cell, member, worker, attempt, error, and the
            metrics and attributes that are not numbers.

    """

    name: str
    status: str
    started: float
    ended: float
    params: Mapping[str, Any]
    metrics: Mapping[str, float]
    reports: list[tuple[int, dict[str, float]]]
    facts: Mapping[str, str]


def runs(plan: Plan, state: SweepState, tasks: TaskFiles) -> Iterator[Run]:
    """Yield the finished tasks by index."""
    for index, (number, _) in enumerate(stretches(plan).places()):
        if state.tasks[index].has_outcome:
            params = {**plan.cells[number]["values"], **params_of(state, tasks, index)}
            yield _run(plan, state, index, number, columns.flat(params))


def _run(plan: Plan, state: SweepState, index: int, cell: int, params: Mapping[str, Any]) -> Run:
    task = state.tasks[index]
    event, outcome = task.event, task.outcome
    # A task that lost its worker every time has no event that ended it.
    ended = event.t if event else state.events_of(index)[-1].t
    metrics, attributes = columns.flat(outcome.metrics), columns.flat(outcome.attributes)
    numbers = {name: float(value) for name, value in metrics.items() if _is_number(value)}
    facts = {
        "sweep": plan.sweep,
        "cell": cell,
        "member": state.called(state.writers[event.writer].member) if event else None,
        "worker": event.writer if event else None,
        "attempt": outcome.attempt,
        "error": outcome.error or None,
        **{name: value for name, value in {**metrics, **attributes}.items() if name not in numbers},
    }
    return Run(
        name=task_name(index),
        status=task.status,
        started=ended - min(max(outcome.seconds, 0.0), ended),
        ended=ended,
        params={columns.spelled_out(name): columns.spelled_out(params[name]) for name in params},
        metrics={columns.spelled_out(name): value for name, value in numbers.items()},
        reports=_reports(state, index),
        facts={
            columns.spelled_out(name): columns.spelled_out(str(value))
            for name, value in facts.items()
            if value is not None
        },
    )


def _reports(state: SweepState, index: int) -> list[tuple[int, dict[str, float]]]:
    """Return the reports with whole, rising steps; one without a usable step comes next."""
    steps: dict[int, dict[str, float]] = {}
    following = 0
    for step, values in reports_of(state, index):
        number = int(step) if step is not None and 0 <= step < 2**31 else following
        flat = columns.flat(values)
        numbers = {columns.spelled_out(n): float(v) for n, v in flat.items() if _is_number(v)}
        steps.setdefault(number, {}).update(numbers)
        following = max(following, number + 1)
    return sorted(steps.items())


def _is_number(value: object) -> bool:
    return isinstance(value, float) or (
        isinstance(value, int) and not isinstance(value, bool) and math.log2(abs(value) + 1) < 1023
    )
