"""Tables of results: titles, and lines of plain values that any file can store."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.views import columns
from colabctl.views.results.names import Column
from colabctl.views.results.rows import Result


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        titles: the titles of the columns, which differ also without regard to case.
        lines: the rows. Lists and maps are JSON text, missing values None; characters that files
            cannot store, such as lone surrogates, are escaped.
        count: the number of rows.

    """

    titles: Sequence[str]
    lines: Iterable[Sequence[Any]]
    count: int

    def place(self, title: str, option: str) -> int:
        """Return the place of a column that was given to an option; raise UserError without it."""
        if title not in self.titles:
            near = nearest(title, self.titles)
            hint = f"did you mean {near}?" if near else f"they are {', '.join(self.titles)}"
            raise UserError(f"{option}: the table has no column {title:.60}; {hint}")
        return self.titles.index(title)

    def only(self, titles: Sequence[str], option: str) -> "Table":
        """Return the table with some of its columns, in this order; raises as `place` does."""
        places = [self.place(title, option) for title in titles]
        lines = [[line[place] for place in places] for line in self.lines]
        return Table(titles, lines, self.count)

    def led_by(self, title: str, value: str) -> "Table":
        """Return the table with one more column in front, of one value."""
        return Table([title, *self.titles], [[value, *line] for line in self.lines], self.count)


def table(rows: Collection[Result], shown: Sequence[Column]) -> Table:
    """Return the table of some columns of results, which are read whenever its lines are."""
    return Table([column.title for column in shown], _Lines(rows, shown), len(rows))


@dataclass(frozen=True)
class _Lines:
    rows: Iterable[Result]
    shown: Sequence[Column]

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield the lines; each map of a result is flattened once for all of its columns."""
        kinds: dict[str, list[str]] = {}
        for column in self.shown:
            kinds.setdefault(column.kind, []).append(column.name)
        by_kind = [(kind, name) for kind, names in kinds.items() for name in names]
        order = [by_kind.index((column.kind, column.name)) for column in self.shown]
        is_ordered = order == sorted(order)
        for row in self.rows:
            line: list[Any] = []
            for kind, names in kinds.items():
                cells = columns.flat(getattr(row, kind)) if kind else vars(row)
                line += map(cells.get, names)
            for place, value in enumerate(line):
                if type(value) is str and not value.isascii():
                    line[place] = columns.spelled_out(value)
            yield line if is_ordered else [line[place] for place in order]


def plain(value: Any) -> Any:
    """Return a value for a table: a list or a map as JSON text, text without lone surrogates."""
    return json.dumps(value) if isinstance(value, list | dict) else columns.spelled_out(value)
