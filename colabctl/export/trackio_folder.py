"""Writes a folder for Trackio: a project for the sweep, a run for each finished task.

Trackio reads where its folder is when it is imported, so a process can write one export.
"""

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.export.runs import Run
from colabctl.ledger import Plan
from colabctl.views import files

_NOTE = "colabctl.txt"  # in the folder; says whose runs it holds


def write_runs(
    runs: Iterator[Run],
    folder: Path,
    plan: Plan,
    *,
    replace: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Write the runs as the database of a project; return their number.

    A database of an earlier export of this sweep is replaced. Without `replace`, raises UserError
    if it has changed since, or was not written by colabctl, and for a note that is not ours.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file; give a folder for Trackio's database")
    # SQLite needs a local disk; others may see only the complete file.
    with tempfile.TemporaryDirectory(prefix="colabctl-trackio-") as scratch:
        os.environ["TRACKIO_DIR"] = scratch
        from trackio.sqlite_storage import SQLiteStorage  # noqa: PLC0415 - reads TRACKIO_DIR

        database = SQLiteStorage.init_db(plan.sweep)
        file, note = folder / database.name, folder / _NOTE
        for each in (file, note):
            files.check_regular(each)
        if not replace and file.exists() and not _is_unchanged(file, note, plan.sweep):
            raise UserError(
                f"{file} exists and was not written by colabctl, or has changed; give another "
                "folder with -o, or --force"
            )
        if not replace:
            files.refuse_foreign(
                note, files.begins_with(_start(plan.sweep)), f"is not about sweep {plan.sweep}"
            )
        written = 0
        for run in runs:
            points = _points(run)
            SQLiteStorage.bulk_log(
                plan.sweep,
                run.name,
                metrics_list=[values for _, values, _ in points],
                steps=[step for step, _, _ in points],
                timestamps=[datetime.fromtimestamp(t, UTC).isoformat() for _, _, t in points],
                config=_config(run),
            )
            written += 1
            progress(written)
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        data = database.read_bytes()
    files.make_folder(folder)
    files.write(note, _note(plan.sweep, data))
    files.write(file, data)
    return written


def _points(run: Run) -> list[tuple[int, dict[str, float], float]]:
    """Return step, values and time of each report, and last of the metrics."""
    seconds = (run.ended - run.started) / (len(run.reports) + 1)
    points = [
        (step, values, run.started + seconds * number)
        for number, (step, values) in enumerate(run.reports, start=1)
    ]
    last = points[-1][0] if points else 0
    return [*points, (last, dict(run.metrics), run.ended)]


def _config(run: Run) -> dict[str, Any]:
    """Return what Trackio shows of a run besides its curves, under the keys of its own runs."""
    created = datetime.fromtimestamp(run.started, UTC).isoformat()
    own = {"_Username": run.facts.get("member"), "_Created": created, "_Group": None}
    return {**run.params, **own, "colabctl": {"status": run.status, **run.facts}}


def _is_unchanged(file: Path, note: Path, sweep: str) -> bool:
    return note.is_file() and note.read_bytes() == _note(sweep, file.read_bytes())


def _note(sweep: str, data: bytes) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    return f"{_start(sweep)}{digest}\n".encode()


def _start(sweep: str) -> str:
    return f"The colabctl sweep {sweep}, for Trackio. SHA-256 of its file: "
