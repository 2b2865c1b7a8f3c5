"""Writes results as Parquet, with their reports in a second file next to it."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.views.results.reports import TITLES, Report
from colabctl.views.results.table import Table
from colabctl.views.results.typed import Kind, as_kind, kinds_of

_SWEEP = b"colabctl.sweep"  # the key of the sweep's name in a file's metadata
_ROWS = 100_000  # in memory at once


def write_results(file: Path, table: Table, sweep: str) -> None:
    """Write a new file; each of its columns has one type (see typed.py)."""
    kinds = kinds_of(table.lines, len(table.titles))
    _write(file, table.titles, kinds, table.lines, sweep)


def write_reports(file: Path, reports: Iterable[Report], sweep: str) -> None:
    """Write a new file with the columns task, step, metric and value."""
    _write(file, TITLES, ("text", "float", "text", "float"), reports, sweep)


def _write(
    file: Path,
    titles: Sequence[str],
    kinds: Sequence[Kind],
    lines: Iterable[Sequence[Any]],
    sweep: str,
) -> None:
    pa, parquet = _pyarrow()
    by_kind = {
        "empty": pa.string(), "bool": pa.bool_(), "int": pa.int64(), "float": pa.float64(),
        "text": pa.string(),
    }  # fmt: skip
    fields = [pa.field(title, by_kind[kind]) for title, kind in zip(titles, kinds, strict=True)]
    schema = pa.schema(fields, {_SWEEP: sweep.encode(errors="backslashreplace")})
    rest = iter(lines)
    with parquet.ParquetWriter(file, schema) as writer:
        while piece := list(islice(rest, _ROWS)):
            columns = [
                pa.array([as_kind(kind, value) for value in column], by_kind[kind])
                for kind, column in zip(kinds, zip(*piece, strict=True), strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))


def sweep_in(file: Path) -> str | None:
    """Return the sweep whose results a file holds; None if colabctl did not write it."""
    _, parquet = _pyarrow()
    try:
        name = (parquet.read_schema(file).metadata or {}).get(_SWEEP)
    except (OSError, ValueError):  # not a Parquet file
        return None
    return None if name is None else name.decode(errors="replace")


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise UserError(
            "parquet needs pyarrow: pip install pyarrow, or use csv, json, jsonl or sqlite"
        ) from None
    return pa, parquet
