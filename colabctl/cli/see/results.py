"""The command that prints the results of a sweep or writes them to a file."""

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Force, Root, Sweep, open_project, tell
from colabctl.cli.terminal import command_line, counted, cut, for_screen, one_line, plain, styled
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.views.results import Result

_NO_WRAP = 100_000  # columns; no table is that wide
_FIRST_HIDDEN = ("member", "attempt", "seconds")  # on a terminal that is too narrow


def results(
    sweep: Sweep,
    best: Annotated[
        int | None,
        typer.Option(
            "--best",
            min=1,
            metavar="N",
            help="Only the N best by the sweep's metric.",
            show_default="all",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="table|csv|json|jsonl|sqlite|parquet",
            help="Format of the results.",
            show_default="the file extension of FILE, else table",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write to.",
            show_default="results are printed",
        ),
    ] = None,
    force: Force = False,
    root: Root = None,
) -> None:
    """Print the results of a sweep or write them to a file, one row per finished task."""
    from colabctl.cli.steer.archive import tell_if_archived
    from colabctl.sharedfs.links import check_inside
    from colabctl.sweeps import differing
    from colabctl.views import formats
    from colabctl.views.best import unreported
    from colabctl.views.results import Results, best_results
    from colabctl.work.open_sweep import OpenSweep

    form = form or (formats.format_of(output) if output else "table")
    if form not in ("table", *formats.FORMATS):
        choices = ", ".join(("table", *formats.FORMATS))
        raise UserError(f"--format {form}: unknown; choose one of {choices}")
    layout, _ = open_project(root)
    if output is not None:
        check_inside(output, layout.root)
    open_sweep = OpenSweep.named(layout, sweep)
    tell_if_archived(open_sweep.layout)
    plan, ledger = open_sweep.plan, open_sweep.ledger
    for sentence in differing(open_sweep.layout, plan):
        tell(f"note: {sentence}")
    ledger.refresh()
    for damage in ledger.damage:
        tell(f"note: {one_line(str(damage))}")
    rows = Results(ledger.state, open_sweep.tasks)
    if_empty = "no finished tasks yet"
    if best is not None:
        if plan.metric is None:
            raise UserError(
                f"sweep {sweep} names no metric, so there is no best task; add `metric: "
                "{name: ..., goal: ...}` to its file and declare it under another name"
            )
        rows = best_results(plan, ledger.state, open_sweep.tasks, best)
        if_empty = unreported(plan, ledger.state) or "no task is done yet"
        if not rows and (output is not None or form != "table"):
            tell(f"note: {one_line(if_empty)}")
    if output is not None:
        if form == "table":
            raise UserError("--format table is for the terminal; for a file, use --format csv")
        formats.write(rows, output, form, replace=force)
        tell(f"{counted(len(rows), 'result')} written to {output}")
    elif form == "table":
        _print_table(sweep, rows, if_empty)
    elif form in formats.TEXT_FORMATS:
        for text in formats.as_text(rows, form):
            print(for_screen(text), end="")
    else:
        file = shlex.quote(f"{sweep}.{form}")
        raise UserError(f"{form} is a binary format; give an output file: -o {file}")
    for sentence in open_sweep.tasks.damage():  # of the files that were read for the rows
        tell(f"note: {one_line(sentence)}")


def _print_table(sweep: str, rows: "Collection[Result]", if_empty: str) -> None:
    """Print a table, or `if_empty` if there are no rows.

    A terminal that is too narrow gets fewer columns; a file or pipe gets all.
    """
    from rich.console import Console
    from rich.table import Table

    from colabctl.views.results import table

    if not rows:
        print(plain(one_line(if_empty)))
        return
    columns, lines = table(rows)
    omitted = {"index", "worker", "finished_at"} | (
        {"error"} if not any(row.error for row in rows) else set()
    )
    visible = [number for number, name in enumerate(columns) if name not in omitted]
    cells = [[_cell(value) for value in line] for line in (columns, *lines)]
    widths = [max(map(len, column)) + 2 for column in zip(*cells, strict=True)]
    screen = Console()
    hidden: list[str] = []
    for name in _FIRST_HIDDEN if screen.is_terminal else ():
        if sum(widths[number] for number in visible) > screen.width:
            hidden.append(name)
            visible.remove(columns.index(name))
    shown = Table(box=None)
    for number in visible:
        shown.add_column(styled(columns[number]))
    for line in cells[1:]:
        shown.add_row(*(styled(line[number]) for number in visible))
    Console(width=_NO_WRAP).print(shown)
    if hidden:
        export = command_line("results", sweep, "-o", f"{sweep}.csv")
        tell(f"hidden to fit the terminal: {', '.join(hidden)}; all columns: {export}")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return cut(f"{value:.6g}" if isinstance(value, float) else str(value))
