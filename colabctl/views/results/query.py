"""Chooses results: those that meet a condition, the best ones, in an order."""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from colabctl.errors import UserError
from colabctl.ledger import Plan, SweepState
from colabctl.views.best import best_first
from colabctl.views.pareto import front
from colabctl.views.results.names import Column, Names
from colabctl.views.results.rows import Result, Results
from colabctl.views.results.where import parse_where

T = TypeVar("T")


@dataclass(frozen=True)
class Query:
    """Which results, and in which order.

    Attributes:
        where: a condition on their values (see views/results/where.py).
        best: the number of the best ones by the sweep's metric.
        sort: names to sort by, each with - in front for the largest first.
        pareto: whether only those on the Pareto front of the sweep's metrics are wanted.

    """

    where: str | None = None
    best: int | None = None
    sort: Sequence[str] = ()
    pareto: bool = False


def choose(
    query: Query,
    results: Results,
    names: Names,
    plan: Plan,
    state: SweepState,
    *,
    values: Sequence[float] | None = None,
) -> Results:
    """Return the results that a query is about; raise UserError for a name that no result has.

    The best ones are chosen by the sweep's metric, or by `values` with one for each task.
    """
    chosen: Sequence[int] = results.indices
    if query.pareto:
        chosen = [index for point in front(plan, state) for index in point.tasks]
    elif query.best is not None:
        chosen = [index for index, _ in best_first(plan, state, values)]
    if query.where is not None:
        matches = _matches(query.where, results.at(chosen), names)
        chosen = list(islice(matches, query.best))
    elif query.best is not None:
        chosen = chosen[: query.best]
    if query.sort:
        chosen = _sorted(results.at(chosen), query.sort, names)
    return results.at(chosen)


def _matches(text: str, results: Results, names: Names) -> Iterator[int]:
    where = parse_where(text)
    columns = {name: names.find(name) for name in where.names}
    if not results:
        return
    if None in columns.values():
        where.check(names.spellings())
    for row in results:
        if where.matches(_Values(row, columns)):
            yield row.index


class _Values(Mapping[str, Any]):
    """The values of one result, by the names in a condition."""

    __slots__ = ("_columns", "_row")

    def __init__(self, row: Result, columns: Mapping[str, Column | None]) -> None:
        self._row = row
        self._columns = columns

    def get(self, name: str, default: Any = None) -> Any:
        column = self._columns[name]
        return default if column is None else column.of(self._row)

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)


def _sorted(results: Results, sort: Sequence[str], names: Names) -> list[int]:
    orders = [(names.get(name.removeprefix("-"), "--sort"), name[:1] == "-") for name in sort]
    rows = [(row.index, [column.of(row) for column, _ in orders]) for row in results]
    for number, (_, downwards) in reversed([*enumerate(orders)]):
        rows = sorted_by(rows, partial(_nth, number), downwards=downwards)
    return [index for index, _ in rows]


def _nth(number: int, row: tuple[int, list[Any]]) -> Any:
    return row[1][number]


def sorted_by(items: Iterable[T], value: Callable[[T], Any], *, downwards: bool) -> list[T]:
    """Return items sorted by a value of each; those without one come last.

    Numbers come before text, and text before lists; if `downwards`, the other way round.
    """
    ranked = [(_rank(value(item)), item) for item in items]
    present = [pair for pair in ranked if pair[0] is not None]
    present.sort(key=itemgetter(0), reverse=downwards)
    return [item for _, item in present] + [item for rank, item in ranked if rank is None]


def _rank(value: Any) -> tuple[int, Any] | None:
    """Return what to compare a value by; None if it is missing."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float):
        return 0, value
    return (1, value) if isinstance(value, str) else (2, json.dumps(value))


def check_metric(plan: Plan, option: str) -> None:
    """Raise UserError if a sweep has no metric, which an option needs."""
    if plan.metrics:
        raise UserError(
            f"sweep {plan.sweep} has several metrics, so {option} does not know which task is "
            f"best; choose one with --metric {', '.join(plan.goals)}, or name a task; the tasks "
            f"that no other one beats in all: colabctl results {plan.sweep} --pareto"
        )
    if plan.metric is None:
        raise UserError(
            f"sweep {plan.sweep} names no metric, so {option} does not know which task is best; "
            "use --sort with a metric that its tasks report, or add `metric: {name: ..., goal: "
            "...}` to its file and declare it under another name"
        )


def check_metrics(plan: Plan) -> None:
    """Raise UserError if a sweep has not several metrics, which a Pareto front needs."""
    if not plan.metrics:
        raise UserError(
            f"sweep {plan.sweep} has no Pareto front, since it does not have several metrics; use "
            "--best, or list its metrics under metrics: and declare it under another name"
        )
