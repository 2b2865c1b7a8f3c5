"""The table of results that people see, on a terminal or in a pipe."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from colabctl.cli.options import tell
from colabctl.cli.terminal import command_line, cut, one_line, plain

if TYPE_CHECKING:
    from colabctl.ledger import Plan
    from colabctl.views.results.content import Content

_GAP = "  "
_NO_WRAP = 1_000_000  # columns; no table is that wide
_NARROWEST = 20  # columns for errors, which are cut first
_FIRST_HIDDEN = (
    "packages", "sampler", "driver", "finished_at", "worker", "folder", "index", "sweep", "python",
    "accelerator", "member", "attempt", "seconds",
)  # fmt: skip
_MOST_LISTED = 10  # columns in a message


def print_table(content: "Content", plan: "Plan", options: Sequence[str] = ()) -> None:
    """Print results or groups.

    A terminal that is too narrow gets fewer columns and shorter errors; a file or pipe gets all.
    `options` are those of the command that chose these rows.
    """
    from rich.console import Console
    from rich.text import Text

    table = content.table()
    titles = [plain(one_line(cut(title))) for title in table.titles]
    widths = list(map(_width, titles))
    is_number = [True] * len(titles)
    for line in table.lines:
        for place, value in enumerate(line):
            is_number[place] &= value is None or type(value) in {int, float} or "±" in titles[place]
            widths[place] = max(widths[place], _width(_cell(table.titles[place], value)))
    visible = list(range(len(titles)))
    screen = Console()
    if screen.is_terminal:
        visible = _fitting(table.titles, widths, screen.width, plan.metric or "")

    def padded(cells: Sequence[str]) -> str:
        parts = []
        for place in visible:
            text = _cut_to(cells[place], widths[place])
            gap = " " * (widths[place] - _width(text))
            parts.append(gap + text if is_number[place] else text + gap)
        return _GAP.join(parts).rstrip()

    Console(width=_NO_WRAP, highlight=False).print(Text(padded(titles), style="bold"))
    for line in table.lines:
        print(padded([_cell(title, each) for title, each in zip(table.titles, line, strict=True)]))
    if screen.is_terminal:
        hidden = [titles[n] for n in range(len(titles)) if n not in visible]
        _tell_more(content, hidden, screen.width, options)


def _fitting(titles: Sequence[str], widths: list[int], width: int, metric: str) -> list[int]:
    """Return the places of the columns that fit a terminal; narrows that of errors if needed."""
    visible = list(range(len(titles)))

    def excess() -> int:
        return sum(widths[place] + len(_GAP) for place in visible) - len(_GAP) - width

    def hide(title: str) -> None:
        if excess() > 0 and title in titles and titles.index(title) in visible:
            visible.remove(titles.index(title))

    for title in _FIRST_HIDDEN:
        hide(title)
    if "error" in titles and excess() > 0:
        place = titles.index("error")
        widths[place] = max(min(_NARROWEST, widths[place]), widths[place] - excess())
    for title in [*reversed(titles)]:
        if title not in {titles[0], metric, f"metrics.{metric}", "mean ± sd"}:
            hide(title)
    return visible


def _tell_more(
    content: "Content", hidden: Sequence[str], width: int, options: Sequence[str]
) -> None:
    """Print, below a table on a terminal, what it does not show."""
    if constants := content.constants():
        listed = ", ".join(f"{cut(name)}={shown(value)}" for name, value in constants.items())
        text = one_line(f"the same in all tasks: {listed}")
        tell(_cut_to(text, max(width, _NARROWEST)))
    if hidden:
        more = ", ..." if len(hidden) > _MOST_LISTED else ""
        sweep = content.plan.sweep
        export = command_line("results", sweep, *options, "-o", f"{sweep}.csv")
        listed = ", ".join(hidden[:_MOST_LISTED])
        tell(f"hidden to fit the terminal: {listed}{more}; all columns: {export}")


def _cell(title: str, value: Any) -> str:
    if title == "seconds" and isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return plain(one_line(shown(value)))


def shown(value: Any) -> str:
    """Return the text of a value in a table for people, of at most 60 characters."""
    if value is None:
        return ""
    return cut(f"{value:.6g}" if isinstance(value, float) else str(value))


def _cut_to(text: str, width: int) -> str:
    if _width(text) <= width:
        return text
    from rich.cells import set_cell_size

    return f"{set_cell_size(text, width - 3).rstrip()}..."


def _width(text: str) -> int:
    """Return the number of columns of a text on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
