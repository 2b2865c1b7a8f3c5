"""The command that writes a declared sweep for other tools: W&B, Optuna, a spreadsheet."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import Json, Root, Sweep, open_project, print_json, tell
from colabctl.cli.terminal import counted, for_screen, one_line, plain
from colabctl.errors import UserError, nearest

if TYPE_CHECKING:
    from colabctl.work.open_sweep import OpenSweep


def export(
    sweep: Sweep,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="wandb|optuna|csv",
            help="Format: W&B sweep files, an Optuna database of the finished tasks, or a table of "
            "all tasks.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="Where to write: a folder for wandb, a file for the others.",
            show_default="SWEEP-wandb, SWEEP.optuna.db; csv is printed",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace a file even if colabctl did not write it."),
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Write a declared sweep for W&B, Optuna or a spreadsheet; print the names of the files."""
    from colabctl.project.sweeps import find_sweep
    from colabctl.work.open_sweep import OpenSweep

    if to not in _EXPORTS:
        near = nearest(to, _EXPORTS)
        hint = f"did you mean {near}?" if near else f"choose one of {', '.join(_EXPORTS)}"
        raise UserError(f"--to {to}: unknown; {hint}")
    layout, _ = open_project(root)
    opened = OpenSweep.at(layout.root, find_sweep(layout, sweep))
    if to == "csv" and output is None:
        if as_json:
            raise UserError("--json tells about files; say which to write: -o FILE")
        sys.stdout.writelines(map(for_screen, _lines(opened)))
        return
    written = _EXPORTS[to](opened, output, force)
    for note in written.notes:
        tell(f"note: {one_line(note)}")
    if as_json:
        print_json({"sweep": sweep, "to": to, **written.told, "notes": list(written.notes)})
        return
    for file in written.told["files"]:
        print(plain(one_line(file["file"])))
    tell(one_line(written.summary))


@dataclass(frozen=True)
class _Written:
    """What was written: `told` to scripts, in which `files` have a `file` each; the rest to all."""

    told: dict[str, Any]
    summary: str
    notes: Sequence[str] = ()


def _wandb(opened: "OpenSweep", output: Path | None, force: bool) -> _Written:
    from colabctl.export.wandb_files import write_sweeps
    from colabctl.export.wandb_sweeps import wandb_sweeps

    name = opened.plan.sweep
    sweeps, notes = wandb_sweeps(opened.declaration(), opened.cells(), name)
    folder = output or Path(f"{name}-wandb")
    places = write_sweeps(sweeps, folder, name, notes, replace=force)
    files = [
        {"file": str(place), "values": each.fixed, "tasks": each.tasks}
        for place, each in zip(places, sweeps, strict=True)
    ]
    return _Written(
        {"files": files},
        f"{counted(len(places), 'W&B sweep')} written to {folder}; start one: wandb sweep FILE",
        notes,
    )


def _optuna(opened: "OpenSweep", output: Path | None, force: bool) -> _Written:
    from colabctl.export.optuna_database import write_studies
    from colabctl.export.optuna_studies import studies

    plan = opened.plan
    _refresh(opened)
    file = output or Path(f"{plan.sweep}.optuna.db")
    found = studies(plan, opened.cells(), opened.ledger.state, opened.tasks)
    finished = opened.ledger.state.finished
    counts = write_studies(found, file, plan, replace=force, progress=_progress(finished))
    return _Written(
        {
            "files": [{"file": str(file)}],
            "studies": [{"study": name, "trials": count} for name, count in counts.items()],
        },
        f"{counted(finished, 'trial')} in {counted(len(counts), 'study', 'studies')}; "
        f"look at them: optuna-dashboard {shlex.quote(f'sqlite:///{file}')}",
    )


def _csv(opened: "OpenSweep", output: Path | None, force: bool) -> _Written:
    from colabctl.export import task_table
    from colabctl.views import files

    assert output is not None
    if not force:
        files.refuse_foreign(output, task_table.is_ours, "holds no task list of colabctl")
    files.write(output, "".join(_lines(opened)).encode())
    total = opened.plan.total
    return _Written(
        {"files": [{"file": str(output)}], "tasks": total},
        f"{counted(total, 'task')} written to {output}",
    )


def _lines(opened: "OpenSweep") -> Iterator[str]:
    from colabctl.export.task_table import as_csv

    _refresh(opened)
    return as_csv(opened.plan, opened.ledger.state, opened.tasks, opened.ledger.clock.now())


_EXPORTS: dict[str, Callable[["OpenSweep", Path | None, bool], _Written]] = {
    "wandb": _wandb,
    "optuna": _optuna,
    "csv": _csv,
}


def _refresh(opened: "OpenSweep") -> None:
    opened.ledger.refresh()
    for damage in opened.ledger.damage:
        tell(f"note: {one_line(str(damage))}")


def _progress(total: int) -> Callable[[int], None]:
    """Return what tells how many trials are written, after one second and then every five."""
    due: float | None = None

    def progress(written: int) -> None:
        nonlocal due
        now = time.monotonic()
        if due is None:
            due = now + 1
        elif now >= due and written < total:
            due = now + 5
            tell(f"{written:,} of {total:,} trials written")

    return progress
