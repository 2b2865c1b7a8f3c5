"""Writes a database for MLflow: an experiment for the sweep, a run for each finished task.

Import this only where MLflow is installed.
"""

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # it is read by the import

from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

from colabctl.export.runs import Run
from colabctl.ledger import Plan
from colabctl.views import files

T = TypeVar("T")

# MLflow's limits: characters of names and values, and entries of one call.
_LONGEST_NAME = 250
_LONGEST_PARAMETER = 6000
_LONGEST_TAG = 5000
_MOST = 100
_MOST_METRICS = 1000
_UNSAFE = re.compile(r"[^\w\-. :/]", re.ASCII)

_STATUSES = {"done": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


def write_runs(
    runs: Iterator[Run],
    file: Path,
    plan: Plan,
    *,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the runs into a file, completely or not at all; return their number.

    Without `replace`, an existing file is replaced only if colabctl wrote it and it has not changed
    since. Raises UserError for any other file, and for one that cannot be written.
    """
    if not replace:
        files.refuse_foreign(
            file, files.is_our_database, "was not written by colabctl, or has changed"
        )
    # SQLite needs a local disk; others may see only the complete file.
    with tempfile.TemporaryDirectory(prefix="colabctl-mlflow-") as scratch, _quiet():
        database = Path(scratch) / "mlflow.db"
        client = MlflowClient(f"sqlite:///{database.as_posix()}")
        artifacts = file.absolute().with_name(f"{file.stem}-artifacts").as_uri()
        experiment = client.create_experiment(plan.title or plan.sweep, artifacts)
        written = 0
        for run in runs:
            _write(client, experiment, run)
            written += 1
            progress(written)
        files.mark_database(database)
        files.write(file, database.read_bytes())
    return written


def _write(client: MlflowClient, experiment: str, run: Run) -> None:
    started, ended = int(run.started * 1000), int(run.ended * 1000)
    identity = client.create_run(experiment, started, run_name=run.name).info.run_id
    # The order decides which value of a metric MLflow shows: the last one.
    last = max((step for step, _ in run.reports), default=0)
    points = [*run.reports, (last, dict(run.metrics))]
    metrics = [
        Metric(name, value, ended, step)
        for step, values in points
        for name, value in _named(values).items()
    ]
    params = [
        Param(name, str(value)[:_LONGEST_PARAMETER]) for name, value in _named(run.params).items()
    ]
    tags = [
        RunTag(name, value[:_LONGEST_TAG])
        for name, value in _named({"status": run.status, **run.facts}).items()
    ]
    for part in _parts(metrics, _MOST_METRICS):
        client.log_batch(identity, metrics=part)
    for some in _parts(params, _MOST):
        client.log_batch(identity, params=some)
    for few in _parts(tags, _MOST):
        client.log_batch(identity, tags=few)
    client.set_terminated(identity, _STATUSES[run.status], ended)


def _named(values: Mapping[str, T]) -> dict[str, T]:
    """Return the values under names that MLflow accepts, each different."""
    named: dict[str, T] = {}
    for name, value in values.items():
        parts = (part for part in _UNSAFE.sub("_", name).split("/") if part not in ("", ".", ".."))
        safe = "/".join(parts)[:_LONGEST_NAME].strip("./ ") or "_"  # MLflow takes it for a path
        unique, number = safe, 2
        while unique in named:
            unique, number = f"{safe[: _LONGEST_NAME - 6]}_{number}", number + 1
        named[unique] = value
    return named


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep MLflow from logging the steps by which it makes its tables, within a block."""
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
