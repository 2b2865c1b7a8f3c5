"""The command that brings all results together."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Root, Sweep, open_project, talk
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.views.results import Result


def results(
    sweep: Sweep,
    best: Annotated[
        int | None, typer.Option("--best", min=1, help="Only the N best by the sweep's metric.")
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help="table, csv, json, jsonl, sqlite or parquet; else by FILE's ending."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write to a file.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace FILE even if it holds something else.")
    ] = False,
    root: Root = None,
) -> None:
    """Show or write all results of a sweep: one row for each finished task."""
    from colabctl.project.sweeps import find_sweep
    from colabctl.views import formats
    from colabctl.views.results import best_results
    from colabctl.views.results import results as rows_of
    from colabctl.work.sweep import OpenSweep

    wanted = form or (formats.format_of(output) if output else "table")
    if wanted not in ("table", *formats.FORMATS):
        known = ", ".join(("table", *formats.FORMATS))
        raise UserError(f"--format {wanted}: unknown; choose one of {known}")
    layout, _ = open_project(root)
    opened = OpenSweep.at(layout.root, find_sweep(layout, sweep))
    opened.ledger.refresh()
    for damage in opened.ledger.damage:
        talk(f"note: {damage}")
    rows = rows_of(opened.ledger.book, opened.tasks)
    if best is not None:
        if opened.plan.metric is None:
            raise UserError(
                f"sweep {sweep} names no metric, so none is best; "
                "add `metric: {name: ..., goal: ...}` to its file and declare it under a new name"
            )
        rows = best_results(rows, opened.plan, best)
    if output is not None:
        if wanted == "table":
            raise UserError("--format table is for the screen; choose csv for a file")
        formats.write(rows, output, wanted, replace=force)
        talk(f"{len(rows)} results written to {output}")
    elif wanted == "table":
        _print(rows)
    elif wanted in formats.TEXT_FORMATS:
        print(formats.as_text(rows, wanted), end="")
    else:
        raise UserError(f"{wanted} is no text; say where to write it: -o {sweep}.{wanted}")


def _print(rows: "Sequence[Result]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from colabctl.views.results import table

    if not rows:
        print("no task is finished yet")
        return
    columns, lines = table(rows)
    hidden = {"index", "worker", "finished_at"} | (
        {"error"} if not any(r.error for r in rows) else set()
    )
    kept = [place for place, name in enumerate(columns) if name not in hidden]
    shown = Table(box=None)
    for place in kept:
        shown.add_column(Text(columns[place]))
    for line in lines:
        shown.add_row(*(Text(_cell(line[place])) for place in kept))
    Console().print(shown)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
