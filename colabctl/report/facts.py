"""What the page shows, as one JSON value: only numbers and texts, in columns."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from colabctl.report.columns import MISSING, Scale, as_text, categories, column, readable, short
from colabctl.report.curves import curves, with_curves
from colabctl.report.head import head
from colabctl.report.importance import FEWEST, importance
from colabctl.report.links import links
from colabctl.report.rows import Row, rows
from colabctl.report.sample import MOST, sample
from colabctl.report.scales import axes_if_readable
from colabctl.report.timeline import Span, machine, timeline, workers_shown
from colabctl.version import VERSION
from colabctl.views import columns, failures
from colabctl.views.cells import divide
from colabctl.views.spread import deviation, mean
from colabctl.views.task_status import statuses
from colabctl.views.varying import Variation
from colabctl.work.open_sweep import OpenSweep

FIXED = (
    "task", "sweep", "status", "cell", "member", "worker", "attempt", "seconds", "start", "cause",
    "value", "folder",
)  # fmt: skip
"""Names of the columns of every page, which no parameter's title takes."""

_VERSION = "version"  # one more, of a page with a sweep whose program has several

_MOST_NAMES = 200  # parameters, and metrics, of a page
_MOST_CAUSES = 50
_OUTPUT = 4000  # characters of the end of a failed attempt's output


def facts(sweeps: Sequence[OpenSweep], near: Path | None) -> dict[str, Any]:
    """Return what a page shows of sweeps whose ledgers have been read.

    Args:
        sweeps: the sweeps.
        near: the folder of the page, from which it links to the folders of tasks; without it,
            there are no links.

    """
    read = [_Sweep(number, sweep, len(sweeps)) for number, sweep in enumerate(sweeps)]
    shown = [row for each in read for row in each.rows]
    begin = min((each.begin for each in read), default=0.0)
    names = {
        kind: list(dict.fromkeys(chain.from_iterable(getattr(row, kind) for row in shown)))
        for kind in ("params", "metrics")
    }
    versions = [row.version for row in shown]
    own = {_VERSION: versions} if any(versions) else {}
    titles = columns.titles((*FIXED, *own), names)
    scales: dict[str, Scale] = {}
    listed: dict[str, set[float]] = {}
    for each in read:
        scales |= each.scales
        for name, numbers in each.listed.items():
            listed.setdefault(name, set()).update(numbers)
    params = _named(shown, "params", names["params"], scales)
    varying = _varying(shown)[:_MOST_NAMES]
    metrics = _named(shown, "metrics", names["metrics"][:_MOST_NAMES], {})
    title = dict(zip(names["params"], titles, strict=False))
    metric_title = dict(zip(names["metrics"], titles[len(names["params"]) :], strict=True))
    cells: list[dict[str, Any]] = []
    workers: list[dict[str, Any]] = []
    for each in read:
        each.first_cell, each.first_worker = len(cells), len(workers)
        cells += each.cells()
        workers += each.workers(begin)
    row_of = {(row.sweep, row.index): position for position, row in enumerate(shown)}
    return {
        "version": VERSION,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "begin": begin,
        "sweeps": [each.facts(varying, near) for each in read],
        "fewest": FEWEST,
        "rows": len(shown),
        "fixed": _fixed(shown, read, begin) | own,
        "params": [
            {"title": readable(title[name]), "listed": sorted(listed.get(name, ())), **params[name]}
            for name in varying
        ],
        "constant": [
            [readable(name), readable(as_text(one_value(shown, name)))]
            for name in names["params"]
            if name not in varying
        ][:_MOST_NAMES],
        "metrics": [
            {"title": readable(metric_title[name]), **one} for name, one in metrics.items()
        ],
        "cells": cells,
        "causes": list(chain.from_iterable(each.cause_facts() for each in read)),
        "curves": _curves(read, row_of),
        "workers": workers,
        "spans": [span for each in read for span in each.spans(begin, row_of)],
    }


def one_value(shown: Sequence[Row], name: str) -> Any:
    """Return the value of a parameter in the first row that has it."""
    return next(row.params[name] for row in shown if name in row.params)


class _Sweep:
    """One sweep of a page, and what was read of it."""

    def __init__(self, number: int, sweep: OpenSweep, count: int) -> None:
        self.number, self.sweep = number, sweep
        self.first_cell = self.first_worker = 0
        plan, state = sweep.plan, sweep.ledger.state
        self.now = sweep.ledger.clock.now()
        self.statuses = statuses(plan, state, self.now)
        self.causes = failures.causes(state, sweep.tasks)
        self.with_curves = with_curves(plan, state)
        self.division = divide(plan, sweep.tasks)
        self.indices = sample(
            plan,
            state,
            self.statuses,
            MOST // count,
            needed=self.with_curves,
            cell_of=self.division.cell_of,
        )
        self.rows = list(
            rows(
                number,
                sweep,
                self.indices,
                statuses=self.statuses,
                causes=self.causes,
                now=self.now,
            )
        )
        self.scales, self.listed, self.note = axes_if_readable(sweep)
        self.timeline: list[Span] = timeline(state, self.now)
        starts = [
            plan.declared_at,
            *(row.start for row in self.rows if row.start is not None),
            *(span.start for span in self.timeline),
        ]
        begun = starts[1:] or starts
        self.begin = min(begun)

    def facts(self, varying: Sequence[str], near: Path | None) -> dict[str, Any]:
        own = head(self.sweep, varying)
        if self.note:
            own["gaps"].append(readable(self.note))
        total = self.sweep.plan.total
        return own | {
            "shown": len(self.rows) if len(self.rows) < total else None,
            "links": links(self.sweep, self.rows, near),
            "importance": importance(self.sweep, {row.index: row.params for row in self.rows}),
        }

    def cells(self) -> list[dict[str, Any]]:
        """Return each cell's values, counts, and the best, mean and sd of the metric."""
        division, state = self.division, self.sweep.ledger.state
        pick = min if self.sweep.plan.goal == "minimize" else max
        summaries = []
        for values, members in zip(division.values, division.members, strict=True):
            scores = [v for index in members if (v := state.columns.values[index]) == v]
            finite = [v for v in scores if abs(v) < float("inf")]
            status = [self.statuses[index] for index in members]
            summaries.append(
                {
                    "sweep": self.number,
                    "values": {
                        readable(name): readable(as_text(values[name]))
                        for name in division.names
                        if name in values
                    },
                    "total": len(members),
                    "done": status.count("done"),
                    "failed": status.count("failed"),
                    "best": short(pick(finite)) if finite else None,
                    "mean": None if (centre := mean(finite)) is None else short(centre),
                    "sd": None if (sd := deviation(finite)) is None else short(sd),
                    "count": len(scores),
                }
            )
        return summaries

    def cell_of(self, row: Row) -> int:
        return self.first_cell + self.division.cell_of(row.index)

    def cause_facts(self) -> list[dict[str, Any]]:
        state, tasks = self.sweep.ledger.state, self.sweep.tasks
        groups = []
        for cause in self.causes[:_MOST_CAUSES]:
            common = failures.shared(state, tasks, cause)
            groups.append(
                {
                    "sweep": self.number,
                    "id": cause.id,
                    "error": readable(cause.error),
                    "place": readable(cause.place),
                    "tasks": len(cause.tasks),
                    "attempts": cause.attempts,
                    "failed": len(cause.failed),
                    "retry": len(cause.to_retry),
                    "shared": readable(failures.in_words(common, as_text)) if common else None,
                    "example": cause.example.task,
                    "output": list(map(readable, cause.example.output[-_OUTPUT:].splitlines())),
                }
            )
        return groups

    def workers(self, begin: float) -> list[dict[str, Any]]:
        state = self.sweep.ledger.state
        return [
            {
                "sweep": self.number,
                "name": readable(writer.name),
                "member": readable(state.called(writer.member)),
                "host": readable(writer.host),
                "jobs": writer.jobs,
                "start": _since(begin, writer.started),
                "end": _since(begin, writer.ended),
                "machine": readable(machine(writer)),
                "seen": _since(begin, min(writer.last_seen, self.now)),
                "lives": writer.lives_at(self.now),
            }
            for writer in workers_shown(state)
        ]

    def spans(self, begin: float, row_of: Mapping[tuple[int, int], int]) -> list[list[Any]]:
        """Return [position of its worker, kind, start, end, row, tasks] for each span."""
        places = {w.name: place for place, w in enumerate(workers_shown(self.sweep.ledger.state))}
        return [
            [self.first_worker + places[span.worker], span.kind, _since(begin, span.start),
             _since(begin, span.end), row_of.get((self.number, span.task), -1), span.count]
            for span in self.timeline
            if span.worker in places
        ]  # fmt: skip


def _fixed(shown: Sequence[Row], read: Sequence[_Sweep], begin: float) -> dict[str, Any]:
    """Return the columns that every page has."""

    def texts(value: Callable[[Row], str | None]) -> dict[str, Any]:
        values = map(value, shown)
        return categories([MISSING if each is None else each for each in values])

    def numbers(value: Callable[[Row], float | None]) -> list[float | None]:
        return [None if (v := value(row)) is None else short(v) for row in shown]

    return {
        "task": [row.index for row in shown],
        "sweep": [row.sweep for row in shown],
        "status": texts(lambda row: row.status),
        "cell": [read[row.sweep].cell_of(row) for row in shown],
        "member": texts(lambda row: row.member),
        "worker": texts(lambda row: row.worker),
        "attempt": [row.attempt for row in shown],
        "seconds": numbers(lambda row: None if row.seconds is None else round(row.seconds, 3)),
        "start": [_since(begin, row.start) for row in shown],
        "cause": texts(lambda row: row.cause),
        "value": column([MISSING if row.value is None else row.value for row in shown]),
    }


def _named(
    shown: Sequence[Row], kind: str, names: Sequence[str], scales: Mapping[str, Scale]
) -> dict[str, dict[str, Any]]:
    """Return the columns of parameters or metrics by name."""
    values = [getattr(row, kind) for row in shown]
    return {
        name: column([each.get(name, MISSING) for each in values], scales.get(name, "linear"))
        for name in names
    }


def _varying(shown: Sequence[Row]) -> list[str]:
    """Return the parameters that differ between rows; those without any do not count."""
    variation = Variation()
    for row in shown:
        if row.params:
            variation.add(row.params)
    return variation.varying()


def _curves(read: Sequence[_Sweep], row_of: Mapping[tuple[int, int], int]) -> list[dict[str, Any]]:
    """Return {"name", "lines": [{"row", "x", "y"}]} for each reported value."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for each in read:
        own = curves(each.sweep.plan, each.sweep.ledger.state, each.with_curves)
        for name, some in own.items():
            lines.setdefault(name, []).extend(
                {"row": row_of[each.number, line["task"]], "x": line["x"], "y": line["y"]}
                for line in some
                if (each.number, line["task"]) in row_of
            )
    return [{"name": readable(name), "lines": own} for name, own in lines.items()]


def _since(begin: float, t: float | None) -> float | None:
    return None if t is None else round(t - begin, 2)
