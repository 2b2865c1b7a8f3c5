"""The tasks of a sweep, finished or not, as a table: where each stands and what it is to try."""

import csv
from collections.abc import Iterator
from typing import Any

from colabctl.ledger import Plan, SweepState, TaskFiles, params_of, task_name
from colabctl.views import columns

FIXED = ("task", "index", "cell", "trial", "status")


def statuses(state: SweepState, now: float) -> list[str]:
    """Return where each task stands at ledger time `now`, in the words that `status` counts by."""
    found = ["pending" if task.status == "open" else task.status for task in state.tasks]
    lapsed = set(state.lapsed(now))
    for name, indices in state.held.items():
        held = sorted(indices - lapsed, key=lambda index: (state.tasks[index].held_since, index))
        for place, index in enumerate(held):
            found[index] = "running" if place < state.writers[name].jobs else "claimed"
    for index in lapsed:
        found[index] = "pending"
    if state.order == "stop":
        found = ["cancelled" if status == "pending" else status for status in found]
    return [str(status) for status in found]


def as_csv(plan: Plan, state: SweepState, tasks: TaskFiles, now: float) -> Iterator[str]:
    """Yield the lines of a table with a row for each task, by index.

    Parameters have columns of their own, as in `results`. One that a task does not have, or that
    nobody has proposed yet, is empty.
    """
    every = (params for _, _, params in _rows(plan, state, tasks))
    names = list(dict.fromkeys(name for params in every for name in params))
    line = csv.writer(_Line(), lineterminator="\n").writerow  # returns what write returns
    yield line([*FIXED, *columns.titles(FIXED, {"params": names})])
    rows = zip(_rows(plan, state, tasks), statuses(state, now), strict=True)
    for index, ((cell, trial, params), status) in enumerate(rows):
        values = (columns.spelled_out(params.get(name)) for name in names)
        yield line([task_name(index), index, cell, trial, status, *values])


def _rows(
    plan: Plan, state: SweepState, tasks: TaskFiles
) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield the cell of each task, its number there, and what is known of its parameters."""
    index = 0
    for number, cell in enumerate(plan.cells):
        for trial in range(cell["tasks"]):
            params = params_of(state, tasks, index)
            yield number, trial, columns.flat({**cell["values"], **params})
            index += 1


def is_ours(start: bytes) -> bool:
    """Return whether a file that begins so is such a table."""
    return start.startswith(",".join(FIXED).encode())


class _Line:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text
