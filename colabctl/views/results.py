"""The results of a sweep: a row for each finished task, and a table of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from colabctl.ledger import Plan, SweepState, TaskFiles, params_of, task_name
from colabctl.views import columns
from colabctl.views.best import ranked

FIXED = (
    "task", "index", "status", "attempt", "member", "worker", "seconds", "finished_at", "error",
)  # fmt: skip
_KINDS = ("params", "metrics", "attributes")


@dataclass(frozen=True)
class Result:
    """One finished task; `status` is done, pruned or failed, `finished_at` in UTC (ISO 8601)."""

    task: str
    index: int
    params: dict[str, Any]
    metrics: dict[str, Any]
    status: str
    attempt: int
    member: str
    worker: str
    seconds: float
    finished_at: str
    error: str | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


def results(state: SweepState, tasks: TaskFiles) -> list[Result]:
    """Return the results of the finished tasks, by index."""
    rows: list[Result] = []
    for index, task in enumerate(state.tasks):
        if not task.finished:
            continue
        event, outcome = task.event, task.outcome
        rows.append(
            Result(
                task=task_name(index),
                index=index,
                params=params_of(state, tasks, index),
                metrics=outcome.metrics,
                status=task.status,
                attempt=outcome.attempt,
                member=state.writers[event.writer].member if event else "",
                worker=event.writer if event else "",
                seconds=outcome.seconds,
                finished_at=_iso_time(event.t) if event else "",
                error=outcome.error or None,
                attributes=outcome.attributes,
            )
        )
    return rows


def best_results(rows: Sequence[Result], plan: Plan, count: int) -> list[Result]:
    """Return the `count` done tasks with the best values of the sweep's metric, best first."""
    done = ((n, row.metrics) for n, row in enumerate(rows) if row.status == "done")
    return [rows[n] for n, _ in ranked(plan, done)[:count]]


def _iso_time(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")


def table(rows: Sequence[Result]) -> tuple[list[str], list[list[Any]]]:
    """Return the results as column titles and rows of plain values.

    After the FIXED columns, each parameter, metric and attribute has a column, titled by `columns`.
    Lists are JSON text, and missing values are None. Characters that files cannot store, such as
    lone surrogates, are escaped.
    """
    flat = [[columns.flat(getattr(row, kind)) for kind in _KINDS] for row in rows]
    names = {
        kind: list(dict.fromkeys(name for values in flat for name in values[number]))
        for number, kind in enumerate(_KINDS)
    }
    lines = [
        [
            columns.spelled_out(value)
            for value in (
                *(getattr(row, name) for name in FIXED),
                *(
                    cells.get(name)
                    for cells, kind in zip(values, _KINDS, strict=True)
                    for name in names[kind]
                ),
            )
        ]
        for row, values in zip(rows, flat, strict=True)
    ]
    return [*FIXED, *columns.titles(FIXED, names)], lines


def as_json(value: Any) -> Any:
    """Return a value as strict JSON allows it: NaN and infinities become None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return value
