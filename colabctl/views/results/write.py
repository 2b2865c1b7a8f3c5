"""Writes results to a file, whole or not at all, and replaces only results of the same sweep."""

import csv
import io
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from colabctl.errors import UserError
from colabctl.views import files
from colabctl.views.columns import cell
from colabctl.views.results import database, parquet, text
from colabctl.views.results.content import Content

TEXT_FORMATS = ("csv", "json", "jsonl", "markdown")
FORMATS = (*TEXT_FORMATS, "sqlite", "parquet")
_BY_EXTENSION = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".md": "markdown",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
    ".parquet": "parquet",
}
_PIECE = 1 << 20  # bytes that are copied at once
_START = 1 << 20  # characters of a file that say whose results it holds
_OBJECT = re.compile(r'\[?\s*\{\s*"sweep": ("(?:[^"\\]|\\.)*")')
_TASK = re.compile(r'"task": ("t\d{6,}"|null)')
_COMMENT = re.compile(r"<!-- results of sweep (.*), from colabctl -->")


def format_of(file: Path) -> str:
    """Return the format for a file's extension; raise UserError for an unknown extension."""
    try:
        return _BY_EXTENSION[file.suffix.lower()]
    except KeyError:
        raise UserError(
            f"{file}: unknown file extension {file.suffix!r}; use one of "
            f"{', '.join(_BY_EXTENSION)}, or add --format"
        ) from None


def as_text(content: Content, form: str) -> Iterator[str]:
    """Yield the content in one of TEXT_FORMATS, in pieces."""
    if form == "csv":
        return text.csv_text(content.table())
    if form == "markdown":
        return text.markdown_text(content.table(), content.show)
    return (text.json_text if form == "json" else text.jsonl_text)(content.objects())


def write(content: Content, file: Path, form: str, *, replace: bool = False) -> None:
    """Write results to a file, completely or not at all.

    An existing file is replaced only if it holds results of the same sweep from colabctl, or with
    `replace`. Raises UserError if it holds anything else, is in use, or cannot be written.

    Intermediate values are the table `reports` of an SQLite database. For Parquet, they are a
    second file, `x.reports.parquet`, if there are any.
    """
    sweep = content.plan.sweep
    files.check_regular(file)
    if not replace:
        _refuse_others(file, form, sweep)
    if form in TEXT_FORMATS:
        mark = [f"<!-- results of sweep {sweep}, from colabctl -->\n\n"] * (form == "markdown")
        files.write(file, (each.encode() for each in chain(mark, as_text(content, form))))
    elif form == "sqlite":
        database.check_closed(file)
        parts = (content.table(), content.reports(), content.plan)
        _write_binary(file, lambda new: database.write_database(new, *parts))
    else:
        second = reports_file(file)
        files.check_regular(second)
        some = any(True for _ in content.reports())
        if some and not replace:
            _refuse_others(second, form, sweep)
        _write_binary(file, lambda new: parquet.write_results(new, content.table(), sweep))
        if some or (second.exists() and parquet.sweep_in(second) == sweep):
            _write_binary(second, lambda new: parquet.write_reports(new, content.reports(), sweep))


def reports_file(file: Path) -> Path:
    """Return the file for the intermediate values next to a Parquet file of results."""
    return file.with_name(f"{file.stem}.reports{file.suffix}")


def _write_binary(file: Path, write_new: Callable[[Path], None]) -> None:
    """Write a file that a library has to make on this machine's own disk first."""
    with tempfile.TemporaryDirectory(prefix="colabctl-results-") as scratch:
        new = Path(scratch) / "results"
        write_new(new)
        with new.open("rb") as data:
            files.write(file, iter(partial(data.read, _PIECE), b""))


def _refuse_others(file: Path, form: str, sweep: str) -> None:
    """Raise UserError if a file exists that holds anything but results of this sweep."""
    if not file.exists():
        return
    try:
        holder = sweep if not file.stat().st_size else _HOLDERS[form](file)
    except OSError as error:
        raise files.unwritable(file, error) from None
    if holder is None:
        what = "does not hold results from colabctl"
        raise UserError(f"{file} exists and {what}; give another name, or --force")
    if holder not in ("", sweep, cell(sweep)):
        raise UserError(
            f"{file} holds the results of sweep {holder:.60}; give another name, or --force"
        )


def _holder_of_csv(file: Path) -> str | None:
    """Return the sweep of the first row, "" without rows, None if colabctl did not write it."""
    with file.open(encoding="utf-8", errors="replace", newline="") as lines:
        rows = csv.reader(io.StringIO(lines.read(_START), newline=""))
    try:
        titles, first = next(rows, []), next(rows, None)
    except csv.Error:
        return None
    if titles[:1] != ["sweep"] or "task" not in titles:
        return None
    return first[0] if first else ""


def _holder_of_json(file: Path) -> str | None:
    with file.open(encoding="utf-8", errors="replace") as lines:
        start = lines.read(_START)
    if start == "[]\n":
        return ""
    match = _OBJECT.match(start)
    return str(json.loads(match[1])) if match and _TASK.search(start) else None


def _holder_of_markdown(file: Path) -> str | None:
    with file.open(encoding="utf-8", errors="replace") as lines:
        match = _COMMENT.match(lines.readline(_START))
    return match[1] if match else None


_HOLDERS: dict[str, Callable[[Path], str | None]] = {
    "csv": _holder_of_csv,
    "json": _holder_of_json,
    "jsonl": _holder_of_json,
    "markdown": _holder_of_markdown,
    "sqlite": database.sweep_in,
    "parquet": parquet.sweep_in,
}
