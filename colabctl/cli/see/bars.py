"""Draws how far the cells of a sweep are: a bar for each, with counts, best value and time left."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from colabctl.cli.see.columns import NARROW, aligned, paragraph, shortened
from colabctl.cli.terminal import can_show, counted, cut, styled
from colabctl.durations import short_duration

if TYPE_CHECKING:
    from rich.text import Text

    from colabctl.views.cells import Cell
    from colabctl.views.status import Status

MOST_CELLS = 20
"""Cells that are shown; the others are summed up."""

_WIDEST = 40  # characters of a bar
_NARROWEST = 10
_USUAL = 24  # where nothing limits the width


class _Part(NamedTuple):
    """One part of a bar: what it counts, how it is drawn, and its colour."""

    name: str
    block: str
    ascii: str
    style: str


_DONE = _Part("done", "█", "#", "green")
_FAILED = _Part("failed", "▚", "x", "red")
_RUNNING = _Part("running", "▒", ">", "cyan")
_WAITING = _Part("waiting", "░", ".", "bright_black")
_PARTS = (_DONE, _FAILED, _RUNNING, _WAITING)


def bar(counts: Sequence[int], width: int) -> "Text":
    """Return a bar of done, failed, running and waiting tasks.

    Every count above 0 has at least one character, if there is room for all of them.
    """
    from rich.text import Text

    blocks = can_show("".join(part.block for part in _PARTS))
    text = Text()
    for part, size in zip(_PARTS, _shares(counts, width), strict=True):
        text.append((part.block if blocks else part.ascii) * size, style=part.style)
    return text


def _shares(counts: Sequence[int], width: int) -> list[int]:
    """Share a width out in proportion to the counts, by the largest remainders."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    least = [1 if count and width >= len(counts) else 0 for count in counts]
    exact = [count * width / total for count in counts]
    sizes = [max(low, int(each)) for low, each in zip(least, exact, strict=True)]
    while sum(sizes) < width:
        number = max(range(len(sizes)), key=lambda n: exact[n] - sizes[n])
        sizes[number] += 1
    while sum(sizes) > width:
        number = max(range(len(sizes)), key=lambda n: (sizes[n] > least[n], sizes[n] - exact[n]))
        sizes[number] -= 1
    return sizes


def cell_lines(seen: "Status", width: int | None) -> "list[Text]":
    """Return the bars of a sweep's cells and what their parts mean."""
    cells = seen.cells[:MOST_CELLS]
    if not seen.divided_by:
        return [*_one(cells[0], width), *paragraph(_legend(seen), width)] if cells else []
    rows = [_texts(cell) for cell in cells]
    head = _head(seen)
    if width is not None and width < NARROW:
        lines = [line for cell in cells for line in _two_lines(cell, width)]
    else:
        lines = _table(head, cells, rows, width)
    if more := seen.cells[MOST_CELLS:]:
        finished, total = sum(cell.finished for cell in more), sum(cell.total for cell in more)
        text = f"  and {counted(len(more), 'more cell')}: {finished:,}/{total:,}; --json lists them"
        lines += paragraph(styled(text), width)
    return [*lines, *paragraph(_legend(seen), width)]


def _table(
    head: "list[Text]", cells: "Sequence[Cell]", rows: "list[list[Text]]", width: int | None
) -> "list[Text]":
    """Return a line for each cell, below the titles of the columns; the bar takes what is left."""
    size = _USUAL
    if width is not None:  # a pipe gets all of it
        head = [shortened(text, width // 5) for text in head]
        rows = [[shortened(label, width // 3), *rest] for label, *rest in rows]
    others = [max(text.cell_len for text in column) for column in zip(head, *rows, strict=True)]
    if width is not None:
        size = width - 2 - sum(others) - 2 * (1 + sum(each > 0 for each in others[1:]))
        size = min(_WIDEST, max(_NARROWEST, size))
    table = [[head[0], styled(""), *head[1:]]]
    for cell, (label, *rest) in zip(cells, rows, strict=True):
        table.append([label, bar(_counts(cell), size), *rest])
    return aligned(table, width, right=(2, 3, 4, 5), shorten=(0,))


def _head(seen: "Status") -> "list[Text]":
    titles = (
        ", ".join(map(cut, seen.divided_by)),
        "finished",
        "failed" if seen.failed else "",
        f"best {cut(seen.metric)}" if seen.metric else "",
        "left" if any(cell.seconds_left for cell in seen.cells) else "",
    )
    return [styled(title, "dim") for title in titles]


def _texts(cell: "Cell") -> "list[Text]":
    """Return the label of a cell and its numbers."""
    return [
        styled(", ".join(cut(str(value)) for value in cell.values.values())),
        styled(f"{cell.finished:,}/{cell.total:,}"),
        styled(f"{cell.failed:,}" if cell.failed else "", "red"),
        styled(_number(cell.best)),
        styled(_left(cell), "" if cell.running else "dim"),
    ]


def _two_lines(cell: "Cell", width: int) -> "list[Text]":
    """Return the lines of a cell on a narrow terminal."""
    from rich.text import Text

    label, count, failed, best, left = _texts(cell)
    if failed:
        failed.append(" failed")
    right = Text("  ").join(part for part in (failed, count) if part)
    label = shortened(label, max(8, width - 4 - right.cell_len))
    gap = " " * max(2, width - 2 - label.cell_len - right.cell_len)
    first = Text("  ").append_text(label).append(gap).append_text(right)
    tail = Text("  ").join(part for part in (best, left) if part)
    size = max(_NARROWEST, width - 6 - tail.cell_len) if tail else width - 4
    second = Text("    ").append_text(bar(_counts(cell), size))
    return [first, second.append("  ").append_text(tail) if tail else second]


def _one(cell: "Cell", width: int | None) -> "list[Text]":
    from rich.text import Text

    size = _WIDEST if width is None else min(_WIDEST, width - 4)
    return [Text("  ").append_text(bar(_counts(cell), size))]


def _legend(seen: "Status") -> "Text":
    """Return what the parts of the bars mean, of those that there are."""
    from rich.text import Text

    blocks = can_show("".join(part.block for part in _PARTS))
    counts = [sum(each) for each in zip(*map(_counts, seen.cells), strict=True)]
    line = Text("  ")
    for part, count in zip(_PARTS, counts, strict=True):
        if count:
            line.append("  " if len(line) > 2 else "")
            line.append(part.block if blocks else part.ascii, style=part.style)
            line.append(f" {part.name}", style="dim")
    return line


def _counts(cell: "Cell") -> tuple[int, int, int, int]:
    waiting = cell.pending + cell.claimed + cell.cancelled
    return cell.done + cell.pruned, cell.failed, cell.running, waiting


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _left(cell: "Cell") -> str:
    return short_duration(cell.seconds_left) if cell.seconds_left else ""
