"""The results of a sweep: one row for each finished task, and their table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from colabctl.ledger import Plan, SweepState, TaskFiles, params_of, task_name
from colabctl.views import columns
from colabctl.views.status import error_of

FIXED = (
    "task",
    "index",
    "status",
    "attempt",
    "member",
    "worker",
    "seconds",
    "finished_at",
    "error",
)
_KINDS = ("params", "metrics", "attributes")


@dataclass(frozen=True)
class Result:
    """One finished task; status is done, pruned or failed, finished_at is in UTC (ISO 8601)."""

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
    """Return every finished task once, by index."""
    rows: list[Result] = []
    for index, task in enumerate(state.tasks):
        if not task.finished:
            continue
        outcome = task.outcome
        body = outcome.body if outcome else {}
        failed = task.status == "failed"
        rows.append(
            Result(
                task=task_name(index),
                index=index,
                params=params_of(state, tasks, index),
                metrics=body.get("metrics", {}),
                status=task.status,
                attempt=body.get("attempt", task.attempts),
                member=state.writers[outcome.writer].member if outcome else "",
                worker=outcome.writer if outcome else "",
                seconds=body.get("seconds", 0.0),
                finished_at=_iso(outcome.t) if outcome else "",
                error=error_of(body if outcome else None) if failed else None,
                attributes=body.get("attributes", {}),
            )
        )
    return rows


def best_results(rows: Sequence[Result], plan: Plan, count: int) -> list[Result]:
    """Return the `count` done tasks with the best values of the sweep's metric, best first."""
    sign = 1 if plan.goal == "minimize" else -1
    valued = [
        (sign * value, row.index, row)
        for row in rows
        if row.status == "done" and (value := plan.value_of(row.metrics)) is not None
    ]
    return [row for _, _, row in sorted(valued, key=lambda each: each[:2])[:count]]


def _iso(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")


def table(rows: Sequence[Result]) -> tuple[list[str], list[list[Any]]]:
    """Return the results as column titles and rows of plain values.

    After the FIXED columns, each parameter, metric and attribute has a column, titled by `columns`.
    Lists are JSON text. A missing value is None. What files cannot store, such as a lone surrogate,
    is escaped.
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
