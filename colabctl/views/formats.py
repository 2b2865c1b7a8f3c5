"""Writes results as csv, json, jsonl, sqlite or parquet."""

import csv
import json
import re
import sqlite3
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.views import files
from colabctl.views.columns import cell
from colabctl.views.results import FIXED, Result, as_json, table

_OUR_JSON = re.compile(rb'(\[\s*)?\{\s*"task": "t\d+",\s*"index": \d')
_PIECE = 1 << 20  # bytes that are copied at once
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


def as_text(rows: Collection[Result], form: str) -> Iterator[str]:
    """Yield results as csv, json (a list of objects) or jsonl (one object per line), in pieces."""
    if form == "csv":
        titles, lines = table(rows)
        line = csv.writer(Echo(), lineterminator="\n").writerow  # returns what write returns
        yield line(map(cell, titles))
        yield from (line(map(cell, each)) for each in lines)
        return
    objects = (as_json(vars(row)) for row in rows)
    if form == "jsonl":
        yield from (json.dumps(each) + "\n" for each in objects)
        return
    separator = "[\n "
    for each in objects:
        yield separator + json.dumps(each, indent=1).replace("\n", "\n ")
        separator = ",\n "
    yield "[]\n" if separator.startswith("[") else "\n]\n"


class Echo:
    """A file whose write returns the text, as csv.writer passes that on."""

    def write(self, text: str) -> str:
        """Return the text."""
        return text


def write(rows: Collection[Result], file: Path, form: str, *, replace: bool = False) -> None:
    """Write results to a file, completely or not at all.

    An existing file is replaced only if colabctl wrote results to it, or with `replace`. Raises
    UserError if it holds anything else or cannot be written.
    """
    if not replace:
        what = "does not hold results from colabctl"
        files.refuse_foreign(file, partial(_is_ours, file, form), what)
    if form in TEXT_FORMATS:
        files.write(file, (text.encode() for text in as_text(rows, form)))
        return
    with tempfile.TemporaryDirectory(prefix="colabctl-results-") as scratch:
        binary = Path(scratch) / "results"
        _WRITERS[form](rows, binary)
        with binary.open("rb") as data:
            files.write(file, iter(partial(data.read, _PIECE), b""))


def _sqlite(rows: Collection[Result], file: Path) -> None:
    titles, lines = table(rows)
    quoted = ['"' + name.replace('"', '""') + '"' for name in titles]
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = OFF")  # the file is new, and ours alone
        database.execute("PRAGMA synchronous = OFF")
        try:
            database.execute(f"CREATE TABLE results ({', '.join(quoted)}, PRIMARY KEY (task))")
        except sqlite3.OperationalError as error:  # 2,000 columns are the usual limit
            raise UserError(
                f"SQLite cannot store {len(titles):,} columns ({error}); use jsonl, csv or parquet"
            ) from None
        marks = ", ".join("?" * len(titles))
        database.executemany(
            f"INSERT INTO results VALUES ({marks})",  # noqa: S608 - question marks only
            ([_cell(value) if type(value) is int else value for value in line] for line in lines),
        )
        database.commit()
    files.mark_database(file)


def _cell(value: Any) -> Any:
    """Return a value that a database can store: an integer beyond 64 bits becomes text."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        return str(value)
    return value


def _parquet(rows: Collection[Result], file: Path) -> None:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise UserError(
            "parquet needs pyarrow: pip install pyarrow, or use csv, json, jsonl or sqlite"
        ) from None
    titles, lines = table(rows)
    data = {}
    by_column = list(zip(*lines, strict=True)) or [()] * len(titles)
    for name, column in zip(titles, by_column, strict=True):
        values = list(map(_cell, column))
        kinds = {type(value) for value in values if value is not None}
        if len(kinds) > 1 and not kinds <= {int, float}:  # a column has one type
            values = [None if value is None else str(value) for value in values]
        elif kinds == {int, float}:
            values = [None if value is None else float(value) for value in values]
        data[name] = pa.array(values)
    parquet.write_table(pa.table(data), file)


_WRITERS: dict[str, Callable[[Collection[Result], Path], None]] = {
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
