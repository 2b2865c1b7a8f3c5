"""Writes results as csv, json, jsonl, sqlite or parquet."""

import csv
import io
import json
import re
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.sharedfs.files import write_whole
from colabctl.views.results import FIXED, Result, as_json, table

# Marks a database as ours ("cctl"), so that only our own is ever replaced.
_APPLICATION_ID = 0x6363746C
_OUR_JSON = re.compile(rb'(\[\s*)?\{\s*"task": "t\d+",\s*"index": \d')
_BY_EXTENSION = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
    ".parquet": "parquet",
}
TEXT_FORMATS = ("csv", "json", "jsonl")
FORMATS = (*TEXT_FORMATS, "sqlite", "parquet")


def format_of(file: Path) -> str:
    """Return the format for a file's extension; raise UserError for an unknown extension."""
    try:
        return _BY_EXTENSION[file.suffix.lower()]
    except KeyError:
        raise UserError(
            f"{file}: unknown file extension {file.suffix!r}; use one of "
            f"{', '.join(_BY_EXTENSION)}, or add --format"
        ) from None


def as_text(rows: Sequence[Result], form: str) -> str:
    """Return results as csv, json (a list of objects) or jsonl (one object per line)."""
    if form == "csv":
        columns, lines = table(rows)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(lines)
        return text.getvalue()
    objects = [as_json(asdict(row)) for row in rows]
    if form == "json":
        return json.dumps(objects, indent=1) + "\n"
    return "".join(json.dumps(each) + "\n" for each in objects)


def write(rows: Sequence[Result], file: Path, form: str, *, replace: bool = False) -> None:
    """Write results to a file, completely or not at all.

    An existing file is replaced only if colabctl wrote results to it, or with `replace`. Raises
    UserError if it holds anything else or cannot be written.
    """
    if file.exists() and not replace and not _is_ours(file, form):
        raise UserError(
            f"{file} exists and holds no results of colabctl; give another name, or --force"
        )
    try:
        if form in TEXT_FORMATS:
            write_whole(file, as_text(rows, form).encode())
        else:
            with tempfile.TemporaryDirectory(prefix="colabctl-results-") as scratch:
                made = Path(scratch) / "results"
                _WRITERS[form](rows, made)
                write_whole(file, made.read_bytes())
    except OSError as wrong:
        raise UserError(f"{file} cannot be written: {wrong.strerror or wrong}") from None


def _sqlite(rows: Sequence[Result], file: Path) -> None:
    columns, lines = table(rows)
    quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
    with closing(sqlite3.connect(file)) as database:
        database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        try:
            database.execute(f"CREATE TABLE results ({', '.join(quoted)}, PRIMARY KEY (task))")
        except sqlite3.OperationalError as error:  # 2,000 columns are the usual limit
            raise UserError(
                f"SQLite cannot store {len(columns):,} columns ({error}); use jsonl, csv or parquet"
            ) from None
        marks = ", ".join("?" * len(columns))
        database.executemany(
            f"INSERT INTO results VALUES ({marks})",  # noqa: S608 - question marks only
            ([_cell(value) for value in line] for line in lines),
        )
        database.commit()


def _cell(value: Any) -> Any:
    """Return a value that a database can store: an integer beyond 64 bits becomes text."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def _parquet(rows: Sequence[Result], file: Path) -> None:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise UserError(
            "parquet needs pyarrow: pip install pyarrow, or use csv, json, jsonl or sqlite"
        ) from None
    columns, lines = table(rows)
    data = {}
    for number, name in enumerate(columns):
        values = [_cell(line[number]) for line in lines]
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:  # a column has one type
            values = [None if value is None else str(value) for value in values]
        elif kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        data[name] = pa.array(values)
    parquet.write_table(pa.table(data), file)


_WRITERS: dict[str, Callable[[Sequence[Result], Path], None]] = {
    "sqlite": _sqlite,
    "parquet": _parquet,
}


def _is_ours(file: Path, form: str) -> bool:
    with file.open("rb") as opened:
        start = opened.read(4096)
    if not start:  # nothing is lost
        return True
    if form == "sqlite":  # the application id stands at byte 68 of the header
        return start[:15] == b"SQLite format 3" and start[68:72] == _APPLICATION_ID.to_bytes(4)
    if form == "csv":
        return start.startswith(",".join(FIXED).encode())
    if form == "parquet":
        return _names_in_parquet(file)[: len(FIXED)] == [*FIXED]
    return start == b"[]\n" or _OUR_JSON.match(start) is not None


def _names_in_parquet(file: Path) -> list[str]:
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    try:
        return list(parquet.read_schema(file).names)
    except (OSError, ValueError):  # not a parquet file
        return []
