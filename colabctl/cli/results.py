"""The command that brings all results together."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Root, Sweep, open_project, tell
from colabctl.cli.terminal import counted, cut, for_screen, one_line, plain, styled
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.ledger import Plan, SweepState
    from colabctl.views.results import Result

_ENDLESS = 100_000  # characters; a table of this width is never cut
_MOST_NAMES = 10  # of metrics
_FIRST_TO_GO = ("member", "attempt", "seconds")


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
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace FILE even if colabctl did not write it."),
    ] = False,
    root: Root = None,
) -> None:
    """Print the results of a sweep or write them to a file, one row per finished task."""
    from colabctl.project.sweeps import find_sweep
    from colabctl.views import formats
    from colabctl.views.results import best_results
    from colabctl.views.results import results as rows_of
    from colabctl.work.open_sweep import OpenSweep

    wanted = form or (formats.format_of(output) if output else "table")
    if wanted not in ("table", *formats.FORMATS):
        known = ", ".join(("table", *formats.FORMATS))
        raise UserError(f"--format {wanted}: unknown; choose one of {known}")
    layout, _ = open_project(root)
    opened = OpenSweep.at(layout.root, find_sweep(layout, sweep))
    opened.ledger.refresh()
    for damage in opened.ledger.damage:
        tell(f"note: {one_line(str(damage))}")
    rows = rows_of(opened.ledger.state, opened.tasks)
    nothing = "no task is finished yet"
    if best is not None:
        if opened.plan.metric is None:
            raise UserError(
                f"sweep {sweep} names no metric, so none is best; "
                "add `metric: {name: ..., goal: ...}` to its file and declare it under a new name"
            )
        rows = best_results(rows, opened.plan, best)
        nothing = unreported(opened.plan, opened.ledger.state) or "no task is done yet"
        if not rows and (output is not None or wanted != "table"):
            tell(f"note: {one_line(nothing)}")
    if output is not None:
        if wanted == "table":
            raise UserError("--format table is for the screen; choose csv for a file")
        formats.write(rows, output, wanted, replace=force)
        tell(f"{counted(len(rows), 'result')} written to {output}")
    elif wanted == "table":
        _print(sweep, rows, nothing)
    elif wanted in formats.TEXT_FORMATS:
        print(for_screen(formats.as_text(rows, wanted)), end="")
    else:
        file = shlex.quote(f"{sweep}.{wanted}")
        raise UserError(f"{wanted} is no text; say where to write it: -o {file}")


def unreported(plan: "Plan", state: "SweepState") -> str | None:
    """Return what to say if done tasks have reported metrics, and never the sweep's own."""
    done = [
        task.outcome.body.get("metrics", {})
        for task in state.tasks
        if task.status == "done" and task.outcome is not None
    ]
    if plan.metric is None or not done or any(plan.value_of(each) is not None for each in done):
        return None
    names = list(dict.fromkeys(name for metrics in done for name in metrics))
    if plan.metric in names:
        return f"no task reported a number as {cut(plan.metric)}"
    more = ["..."] if len(names) > _MOST_NAMES else []
    told = ", ".join([*map(cut, names[:_MOST_NAMES]), *more])
    return f"no task reported {cut(plan.metric)}; reported were: {told or 'none'}"


def _print(sweep: str, rows: "Sequence[Result]", nothing: str) -> None:
    """Print a table, or `nothing` if it has no rows.

    A terminal too narrow for it gets fewer columns; a file or pipe gets all.
    """
    from rich.console import Console
    from rich.table import Table

    from colabctl.views.results import table

    if not rows:
        print(plain(one_line(nothing)))
        return
    columns, lines = table(rows)
    hidden = {"index", "worker", "finished_at"} | (
        {"error"} if not any(r.error for r in rows) else set()
    )
    kept = [place for place, name in enumerate(columns) if name not in hidden]
    cells = [[_cell(line[place]) for place in range(len(columns))] for line in (columns, *lines)]
    widths = [max(len(line[place]) for line in cells) + 2 for place in range(len(columns))]
    screen = Console()
    left_out: list[str] = []
    for name in _FIRST_TO_GO if screen.is_terminal else ():
        if sum(widths[place] for place in kept) > screen.width:
            left_out.append(name)
            kept.remove(columns.index(name))
    shown = Table(box=None)
    for place in kept:
        shown.add_column(styled(columns[place]))
    for line in cells[1:]:
        shown.add_row(*(styled(line[place]) for place in kept))
    Console(width=_ENDLESS).print(shown)
    if left_out:
        typed = shlex.join(["colabctl", "results", sweep, "-o", f"{sweep}.csv"])
        tell(f"left out for want of room: {', '.join(left_out)}; all columns: {typed}")


def _cell(value: object) -> str:
    if value is None:
        return ""
    return cut(f"{value:.6g}" if isinstance(value, float) else str(value))
