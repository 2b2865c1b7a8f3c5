"""Groups of results: how many tasks have a value of the sweep's metric, the best, mean and sd."""

import json
from array import array
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from colabctl.ledger import Plan
from colabctl.views.columns import titles
from colabctl.views.repeats import come_last
from colabctl.views.results.names import Column, Names
from colabctl.views.results.query import sorted_by
from colabctl.views.results.rows import Result
from colabctl.views.results.table import Table, plain
from colabctl.views.spread import deviation, mean

FIGURES = ("count", "best", "mean", "sd", "task")

CONFIG = "config"
"""Stands for all parameters that the repeats of a configuration share, where none has this name."""


@dataclass
class _Group:
    keys: list[Any]
    values: "array[float]" = field(default_factory=lambda: array("d"))
    best: float | None = None
    task: str | None = None
    stopped: bool = False

    def figures(self, plan: Plan, titles: Sequence[str]) -> list[Any]:
        """Return the figures with these titles."""
        values = {
            "count": len(self.values),
            "best": self.best,
            "mean": mean(self.values),
            "sd": deviation(self.values),
            "task": self.task,
        }
        if self.values:
            values.setdefault(plan.repeats.aggregate, plan.repeats.aggregated(self.values))
        return [values.get(title) for title in titles]


def grouped(
    rows: Collection[Result],
    names: Names,
    by: Sequence[str],
    plan: Plan,
    *,
    most: int | None = None,
    sort: Sequence[str] = (),
    varying: bool = False,
) -> Table:
    """Return a table with a row for each combination of the values of the columns `by`.

    After the columns, it has `count`, the number of done tasks with a value of the sweep's metric;
    `best`, the best of these values by the metric's goal; their `mean` and `sd` (sample standard
    deviation); and `task`, which has the best one.

    Args:
        rows: the results.
        names: their names.
        by: names of columns; CONFIG for all parameters but that of the repeats.
        plan: the plan of the sweep, which has a metric.
        most: number of groups to keep; None for all.
        sort: titles to sort by, each with - in front for the largest first; without, the group
            with the best mean is first.
        varying: whether CONFIG leaves out parameters that all tasks have the same value of.

    """
    columns = [
        column
        for name in by
        for column in (
            _of_configuration(rows, names, plan, varying=varying)
            if name == CONFIG and names.find(CONFIG) is None
            else [names.get(name, "--by")]
        )
    ]
    figures = _figures(plan)
    sign = -1 if plan.goal == "maximize" else 1
    groups: dict[str, _Group] = {}
    for row in rows:
        keys = [plain(column.of(row)) for column in columns]
        group = groups.setdefault(json.dumps(keys), _Group(keys))
        group.stopped |= row.status == "pruned"
        value = plan.value_of(row.metrics) if row.status == "done" else None
        if value is not None:
            group.values.append(value)
            if group.best is None or sign * value < sign * group.best:
                group.best, group.task = value, row.task
    ordered = list(groups.values())
    if not sort:
        ordered = _by_value(ordered, plan)
    lines = [[*group.keys, *group.figures(plan, figures)] for group in ordered]
    own = titles(figures, {"params": [column.title for column in columns]})
    table = Table([*own, *figures], lines, len(lines))
    for name in reversed(sort):
        place = table.place(name.removeprefix("-"), "--sort")
        lines = sorted_by(lines, itemgetter(place), downwards=name[:1] == "-")
    return replace(table, lines=lines[:most], count=len(lines[:most]))


def _by_value(groups: Iterable[_Group], plan: Plan) -> list[_Group]:
    """Return the groups, the one with the best mean first."""

    def value(group: _Group) -> float | None:
        return plan.repeats.aggregated(group.values) if group.values else None

    ordered = sorted_by(groups, value, downwards=plan.goal == "maximize")
    if plan.repeats.count > 1:
        most = max((len(group.values) for group in ordered), default=0)
        ordered.sort(key=lambda each: come_last(len(each.values), most, stopped=each.stopped))
    return ordered


def _figures(plan: Plan) -> tuple[str, ...]:
    """Return the titles of the figures; one more if the value is not the mean."""
    how = plan.repeats.aggregate
    return FIGURES if how == "mean" else (*FIGURES[:-1], how, FIGURES[-1])


def _of_configuration(
    rows: Collection[Result], names: Names, plan: Plan, *, varying: bool
) -> list[Column]:
    """Return the columns of the parameters that the repeats of a configuration share."""
    for row in rows:
        names.add(row)
    shown = names.varying(()) if varying else names.columns()
    own = (column for column in shown if column.kind == "params")
    return [column for column in own if column.name != plan.repeats.name]


def with_spread(table: Table) -> Table:
    """Return a table of groups with one column `mean ± sd` in place of two."""
    place = len(table.titles) - list(table.titles)[::-1].index("mean") - 1
    lines = [
        [*line[:place], _spread(line[place], line[place + 1]), *line[place + 2 :]]
        for line in table.lines
    ]
    titles = [*table.titles[:place], "mean ± sd", *table.titles[place + 2 :]]
    return Table(titles, lines, table.count)


def _spread(centre: float | None, sd: float | None) -> float | str | None:
    return centre if centre is None or sd is None else f"{centre:.4g} ± {sd:.2g}"
