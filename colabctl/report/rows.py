"""The rows of a page: what each of its tasks tells, read from the ledger."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from colabctl.ledger import params_of, started
from colabctl.sweeps import run_folders
from colabctl.views.columns import flat
from colabctl.views.extensions import version_of
from colabctl.views.failures import Cause
from colabctl.views.results.folders import folders
from colabctl.views.task_status import held_tasks
from colabctl.work.open_sweep import OpenSweep


@dataclass(frozen=True)
class Row:
    """One task of a page.

    Attributes:
        sweep: position of its sweep in the page.
        params, metrics: by flat names.
        value: the sweep's metric, None without one.
        cause: the id of the cause why it failed last, None if it is done or did not fail.
        start: ledger time, None if it has not started.
        version: of the sweep's program, that its worker ran; None if there is only one.
        folder: its files, as a POSIX path from the project's folder; None without files.

    """

    sweep: int
    index: int
    status: str
    params: Mapping[str, Any]
    metrics: Mapping[str, Any]
    value: float | None
    cause: str | None
    member: str | None
    worker: str | None
    attempt: int | None
    start: float | None
    seconds: float | None
    version: int | None
    folder: str | None


def rows(
    number: int,
    sweep: OpenSweep,
    indices: Sequence[int],
    *,
    statuses: Sequence[str],
    causes: Sequence[Cause],
    now: float,
) -> Iterator[Row]:
    """Yield the rows of some tasks of a sweep; `statuses` are those of all its tasks."""
    state, tasks = sweep.ledger.state, sweep.tasks
    folder_of = folders(
        sweep.root,
        sweep.layout,
        run_folders(sweep.layout, sweep.plan),
        sweep.ledger.numbering,
    )
    version_of_worker = version_of(sweep.plan, state)
    failed = {index: cause.id for cause in causes for index in (*cause.failed, *cause.to_retry)}
    since = {
        index: (worker, begun)
        for worker, held in held_tasks(state, now).items()
        for index, begun in started(state, worker, held)
    }
    for index in indices:
        task = state.tasks[index]
        event, outcome = task.event, task.outcome
        value = state.columns.values[index]
        worker, start, seconds = None, None, None
        if event is not None:
            worker, seconds = event.writer, min(max(outcome.seconds, 0.0), event.t)
            start = event.t - seconds
        elif index in since:
            worker, start = since[index]
        yield Row(
            sweep=number,
            index=index,
            status=statuses[index],
            params=flat(params_of(state, tasks, index)),
            metrics=flat(outcome.metrics),
            value=None if math.isnan(value) else value,
            cause=failed.get(index),
            member=state.called(state.writers[worker].member) if worker else None,
            worker=worker,
            attempt=outcome.attempt if event else task.attempts or None,
            start=start,
            seconds=seconds,
            version=version_of_worker(worker) if worker else None,
            folder=folder_of(index, outcome.attempt, event.writer) if event else None,
        )
