"""Runs `colabctl demo`: a complete project on real data, step by step."""

import csv
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from colabctl.declare import declare
from colabctl.errors import UserError
from colabctl.preview import draft
from colabctl.project import raw
from colabctl.project.approvals import approvals_for
from colabctl.project.config import load
from colabctl.project.create import create
from colabctl.project.layout import Layout, SweepLayout
from colabctl.project.notebooks.wheel import place_wheel
from colabctl.project.root import is_project
from colabctl.report.page import has_plotly
from colabctl.report.write import write_page
from colabctl.sharedfs.links import check_inside
from colabctl.views.results import Result, Results
from colabctl.views.results.content import View, content
from colabctl.views.results.names import Names
from colabctl.views.results.write import write
from colabctl.work.open_sweep import OpenSweep

MEMBERS = ("ana", "ben")
DATASETS = ("iris", "wine", "breast_cancer", "digits")
_USUAL_TRIALS = 10
_HERE = Path(__file__).parent


def run(root: Path, trials: int) -> None:
    """Create the project in `root` if it does not exist, run its sweep, and show the results.

    Raises UserError if scikit-learn is not installed, or if `root` contains anything else.
    """
    console = Console(stderr=True, highlight=False)
    _check_sklearn()
    if root.exists() and not is_project(root) and any(root.iterdir()):
        raise UserError(f"{root} is not empty; choose a new folder: colabctl demo DIR")
    create(root, "demo", MEMBERS[0], MEMBERS)
    config = load(root, {})
    layout = config.layout
    place_wheel(layout)
    console.print(
        f"[bold]1[/] a project with two members, {' and '.join(MEMBERS)}: {escape(str(root))}"
    )
    _write_data(layout)
    protection = raw.protect(layout, layout.raw)
    console.print(f"[bold]2[/] raw data, protected: {protection.files} files in data/raw")
    for name in ("train.py", "sweep.yaml"):
        target = layout.member_notebooks(MEMBERS[0]) / name
        check_inside(target, root)
        _copy(_HERE / name, target)
    file = layout.member_notebooks(MEMBERS[0]) / "sweep.yaml"
    declared = declare(
        draft(file.read_bytes(), str(file), trials=trials),
        layout,
        config,
        name="demo" if trials == _USUAL_TRIALS else f"demo-{trials}",
        member=MEMBERS[0],
        now=time.time(),
        approvals=approvals_for(root, os.environ),
        file=file,
    )
    plan = declared.plan
    console.print(
        f"[bold]3[/] a sweep of {plan.total} tasks: 3 models x 4 data sets x {trials} trials"
    )
    console.print("[bold]4[/] two workers, as if on two machines")
    with _workers(layout, plan.sweep) as workers:
        _watch(layout, declared.layout, workers, console)
    open_sweep = OpenSweep.at(root, declared.layout)
    open_sweep.ledger.refresh()
    state, tasks = open_sweep.ledger.state, open_sweep.tasks
    rows = Results(plan, state, tasks)
    database = layout.member_results(MEMBERS[0]) / f"{plan.sweep}.sqlite"
    write(content(View(), plan, state, rows, Names(plan, tasks, rows)), database, "sqlite")
    page = database.with_suffix(".html")
    if has_page := has_plotly():
        write_page([open_sweep], page)
    _conclude(list(rows), root, database, plan.sweep, page if has_page else None)


def _check_sklearn() -> None:
    from importlib.util import find_spec  # noqa: PLC0415 - only needed here

    if find_spec("sklearn") is None:
        raise UserError("the demo needs scikit-learn: pip install scikit-learn")


def _write_data(layout: Layout) -> None:
    """Write the data sets that ship inside scikit-learn as CSV files, once."""
    missing = [name for name in DATASETS if not (layout.raw / f"{name}.csv").exists()]
    if not missing:
        return
    from sklearn import datasets  # noqa: PLC0415 - an extra

    for name in missing:
        data = getattr(datasets, f"load_{name}")()
        path = layout.raw / f"{name}.csv"
        check_inside(path, layout.root)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*data.feature_names, "class"])
            for features, target in zip(data.data, data.target, strict=True):
                writer.writerow([*map(float, features), data.target_names[target]])


def _copy(source: Path, target: Path) -> None:
    if not target.exists():
        target.write_bytes(source.read_bytes())


@contextmanager
def _workers(layout: Layout, sweep: str) -> "Iterator[list[subprocess.Popen[bytes]]]":
    """Start one worker for each member; terminate those that are still running on exit."""
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COLABCTL_") or name == "COLABCTL_APPROVALS"
    }
    environ |= {"OMP_NUM_THREADS": "1"}  # two workers share the machine's cores
    with tempfile.TemporaryFile() as log:
        workers = [
            subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-P", "-m", "colabctl", "work", sweep,
                 "--root", str(layout.root), "--member", member],
                stdout=log, stderr=log, env=environ,
            )
            for member in MEMBERS
        ]  # fmt: skip
        try:
            yield workers
            if any(worker.wait() for worker in workers):
                log.seek(0)
                raise UserError(f"a worker failed:\n{log.read().decode(errors='replace').strip()}")
        finally:
            for worker in workers:
                if worker.poll() is None:
                    worker.terminate()
                    worker.wait()


def _watch(
    layout: Layout,
    sweep: SweepLayout,
    workers: "list[subprocess.Popen[bytes]]",
    console: Console,
) -> None:
    """Show progress until all workers have ended."""
    ledger = OpenSweep.at(layout.root, sweep).ledger
    state = ledger.state
    with Progress(
        TextColumn("  "), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as progress:
        bar = progress.add_task("", total=state.total)
        while any(worker.poll() is None for worker in workers):
            ledger.refresh()
            progress.update(bar, completed=state.finished)
            time.sleep(0.2)
        ledger.refresh()
        progress.update(bar, completed=state.finished)


def _conclude(
    rows: list[Result], root: Path, database: Path, sweep: str, page: Path | None
) -> None:
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in rows:
        if row.status == "done":
            scores[row.params["model"], row.params["dataset"]].append(row.metrics["accuracy"])
    table = Table(title="accuracy, best (mean)", title_justify="left", box=None, pad_edge=False)
    table.add_column("model")
    for dataset in DATASETS:
        table.add_column(dataset, justify="right")
    for model in dict.fromkeys(model for model, _ in scores):
        cells = [scores[model, dataset] for dataset in DATASETS]
        table.add_row(
            model, *(f"{max(c):.3f} ({sum(c) / len(c):.3f})" if c else "-" for c in cells)
        )
    console = Console(highlight=False)
    console.print()
    console.print(table)
    inside = root.is_relative_to(Path.cwd())
    folder = shlex.quote(str(root.relative_to(Path.cwd()) if inside else root))
    colabctl = _as_called()
    print(f"\nall results: {database}")
    if page is not None:
        print(f"a page of figures, for any browser: {page}")
    else:
        print(f"for a page of figures: pip install plotly, then {colabctl} report {sweep}")
    print("\ntry next:")
    print(f"  {colabctl} results {sweep} --best 5 --root {folder}")
    print(f"  {colabctl} status {sweep} --root {folder}")
    print(f"  {colabctl} verify --root {folder}")


def _as_called() -> str:
    """Return how the reader called this command: by name if it is on the path."""
    program = Path(sys.argv[0])
    if program.stem == "__main__":
        return shlex.join([sys.executable, "-m", "colabctl"])
    on_path = shutil.which("colabctl")
    if on_path and Path(on_path).resolve() == program.resolve():
        return "colabctl"
    return shlex.quote(sys.argv[0])
