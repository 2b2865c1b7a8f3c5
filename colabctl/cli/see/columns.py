"""Lays out lines for a terminal: columns that fit its width, and paragraphs."""

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from colabctl.cli.terminal import styled

if TYPE_CHECKING:
    from rich.text import Text

NARROW = 60
"""Columns; below this width, a row of a table takes two lines."""

_GAP = 2  # spaces between columns
_LEAST = 6  # characters that a shortened column keeps
_DOTS = "..."


def aligned(
    rows: Sequence[Sequence["Text | str"]],
    width: int | None,
    *,
    right: Collection[int] = (),
    shorten: Iterable[int] = (),
    indent: int = 2,
) -> "list[Text]":
    """Return the rows as lines of equal columns.

    Args:
        rows: the cells of each row, cleaned by `styled` or `plain`; columns without any text are
            left out.
        width: characters of a line; None for as many as it needs.
        right: the columns that are aligned to the right.
        shorten: the columns that lose characters if a line is too long, the first ones first.
        indent: spaces before each line.

    """
    texts = [[styled(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    sizes = [max(cell.cell_len for cell in column) for column in zip(*texts, strict=True)]
    shown = [number for number, size in enumerate(sizes) if size]
    spare = 0
    if width is not None:
        spare = width - indent - sum(sizes) - _GAP * (len(shown) - 1)
    for number in shorten:
        if spare < 0 and sizes[number] > _LEAST:
            less = min(-spare, sizes[number] - _LEAST)
            sizes[number] -= less
            spare += less
    return [
        _line([(row[number], sizes[number], number in right) for number in shown], indent)
        for row in texts
    ]


def _line(cells: "list[tuple[Text, int, bool]]", indent: int) -> "Text":
    from rich.text import Text

    line = Text(" " * indent)
    for number, (cell, size, is_right) in enumerate(cells):
        text = shortened(cell, size)
        padding = " " * (size - text.cell_len)
        if number:
            line.append(" " * _GAP)
        if is_right:
            line.append(padding)
        line.append_text(text)
        if not is_right:
            line.append(padding)
    line.rstrip()
    return line


def shortened(text: "Text", size: int) -> "Text":
    """Return a text of at most `size` characters of a terminal; dots say that some are missing."""
    if text.cell_len <= size:
        return text
    short = text.copy()
    short.truncate(max(0, size - len(_DOTS)), overflow="crop")
    short.append(_DOTS[:size])
    return short


def paragraph(text: "Text", width: int | None, *, indent: int = 2) -> "list[Text]":
    """Return a text as lines of at most `width` characters; those after the first are indented.

    The first line has the spaces that the text begins with.
    """
    if width is None or text.cell_len <= width:
        return [text]
    from rich.console import Console
    from rich.text import Text

    left = len(text.plain) - len(text.plain.lstrip(" "))
    inner = max(_LEAST, width - left - indent)
    body = text[left:]
    console = Console(width=width)
    first, *_ = body.wrap(console, max(_LEAST, width - left))
    rest = body[len(first.plain) :]
    rest = rest[len(rest.plain) - len(rest.plain.lstrip(" ")) :]
    lines = [Text(" " * left).append_text(_stripped(first))]
    if rest.plain:
        lines += [
            Text(" " * (left + indent)).append_text(_stripped(line))
            for line in rest.wrap(console, inner)
        ]
    return lines


def _stripped(text: "Text") -> "Text":
    text.rstrip()
    return text
