"""Shows what differs between two notebooks, as lines for a terminal, a pipe or a file."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from colabctl.cli.terminal import counted, line_width, one_line, plain

if TYPE_CHECKING:
    from colabctl.notebook.versions.differences import CellDifference, Difference

_STYLES = {"-": "red", "+": "green", "@": "cyan", "#": "bold"}
_GAP = "…"
_VERBS = {
    "changed": "changed",
    "outputs": "with other outputs",
    "metadata": "with other metadata",
    "added": "added",
    "removed": "removed",
}

Line = tuple[str, str]
"""How a line is shown: as "-", "+" or " " of a cell, "@" gap, "#" heading; and its text."""


def counts(difference: "Difference") -> str:
    """Return how many cells differ, in a line."""
    number = Counter[str](cell.change for cell in difference.cells)
    moved = sum(cell.moved for cell in difference.cells)
    same = sum(cell.is_same for cell in difference.cells)
    parts = [f"{number[change]} {verb}" for change, verb in _VERBS.items() if number[change]]
    parts += [f"{moved} moved"] if moved else []
    if not parts:
        return f"no cell differs ({counted(same, 'cell')})"
    return f"{', '.join(parts)}; {counted(same, 'cell')} the same"


def lines(difference: "Difference") -> Iterator[Line]:
    """Yield the lines that show what differs."""
    for cell in difference.cells:
        if not cell.is_same:
            yield "", ""
            yield "#", _heading(cell)
            for line in cell.lines:
                yield line[0], _GAP if line[0] == "@" else line[1:]
            if cell.outputs:
                yield "", f"outputs: {cell.outputs[0]} -> {cell.outputs[1]}"
    if difference.lines:
        yield "", ""
        yield "#", "metadata of the notebook"
        for line in difference.lines:
            yield line[0], _GAP if line[0] == "@" else line[1:]


def show(shown: Iterator[Line]) -> None:
    """Print lines, cleaned; on a terminal with colours, and broken where the window ends."""
    width = line_width()
    if width is None:
        print("\n".join(plain(_signed(sign, text)) for sign, text in shown))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    whole = Text()
    for sign, text in shown:
        style = _STYLES.get(sign, "")
        line = Text(plain(text).expandtabs(4), style)
        lead = f"{sign} " if sign in ("-", "+", " ") else ""
        if line.cell_len + len(lead) <= width:
            whole.append(lead, style).append_text(line).append("\n")
            continue
        for number, part in enumerate(line.wrap(console, max(width - 2, 10), overflow="fold")):
            part.rstrip()
            whole.append((lead if number == 0 else "  "), style).append_text(part).append("\n")
    console.print(whole, end="", soft_wrap=True)


def _heading(cell: "CellDifference") -> str:
    number = cell.new_number or cell.old_number
    was = f", was cell {cell.old_number}" if cell.moved else ""
    words = [_VERBS[cell.change]] if cell.change in _VERBS else []
    words += ["moved"] if cell.moved else []
    shown = f": {one_line(cell.first_line)}" if not cell.lines and cell.first_line else ""
    removed = " of the first" if cell.new_number is None else ""
    return f"cell {number}{removed} ({cell.kind}{was}) {' and '.join(words)}{shown}"


def _signed(sign: str, text: str) -> str:
    return f"{sign} {text}" if sign in ("-", "+", " ") else text
