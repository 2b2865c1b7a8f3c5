"""A line of text with styles, and lines as columns and paragraphs of some width.

The start of rich costs more than all else that `status` does, so status does without it.
"""

import os
import sys
import unicodedata
from collections.abc import Collection, Iterable, Sequence

from colabctl.cli.terminal import one_line, plain

NARROW = 60
"""Columns; below this width, a row of a table takes two lines."""

_GAP = 2  # spaces between columns
_LEAST = 6  # characters that a shortened column or the line of a paragraph keeps
_DOTS = "..."
_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "cyan": 36, "gray": 90}


class Line:
    """Pieces of text, each with a style: a word of _CODES, or "" for none."""

    def __init__(self, text: object = "", style: str = "") -> None:
        self.parts: list[tuple[str, str]] = []
        self.add(text, style)

    def add(self, text: object, style: str = "") -> "Line":
        """Add a line, or a text, which is cleaned: it may come from others."""
        if isinstance(text, Line):
            self.parts += text.parts
        elif cleaned := plain(one_line(str(text))):
            self.parts.append((cleaned, style))
        return self

    @property
    def text(self) -> str:
        """The text without styles."""
        return "".join(text for text, _ in self.parts)

    @property
    def width(self) -> int:
        """How many columns of a terminal it takes."""
        return sum(_width(text) for text, _ in self.parts)

    def coded(self) -> str:
        """Return the text with the codes that set a terminal's styles."""
        return "".join(
            f"\x1b[{_CODES[style]}m{text}\x1b[0m" if style else text for text, style in self.parts
        )

    def shortened(self, width: int) -> "Line":
        """Return a line of at most `width` columns; dots say that some text is missing."""
        if self.width <= width:
            return self
        chars = self.chars()
        return _joined(chars[: _fitting(chars, max(0, width - len(_DOTS)))]).add(_DOTS[:width])

    def paragraph(self, width: int | None, indent: int = 2) -> "list[Line]":
        """Return lines of at most `width` columns, broken at spaces; None is any width.

        The first has the spaces that this line begins with, and the others have `indent` more.
        """
        if width is None or self.width <= width:
            return [self]
        chars = self.chars()
        margin = next((n for n, (char, _) in enumerate(chars) if char != " "), 0)
        chars, lines = chars[margin:], []
        while chars:
            end = _fitting(chars, max(_LEAST, width - margin)) or 1
            if end < len(chars):
                spaces = (n for n in range(end, 0, -1) if chars[n][0] == " ")
                end = next(spaces, end)
            lines.append(Line(" " * margin).add(_joined(chars[:end])))
            while end < len(chars) and chars[end][0] == " ":
                end += 1
            chars = chars[end:]
            margin += indent if len(lines) == 1 else 0
        return lines

    def chars(self) -> list[tuple[str, str]]:
        """Return each character and its style."""
        return [(char, style) for text, style in self.parts for char in text]


def joined(separator: str, lines: Iterable[Line]) -> Line:
    """Return the lines that are not empty as one line."""
    line = Line()
    for each in lines:
        if each.width:
            line.add(separator if line.width else "").add(each)
    return line


def aligned(
    rows: Sequence[Sequence[Line]],
    width: int | None,
    *,
    right: Collection[int] = (),
    shorten: Iterable[int] = (),
) -> list[Line]:
    """Return rows of cells as lines of columns, two spaces from the left.

    Columns without any text are left out.

    Args:
        rows: the cells of each row.
        width: columns of the terminal; None for as many as the lines need.
        right: the columns that are aligned to the right.
        shorten: the columns that lose characters if a line is too long, the first ones first.

    """
    sizes = [max(cell.width for cell in column) for column in zip(*rows, strict=True)]
    shown = [number for number, size in enumerate(sizes) if size]
    spare = 0 if width is None else width - sum(sizes) - _GAP * len(shown)
    for number in shorten:
        if spare < 0 and sizes[number] > _LEAST:
            less = min(-spare, sizes[number] - _LEAST)
            sizes[number] -= less
            spare += less
    lines = []
    for row in rows:
        line = Line()
        for number in shown:
            cell = row[number].shortened(sizes[number])
            padding = " " * (sizes[number] - cell.width)
            line.add(" " * _GAP)
            line.add(padding).add(cell) if number in right else line.add(cell).add(padding)
        lines.append(_joined(line.chars(), strip=True))
    return lines


def print_lines(lines: Iterable[Line]) -> None:
    """Print lines as they are, without wrapping or cutting them."""
    for line in lines:
        print(shown(line))


def shown(line: Line) -> str:
    """Return a line as stdout takes it, with codes if it is a terminal with colours."""
    return line.coded() if _has_colors() else line.text


def _has_colors() -> bool:
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", "unknown"):
        return False
    return sys.stdout.isatty()


def _joined(chars: Sequence[tuple[str, str]], *, strip: bool = False) -> Line:
    """Return the line of these characters; with `strip`, without spaces at its end."""
    end = len(chars)
    while strip and end and chars[end - 1][0] == " ":
        end -= 1
    line, text, before = Line(), "", ""
    for char, style in chars[:end]:
        if style != before:
            line.parts += [(text, before)] if text else []
            text, before = "", style
        text += char
    line.parts += [(text, before)] if text else []
    return line


def _fitting(chars: Sequence[tuple[str, str]], width: int) -> int:
    """Return how many of the characters fit into some columns."""
    for number, (char, _) in enumerate(chars):
        width -= _width(char)
        if width < 0:
            return number
    return len(chars)


def _width(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF")
        for char in text
    )
