"""The command that exports a declared sweep to other tools or a spreadsheet."""

import shlex
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import (
    Force,
    Json,
    Root,
    Sweep,
    open_project,
    output_option,
    print_json,
    tell,
)
from colabctl.cli.terminal import command_line, counted, for_screen, one_line, plain
from colabctl.errors import UserError, nearest

if TYPE_CHECKING:
    from colabctl.work.open_sweep import OpenSweep


def export(
    sweep: Sweep,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="TOOL",
            help="wandb: sweep files; optuna, mlflow: a database of the finished tasks; "
            "tensorboard, trackio: a folder of them; csv: a table of all tasks.",
        ),
    ],
    output: Annotated[
        Path | None,
        output_option(
            "PATH",
            "Where to write: a folder for wandb, tensorboard and trackio, else a file.",
            "SWEEP-wandb, SWEEP.optuna.db and so on; csv is printed",
        ),
    ] = None,
    force: Force = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Export a declared sweep to another tool or a spreadsheet; print the names of the files."""
    from colabctl.work.open_sweep import OpenSweep

    if to not in _EXPORTS:
        near = nearest(to, _EXPORTS)
        hint = f"did you mean {near}?" if near else f"choose one of {', '.join(_EXPORTS)}"
        raise UserError(f"--to {to}: unknown; {hint}")
    if output == Path("-"):
        if to != "csv":
            raise UserError(f"--to {to} writes files, not to standard output; use -o FILE")
        output = None
    layout, _ = open_project(root)
    open_sweep = OpenSweep.named(layout, sweep)
    if to == "csv" and output is None:
        if as_json:
            raise UserError("--json lists the files that were written; name one with -o FILE")
        sys.stdout.writelines(map(for_screen, _lines(open_sweep)))
        for note in open_sweep.tasks.damage():
            tell(f"note: {one_line(note)}")
        return
    exported = _EXPORTS[to](open_sweep, output, force)
    for note in (*open_sweep.tasks.damage(), *exported.notes):
        tell(f"note: {one_line(note)}")
    if as_json:
        name, notes = open_sweep.plan.sweep, list(exported.notes)
        print_json({"sweep": name, "to": to, **exported.details, "notes": notes})
        return
    for file in exported.details["files"]:
        print(plain(one_line(file["file"])))
    tell(one_line(exported.summary))


@dataclass(frozen=True)
class _Export:
    """What was written; `details` are for scripts and list the `files`, each with a `file`."""

    details: dict[str, Any]
    summary: str
    notes: Sequence[str] = ()


def _wandb(sweep: "OpenSweep", output: Path | None, force: bool) -> _Export:
    from colabctl.export.wandb_files import write_sweeps
    from colabctl.export.wandb_sweeps import wandb_sweeps
    from colabctl.sharedfs.links import check_inside

    name = sweep.plan.sweep
    sweeps, notes = wandb_sweeps(
        sweep.declared.declaration(), sweep.declared.cells(), sweep.plan.title or name
    )
    folder = output or Path(f"{name}-wandb")
    check_inside(folder, sweep.root)
    paths = write_sweeps(sweeps, folder, name, notes, replace=force)
    files = [
        {"file": str(path), "values": each.fixed, "tasks": each.tasks}
        for path, each in zip(paths, sweeps, strict=True)
    ]
    return _Export(
        {"files": files},
        f"{counted(len(paths), 'W&B sweep')} written to {folder}; start one: wandb sweep FILE",
        notes,
    )


def _optuna(sweep: "OpenSweep", output: Path | None, force: bool) -> _Export:
    from colabctl.search.learn.optuna_bridge import import_optuna

    import_optuna("--to optuna")
    from colabctl.export.optuna_database import write_studies
    from colabctl.export.optuna_studies import studies
    from colabctl.sharedfs.links import check_inside

    plan = sweep.plan
    _refresh(sweep)
    file = output or Path(f"{plan.sweep}.optuna.db")
    check_inside(file, sweep.root)
    exported = studies(plan, sweep.declared.cells(), sweep.ledger.state, sweep.tasks)
    finished = sweep.ledger.state.outcomes
    counts = write_studies(exported, file, plan, replace=force, progress=_progress(finished))
    return _Export(
        {
            "files": [{"file": str(file)}],
            "studies": [{"study": name, "trials": count} for name, count in counts.items()],
        },
        f"{counted(finished, 'trial')} in {counted(len(counts), 'study', 'studies')}; "
        f"view them: optuna-dashboard {shlex.quote(f'sqlite:///{file}')}",
    )


def _tensorboard(sweep: "OpenSweep", output: Path | None, force: bool) -> _Export:
    with _needs("tensorboard", "TensorBoard"):
        from colabctl.export.tensorboard_folder import write_runs
    folder = output or Path(f"{sweep.plan.sweep}-tensorboard")
    return _write_runs(
        sweep, folder, force, write_runs, f"tensorboard --logdir {shlex.quote(str(folder))}"
    )


def _mlflow(sweep: "OpenSweep", output: Path | None, force: bool) -> _Export:
    with _needs("mlflow", "MLflow"):
        from colabctl.export.mlflow_database import write_runs
    file = output or Path(f"{sweep.plan.sweep}.mlflow.db")
    view = f"mlflow ui --backend-store-uri {shlex.quote(f'sqlite:///{file}')}"
    return _write_runs(sweep, file, force, write_runs, view)


def _trackio(sweep: "OpenSweep", output: Path | None, force: bool) -> _Export:
    with _needs("trackio", "Trackio"):
        from colabctl.export.trackio_folder import write_runs
    folder = output or Path(f"{sweep.plan.sweep}-trackio")
    view = f"TRACKIO_DIR={shlex.quote(str(folder))} trackio show"
    return _write_runs(sweep, folder, force, write_runs, view)


@contextmanager
def _needs(package: str, name: str) -> "Iterator[None]":
    """Raise UserError, with the fix, if a module that is imported in the block is missing."""
    try:
        yield
    except ImportError as error:
        raise UserError(
            f"--to {package} needs {name} ({error}); run: pip install {package}"
        ) from None


def _write_runs(
    sweep: "OpenSweep", output: Path, force: bool, write_runs: Callable[..., int], view: str
) -> _Export:
    """Write the finished tasks with `write_runs`; `view` is the command that shows them."""
    from colabctl.export.runs import runs
    from colabctl.sharedfs.links import check_inside

    plan = sweep.plan
    _refresh(sweep)
    check_inside(output, sweep.root)
    state = sweep.ledger.state
    if not state.outcomes:
        raise UserError(
            f"no task of {plan.sweep} has finished yet, so there is nothing to export; see: "
            f"{command_line('status', plan.sweep)}"
        )
    exported = runs(plan, state, sweep.tasks)
    count = write_runs(exported, output, plan, replace=force, progress=_progress(state.outcomes))
    return _Export(
        {"files": [{"file": str(output)}], "runs": count},
        f"{counted(count, 'run')}; view them: {view}",
    )


def _csv(sweep: "OpenSweep", output: Path | None, force: bool) -> _Export:
    from colabctl.export import task_table
    from colabctl.sharedfs.links import check_inside
    from colabctl.views import files

    assert output is not None
    check_inside(output, sweep.root)
    if not force:
        files.refuse_foreign(output, task_table.is_ours, "does not hold a task list from colabctl")
    files.write(output, "".join(_lines(sweep)).encode())
    total = sweep.plan.total
    return _Export(
        {"files": [{"file": str(output)}], "tasks": total},
        f"{counted(total, 'task')} written to {output}",
    )


def _lines(sweep: "OpenSweep") -> Iterator[str]:
    from colabctl.export.task_table import as_csv

    _refresh(sweep)
    return as_csv(sweep.plan, sweep.ledger.state, sweep.tasks, sweep.ledger.clock.now())


_EXPORTS: dict[str, Callable[["OpenSweep", Path | None, bool], _Export]] = {
    "wandb": _wandb,
    "optuna": _optuna,
    "mlflow": _mlflow,
    "tensorboard": _tensorboard,
    "trackio": _trackio,
    "csv": _csv,
}


def _refresh(sweep: "OpenSweep") -> None:
    sweep.ledger.refresh()
    for damage in sweep.ledger.damage:
        tell(f"note: {one_line(str(damage))}")


def _progress(total: int) -> Callable[[int], None]:
    """Return a callback that reports the tasks written, after one second and then every five."""
    due: float | None = None

    def progress(written: int) -> None:
        nonlocal due
        now = time.monotonic()
        if due is None:
            due = now + 1
        elif now >= due and written < total:
            due = now + 5
            tell(f"{written:,} of {total:,} tasks written")

    return progress
