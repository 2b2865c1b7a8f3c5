"""The table of a sweep's tasks, finished or not, with their status and parameters."""

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from colabctl.ledger import Plan, SweepState, TaskFiles, params_of, stretches, task_name, versions
from colabctl.views import columns, files
from colabctl.views.extensions import version_of
from colabctl.views.task_status import statuses

FIXED = ("task", "index", "cell", "trial", "status")
_FINISHED = ("done", "pruned", "failed")


def as_csv(plan: Plan, state: SweepState, tasks: TaskFiles, now: float) -> Iterator[str]:
    """Yield the lines of a table with a row for each task, by index; `now` is the ledger time.

    Each parameter has a column, as in `results`. It is empty for a task that does not have the
    parameter, or is deferred and not claimed yet. A sweep whose program has several versions has
    the version that a finished task ran, too.
    """
    rows = _rows(plan, state, tasks)
    names = list(dict.fromkeys(name for _, _, params in rows for name in params))
    version = version_of(plan, state) if len(list(versions(plan))) > 1 else None
    fixed = FIXED if version is None else (*FIXED, "version")
    line = csv.writer(_Line(), lineterminator="\n").writerow  # returns what write returns
    yield line(map(columns.cell, [*fixed, *columns.titles(fixed, {"params": names})]))
    pairs = zip(_rows(plan, state, tasks), statuses(plan, state, now), strict=True)
    for index, ((cell, trial, params), status) in enumerate(pairs):
        values = (columns.cell(columns.spelled_out(params.get(name))) for name in names)
        ran = []
        if version is not None:
            event = state.tasks[index].event if status in _FINISHED else None
            ran = [columns.cell(None if event is None else version(event.writer))]
        yield line([task_name(index), index, cell, trial, status, *ran, *values])


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
