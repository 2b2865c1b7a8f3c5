"""The table of a sweep's tasks, finished or not, with their status and parameters."""

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from colabctl.ledger import Plan, SweepState, TaskFiles, params_of, stretches, task_name
from colabctl.views import columns, files
from colabctl.views.task_status import statuses

FIXED = ("task", "index", "cell", "trial", "status")


def as_csv(plan: Plan, state: SweepState, tasks: TaskFiles, now: float) -> Iterator[str]:
    """Yield the lines of a table with a row for each task, by index; `now` is the ledger time.

    Each parameter has a column, as in `results`. It is empty for a task that does not have the
    parameter, or is deferred and not claimed yet.
    """
    rows = _rows(plan, state, tasks)
    names = list(dict.fromkeys(name for _, _, params in rows for name in params))
    line = csv.writer(_Line(), lineterminator="\n").writerow  # returns what write returns
    yield line(map(columns.cell, [*FIXED, *columns.titles(FIXED, {"params": names})]))
    pairs = zip(_rows(plan, state, tasks), statuses(state, now), strict=True)
    for index, ((cell, trial, params), status) in enumerate(pairs):
        values = (columns.cell(columns.spelled_out(params.get(name))) for name in names)
        yield line([task_name(index), index, cell, trial, status, *values])


def _rows(
    plan: Plan, state: SweepState, tasks: TaskFiles
) -> Iterator[tuple[int, int, Mapping[str, Any]]]:
    """Yield the cell of each task, its number there, and its known parameters."""
    for index, (number, trial) in enumerate(stretches(plan).places()):
        params = params_of(state, tasks, index)
        yield number, trial, columns.flat({**plan.cells[number]["values"], **params})


is_ours = files.begins_with(",".join(FIXED))
"""Whether a file with these first bytes is such a table."""


class _Line:
    """A file whose write returns the text, as csv.writer passes that on."""

    def write(self, text: str) -> str:
        return text
