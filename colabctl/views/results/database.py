"""Writes results as an SQLite database: the tables results, reports and sweep."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import Plan
from colabctl.views import files
from colabctl.views.results.reports import TITLES, Report
from colabctl.views.results.table import Table

_OPEN_ELSEWHERE = ("-wal", "-journal")  # files next to a database that a program is changing


def write_database(file: Path, table: Table, reports: Iterable[Report], plan: Plan) -> None:
    """Write a new database; raise UserError if it cannot have that many columns."""
    quoted = ['"' + name.replace('"', '""') + '"' for name in table.titles]
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = OFF")  # the file is new, and ours alone
        database.execute("PRAGMA synchronous = OFF")
        try:
            database.execute(f"CREATE TABLE results ({', '.join(quoted)})")
        except sqlite3.OperationalError as error:  # 2,000 columns are the usual limit
            raise UserError(
                f"SQLite cannot store {len(quoted):,} columns ({error}); use jsonl, csv or parquet"
            ) from None
        marks = ", ".join("?" * len(quoted))
        database.executemany(
            f"INSERT INTO results VALUES ({marks})",  # noqa: S608 - question marks only
            (_storable(line) for line in table.lines),
        )
        if "task" in table.titles:
            database.execute("CREATE INDEX results_by_task ON results (task)")
        database.execute(f"CREATE TABLE reports ({', '.join(TITLES)})")
        database.executemany("INSERT INTO reports VALUES (?, ?, ?, ?)", reports)
        database.execute("CREATE INDEX reports_by_task ON reports (task, metric)")
        database.execute("CREATE TABLE sweep (name, metric, goal, tasks, declared_by, digest)")
        about = (plan.metric, plan.goal, plan.total, plan.declared_by, plan.run_digest)
        database.execute("INSERT INTO sweep VALUES (?, ?, ?, ?, ?, ?)", (plan.sweep, *about))
        database.commit()
    files.mark_database(file)


def _storable(line: Iterable[Any]) -> list[Any]:
    """Return values that a database can store: an integer beyond 64 bits becomes text."""
    return [
        str(value) if type(value) is int and not -(2**63) <= value < 2**63 else value
        for value in line
    ]


def sweep_in(file: Path) -> str | None:
    """Return the sweep whose results a database holds; None if colabctl did not write it so."""
    with file.open("rb") as stream:
        if not files.is_our_database(stream.read(100)):
            return None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            ((name,),) = database.execute("SELECT name FROM sweep").fetchall()
    except (sqlite3.Error, ValueError):  # another database of ours, such as an Optuna study
        return None
    return str(name)


def check_closed(file: Path) -> None:
    """Raise UserError if another program is changing a database.

    Its changes wait in a second file, which SQLite would apply to the new database (sqlite.org,
    "How To Corrupt An SQLite Database File", 2.4).
    """
    for suffix in _OPEN_ELSEWHERE:
        other = file.with_name(file.name + suffix)
        if other.exists() and other.stat().st_size:
            raise UserError(
                f"{file} is in use: {other.name} holds changes of another program; close that "
                "program, or give another name"
            )
