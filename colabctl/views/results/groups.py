"""Groups of results: how many tasks have a value of the sweep's metric, the best, mean and sd."""

import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

from colabctl.ledger import Plan
from colabctl.views.columns import titles
from colabctl.views.results.names import Names
from colabctl.views.results.query import sorted_by
from colabctl.views.results.rows import Result
from colabctl.views.results.table import Table, plain
from colabctl.views.spread import deviation, mean

FIGURES = ("count", "best", "mean", "sd", "task")


@dataclass
class _Group:
    keys: list[Any]
    values: "array[float]" = field(default_factory=lambda: array("d"))
    best: float | None = None
    task: str | None = None

    def figures(self) -> tuple[int, float | None, float | None, float | None, str | None]:
        return len(self.values), self.best, mean(self.values), deviation(self.values), self.task


def grouped(
    rows: Iterable[Result],
    names: Names,
    by: Sequence[str],
    plan: Plan,
    *,
    most: int | None = None,
    sort: Sequence[str] = (),
) -> Table:
    """Return a table with a row for each combination of the values of the columns `by`.

    After these, it has `count`, the number of done tasks with a value of the sweep's metric;
    `best`, the best of these values by the metric's goal; their `mean` and `sd` (sample standard
    deviation); and `task`, which has the best one.

    Args:
        rows: the results.
        names: their names.
        by: names of columns.
        plan: the plan of the sweep, which has a metric.
        most: number of groups to keep; None for all.
        sort: titles to sort by, each with - in front for the largest first; without, the group
            with the best mean is first.

    """
    columns = [names.get(name, "--by") for name in by]
    sign = -1 if plan.goal == "maximize" else 1
    groups: dict[str, _Group] = {}
    for row in rows:
        keys = [plain(column.of(row)) for column in columns]
        group = groups.setdefault(json.dumps(keys), _Group(keys))
        value = plan.value_of(row.metrics) if row.status == "done" else None
        if value is not None:
            group.values.append(value)
            if group.best is None or sign * value < sign * group.best:
                group.best, group.task = value, row.task
    lines = [[*group.keys, *group.figures()] for group in groups.values()]
    own = titles(FIGURES, {"params": [column.title for column in columns]})
    table = Table([*own, *FIGURES], lines, len(lines))
    for name in reversed(sort or ["-mean" if sign < 0 else "mean"]):
        place = table.place(name.removeprefix("-"), "--sort")
        lines = sorted_by(lines, itemgetter(place), downwards=name[:1] == "-")
    return replace(table, lines=lines[:most], count=len(lines[:most]))


def with_spread(table: Table) -> Table:
    """Return a table of groups with one column `mean ± sd` in place of two."""
    place = len(table.titles) - FIGURES[::-1].index("mean") - 1
    lines = [
        [*line[:place], _spread(line[place], line[place + 1]), *line[place + 2 :]]
        for line in table.lines
    ]
    titles = [*table.titles[:place], "mean ± sd", *table.titles[place + 2 :]]
    return Table(titles, lines, table.count)


def _spread(centre: float | None, sd: float | None) -> float | str | None:
    return centre if centre is None or sd is None else f"{centre:.4g} ± {sd:.2g}"
