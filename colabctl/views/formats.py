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
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.views import files
from colabctl.views.columns import cell
from colabctl.views.results import FIXED, Result, as_json, table

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
        writer.writerow(map(cell, columns))
        writer.writerows(map(cell, line) for line in lines)
        return text.getvalue()
    objects = [as_json(asdict(row)) for row in rows]
    if form == "json":
        return json.dumps(objects, indent=1) + "\n"
    return "".join(json.dumps(line) + "\n" for line in objects)


def write(rows: Sequence[Result], file: Path, form: str, *, replace: bool = False) -> None:
    """Write results to a file, completely or not at all.

    An existing file is replaced only if colabctl wrote results to it, or with `replace`. Raises
    UserError if it holds anything else or cannot be written.
    """
    if not replace:
        what = "does not hold results from colabctl"
        files.refuse_foreign(file, partial(_is_ours, file, form), what)
    if form in TEXT_FORMATS:
        data = as_text(rows, form).encode()
    else:
        with tempfile.TemporaryDirectory(prefix="colabctl-results-") as scratch:
            binary = Path(scratch) / "results"
            _WRITERS[form](rows, binary)
            data = binary.read_bytes()
    files.write(file, data)


def _sqlite(rows: Sequence[Result], file: Path) -> None:
    columns, lines = table(rows)
    quoted = ['"' + name.replace('"', '""') + '"' for name in columns]
    with closing(sqlite3.connect(file)) as database:
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
    files.mark_database(file)


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


def _is_ours(file: Path, form: str, start: bytes) -> bool:
    if form == "sqlite":
        return files.is_our_database(start)
    if form == "csv":
        return files.begins_with(",".join(FIXED))(start)
    if form == "parquet":
        return _names_in_parquet(file)[: len(FIXED)] == [*FIXED]
    return start == b"[]\n" or _OUR_JSON.match(start) is not None


def _names_in_parquet(file: Path) -> list[str]:
    from pyarrow import parquet  # noqa: PLC0415 - an extra

    try:
        return list(parquet.read_schema(file).names)
    except (OSError, ValueError):  # not a parquet file
        return []
