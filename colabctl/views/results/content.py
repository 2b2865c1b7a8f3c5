"""Answers a question about results: which ones, in which columns or groups."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from colabctl.ledger import Plan, SweepState
from colabctl.views.pareto import by_metric, column_of
from colabctl.views.results import text
from colabctl.views.results.groups import grouped, with_spread
from colabctl.views.results.names import Column, Names
from colabctl.views.results.query import Query, check_metric, check_metrics, choose
from colabctl.views.results.reports import Report, reports
from colabctl.views.results.rows import Result, Results
from colabctl.views.results.table import Table, table

_KEPT = 100_000  # results that are kept in memory, to make each once; they need about 1 kB each


@dataclass(frozen=True)
class View:
    """What the reader of results wants to see.

    Attributes:
        query: which results.
        by: names to group them by; `task` alone gives each result a row of its own.
        columns: names of columns; all columns if empty.
        for_people: whether columns without a value are left out, and those with the same value in
            all tasks; and the mean and sd of groups are one column.
        everything: whether columns with the same value in all tasks are kept even so.
        always: columns that are kept even so, of those that every result has.
        metric: the metric by which the best are chosen and groups compared; the sweep's if None.
        lead: names of columns that come first, by which a file says whose results it holds.

    """

    query: Query = field(default_factory=Query)
    by: Sequence[str] = ()
    columns: Sequence[str] = ()
    for_people: bool = False
    everything: bool = False
    always: Collection[str] = ("task", "seconds")
    lead: Sequence[str] = ()
    metric: str | None = None

    @property
    def is_grouped(self) -> bool:
        """Whether its rows are groups of results."""
        return tuple(self.by) not in {(), ("task",)}


@dataclass(frozen=True)
class Content:
    """The answer, to print or to write; each part is made when it is asked for.

    Attributes:
        plan: the plan of the sweep.
        count: number of rows.
        table: returns the results, or groups of them.
        objects: yields the rows as objects, for JSON.
        reports: yields the intermediate values of the results.
        constants: returns the values that are left out because all tasks have them.
        show: returns the text of a value, for Markdown.

    """

    plan: Plan
    count: int
    table: Callable[[], Table]
    objects: Callable[[], Iterable[Mapping[str, Any]]]
    reports: Callable[[], Iterable[Report]] = tuple
    constants: Callable[[], Mapping[str, Any]] = dict
    show: Callable[[Any], str] = str


def content(view: View, plan: Plan, state: SweepState, results: Results, names: Names) -> Content:
    """Return the answer; raise UserError for a name that no result has.

    Args:
        view: what to show.
        plan: the plan of the sweep.
        state: its state.
        results: all its results.
        names: their names.

    """
    query = view.query
    if query.pareto:
        check_metrics(plan)
    values = None
    if view.metric is not None and view.metric != plan.metric:
        plan = by_metric(plan, view.metric)
        values = column_of(state, view.metric)
    if view.is_grouped:
        check_metric(plan, "--by")
        rows = choose(Query(query.where, pareto=query.pareto), results, names, plan, state)
        groups = grouped(
            rows,
            names,
            view.by,
            plan,
            most=query.best,
            sort=query.sort,
            varying=view.for_people and not view.everything,
        )
        if view.columns:
            groups = groups.only(view.columns, "--columns")
        elif view.for_people:
            groups = with_spread(groups)
        if view.lead:
            groups = groups.led_by("sweep", plan.sweep)
        return Content(plan, groups.count, lambda: groups, partial(text.flat_objects, groups))
    if query.best is not None:
        check_metric(plan, "--best")
    rows = choose(query, results, names, plan, state, values=values)
    second = partial(reports, state, rows.indices)
    if view.columns:
        asked = [names.get(name, "--columns") for name in (*view.lead, *view.columns)]
        some = table(rows, list(dict.fromkeys(asked)))
        return Content(plan, len(rows), lambda: some, partial(text.flat_objects, some), second)
    return Content(
        plan,
        len(rows),
        partial(_whole_table, view, rows, names),
        partial(text.objects, rows),
        second,
        names.constants if view.for_people and not view.everything else dict,
    )


def _whole_table(view: View, rows: Results, names: Names) -> Table:
    whole: Collection[Result] = list(rows) if len(rows) <= _KEPT else rows
    for row in whole:
        names.add(row)
    return table(whole, _columns(view, whole, names))


def _columns(view: View, rows: Collection[Result], names: Names) -> list[Column]:
    if not view.for_people:
        return names.columns()
    always = {*view.always, "error"}
    always |= {"status"} if any(row.status != "done" for row in rows) else set()
    always |= {"attempt"} if any(row.attempt > 1 for row in rows) else set()
    shown = names.columns() if view.everything else names.varying(always)
    return [
        column
        for column in shown
        if column.name in view.always or any(column.of(row) is not None for row in rows)
    ]
