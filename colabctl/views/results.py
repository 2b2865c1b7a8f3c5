"""The results of a sweep: a row for each finished task, and a table of them."""

import math
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from colabctl.ledger import Plan, SweepState, TaskFiles, params_of, task_name
from colabctl.views import columns
from colabctl.views.best import best_first

FIXED = (
    "task", "index", "status", "attempt", "member", "worker", "seconds", "finished_at", "error",
)  # fmt: skip
_KEPT = 100_000  # results that a table keeps in memory; they need about 1 kB each
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


class Results(Collection[Result]):
    """The results of some finished tasks, made from the ledger each time they are looped over.

    So the results of a million tasks need no memory.

    Args:
        state: the state of the sweep.
        tasks: its task files.
        indices: the tasks, in the order of the results; all finished tasks if None.

    """

    def __init__(
        self, state: SweepState, tasks: TaskFiles, indices: Sequence[int] | None = None
    ) -> None:
        self._state = state
        self._tasks = tasks
        self._indices = array("i", state.columns.finished()) if indices is None else indices

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[Result]:
        return (self._result(index) for index in self._indices)

    def __contains__(self, row: object) -> bool:
        return any(row == each for each in self)

    def _result(self, index: int) -> Result:
        state = self._state
        task = state.tasks[index]
        event, outcome = task.event, task.outcome
        return Result(
            task=task_name(index),
            index=index,
            params=params_of(state, self._tasks, index),
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


def best_results(plan: Plan, state: SweepState, tasks: TaskFiles, count: int) -> Results:
    """Return the `count` done tasks with the best values of the sweep's metric, best first."""
    return Results(state, tasks, [index for index, _ in best_first(plan, state)[:count]])


def _iso_time(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")


def table(rows: Collection[Result]) -> tuple[list[str], Iterator[list[Any]]]:
    """Return the results as column titles and rows of plain values.

    After the FIXED columns, each parameter, metric and attribute has a column, titled by `columns`.
    Lists are JSON text, and missing values are None. Characters that files cannot store, such as
    lone surrogates, are escaped.
    """
    if len(rows) <= _KEPT:
        rows = list(rows)  # to make each result once, not twice
    names_of: dict[str, dict[str, None]] = {kind: {} for kind in _KINDS}
    for row in rows:
        for kind, names in names_of.items():
            names.update(dict.fromkeys(columns.flat(getattr(row, kind))))
    kinds = [(kind, list(names)) for kind, names in names_of.items()]
    return [*FIXED, *columns.titles(FIXED, dict(kinds))], (_line(row, kinds) for row in rows)


def _line(row: Result, kinds: Sequence[tuple[str, Sequence[str]]]) -> list[Any]:
    values = [getattr(row, name) for name in FIXED]
    for kind, names in kinds:
        cells = columns.flat(getattr(row, kind))
        values += map(cells.get, names)
    return [
        value if type(value) is not str or value.isascii() else columns.spelled_out(value)
        for value in values
    ]


def as_json(value: Any) -> Any:
    """Return a value as strict JSON allows it: NaN and infinities become None."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: as_json(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(part) for part in value]
    return value
