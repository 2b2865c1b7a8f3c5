"""Results as text: csv, json, jsonl and markdown."""

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from colabctl.views.columns import cell
from colabctl.views.results.rows import Result, as_json
from colabctl.views.results.table import Table

_MARKUP = re.compile(r"[\\`*<|\[]|(?<!\w)_|_(?!\w)")


def csv_text(table: Table) -> Iterator[str]:
    """Yield a table as CSV, which a spreadsheet does not run (see columns.cell)."""
    line = csv.writer(Echo(), lineterminator="\n").writerow  # returns what write returns
    yield line(map(cell, table.titles))
    yield from (line(map(cell, each)) for each in table.lines)


class Echo:
    """A file whose write returns the text, as csv.writer passes that on."""

    def write(self, text: str) -> str:
        """Return the text."""
        return text


def objects(rows: Iterable[Result]) -> Iterator[dict[str, Any]]:
    """Yield each result as an object with maps of its params, metrics and attributes."""
    return ({"sweep": row.sweep, **vars(row)} for row in rows)


def flat_objects(table: Table) -> Iterator[dict[str, Any]]:
    """Yield each row of a table as an object, by title."""
    return (dict(zip(table.titles, line, strict=True)) for line in table.lines)


def json_text(values: Iterable[Any]) -> Iterator[str]:
    """Yield objects as one JSON list, in pieces; NaN and infinities are null."""
    separator = "[\n "
    for each in values:
        yield separator + json.dumps(as_json(each), indent=1).replace("\n", "\n ")
        separator = ",\n "
    yield "[]\n" if separator.startswith("[") else "\n]\n"


def jsonl_text(values: Iterable[Any]) -> Iterator[str]:
    """Yield objects as JSON, one on each line; NaN and infinities are null."""
    return (json.dumps(as_json(each)) + "\n" for each in values)


def markdown_text(table: Table, show: Callable[[Any], str]) -> Iterator[str]:
    """Yield a table as Markdown; `show` returns the text of a value."""
    yield _markdown_line(map(_escaped, table.titles))
    yield _markdown_line("---" for _ in table.titles)
    for line in table.lines:
        yield _markdown_line(_escaped(show(value)) for value in line)


def _markdown_line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _escaped(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    return " ".join(_MARKUP.sub(r"\\\g<0>", text).split())
