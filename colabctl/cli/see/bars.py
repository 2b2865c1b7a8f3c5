"""Draws how far the cells of a sweep are: a bar for each, with counts, best value and time left."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from colabctl.cli.see.line import NARROW, Line, aligned, joined
from colabctl.cli.terminal import can_show, counted, cut
from colabctl.durations import short_duration

if TYPE_CHECKING:
    from colabctl.views.cells import Cell
    from colabctl.views.status import Status

MOST_CELLS = 20
"""Cells that are shown; the others are summed up."""

_WIDEST = 40  # columns of a bar
_NARROWEST = 10
_USUAL = 24  # where nothing limits the width


class _Part(NamedTuple):
    """One part of a bar: what it counts, how it is drawn, and its style."""

    name: str
    block: str
    ascii: str
    style: str


_PARTS = (
    _Part("done", "█", "#", "green"),
    _Part("failed", "▚", "x", "red"),
    _Part("running", "▒", ">", "cyan"),
    _Part("waiting", "░", ".", "gray"),
    _Part("cancelled", "·", "-", "dim"),
)


def bar(counts: Sequence[int], width: int) -> Line:
    """Return a bar of done, failed, running, waiting and cancelled tasks.

    Every count above 0 has at least one column, if there is room for all of them.
    """
    line = Line()
    for part, size in zip(_PARTS, _shares(counts, width), strict=True):
        line.add(_block(part) * size, part.style)
    return line


def _block(part: _Part) -> str:
    return part.block if can_show("".join(each.block for each in _PARTS)) else part.ascii


def _shares(counts: Sequence[int], width: int) -> list[int]:
    """Share a width out in proportion to the counts, by the largest remainders."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    least = [1 if count and width >= len(counts) else 0 for count in counts]
    exact = [count * width / total for count in counts]
    sizes = [max(low, int(each)) for low, each in zip(least, exact, strict=True)]
    while sum(sizes) < width:
        sizes[max(range(len(sizes)), key=lambda n: exact[n] - sizes[n])] += 1
    while sum(sizes) > width:
        number = max(range(len(sizes)), key=lambda n: (sizes[n] > least[n], sizes[n] - exact[n]))
        sizes[number] -= 1
    return sizes


def cell_lines(seen: "Status", width: int | None) -> list[Line]:
    """Return the bars of a sweep's cells and what their parts mean."""
    cells = seen.cells[:MOST_CELLS]
    if not seen.divided_by:
        size = _WIDEST if width is None else min(_WIDEST, width - 4)
        lines = [Line("  ").add(bar(_counts(cell), size)) for cell in cells]
    elif width is not None and width < NARROW:
        lines = [line for cell in cells for line in _two_lines(cell, width)]
    else:
        lines = _table(_head(seen), cells, width)
    if more := seen.cells[MOST_CELLS:]:
        finished, total = sum(cell.finished for cell in more), sum(cell.total for cell in more)
        text = f"  and {counted(len(more), 'more cell')}: {finished:,}/{total:,}; --json lists them"
        lines += Line(text).paragraph(width)
    return [*lines, *_legend(seen).paragraph(width)]


def _table(head: list[Line], cells: "Sequence[Cell]", width: int | None) -> list[Line]:
    """Return a line for each cell, below the titles of the columns; the bar takes what is left."""
    rows = [_texts(cell) for cell in cells]
    size = _USUAL
    if width is not None:
        head = [title.shortened(width // 5) for title in head]
        rows = [[label.shortened(width // 3), *rest] for label, *rest in rows]
        others = [max(cell.width for cell in column) for column in zip(head, *rows, strict=True)]
        left = width - sum(others) - 2 * (1 + sum(map(bool, others)))
        size = min(_WIDEST, max(_NARROWEST, left))
    table = [[head[0], Line(), *head[1:]]]
    for cell, (label, *rest) in zip(cells, rows, strict=True):
        table.append([label, bar(_counts(cell), size), *rest])
    return aligned(table, width, right=(2, 3, 4, 5), shorten=(0,))


def _head(seen: "Status") -> list[Line]:
    titles = (
        ", ".join(map(cut, seen.divided_by)),
        "finished",
        "failed" if seen.failed else "",
        f"best {cut(seen.metric)}" if seen.metric else "",
        "left" if any(cell.seconds_left for cell in seen.cells) else "",
    )
    return [Line(title, "dim") for title in titles]


def _texts(cell: "Cell") -> list[Line]:
    """Return the label of a cell and its numbers."""
    return [
        Line(", ".join(cut(str(value)) for value in cell.values.values())),
        Line(f"{cell.finished:,}/{cell.total:,}"),
        Line(f"{cell.failed:,}" if cell.failed else "", "red"),
        Line("" if cell.best is None else f"{cell.best:.4g}"),
        Line(short_duration(cell.seconds_left) if cell.seconds_left else ""),
    ]


def _two_lines(cell: "Cell", width: int) -> list[Line]:
    """Return the lines of a cell on a narrow terminal."""
    label, count, failed, best, left = _texts(cell)
    right = joined("  ", [failed.add(" failed", "red") if failed.width else failed, count])
    label = label.shortened(max(8, width - 4 - right.width))
    gap = " " * max(2, width - 2 - label.width - right.width)
    tail = joined("  ", [best, left])
    size = max(_NARROWEST, width - 6 - tail.width) if tail.width else width - 4
    drawn = Line("    ").add(bar(_counts(cell), size))
    return [Line("  ").add(label).add(gap).add(right), joined("  ", [drawn, tail])]


def _legend(seen: "Status") -> Line:
    """Return what the parts of the bars mean, of those that there are."""
    counts = [sum(each) for each in zip(*map(_counts, seen.cells), strict=True)]
    parts = [part for part, count in zip(_PARTS, counts, strict=True) if count]
    words = (Line(_block(part), part.style).add(f" {part.name}", "dim") for part in parts)
    return Line("  ").add(joined("  ", words))


def _counts(cell: "Cell") -> tuple[int, ...]:
    waiting = cell.pending + cell.claimed
    return cell.done + cell.pruned, cell.failed, cell.running, waiting, cell.cancelled
