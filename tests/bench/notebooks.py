"""Tasks per second of an empty parametrised notebook: papermill, a fresh and a warm kernel.

    pip install papermill ipykernel
    python -m tests.bench.notebooks [--tasks 50] [--repeats 3] [--papermill PYTHON]

papermill  one execute_notebook for each task, all in one process
fresh      our runner with a new kernel for each task
warm       our runner with one kernel; its start is counted
memory     of our process and its warm kernel together, after ten times the tasks over after them

Each tool runs in a process of its own, to which importing it is not charged; the tools take turns
within a repeat, so that a slow spell of the machine falls on all of them. `--papermill` names the
interpreter of an environment that has it, where this one has not.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

import psutil  # type: ignore[import-untyped]
from rich import box
from rich.console import Console
from rich.progress import track
from rich.table import Table

from colabctl.notebook.kernel_options import KernelOptions
from colabctl.run.notebook.runner import Runner
from colabctl.task import Assignment, Task

TARGETS = {"warm": 20.0, "fresh": 1.1}  # times papermill's rate
MOST_MEMORY = 1.3  # after 500 tasks, over that after 50

# As simple as a notebook with parameters can be; tagged, which both tools know.
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": name,
            "metadata": {"tags": tags},
            "outputs": [],
            "source": source,
        }
        for name, tags, source in (("parameters", ["parameters"], "x = 0"), ("body", [], "x"))
    ],
    "metadata": {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}

# Run by an interpreter that need not have colabctl.
PAPERMILL = """
import json, sys, time
import papermill
source, out, tasks = sys.argv[1], sys.argv[2], int(sys.argv[3])
start = time.perf_counter()
for x in range(tasks):
    papermill.execute_notebook(source, out, {"x": x}, progress_bar=False)
print(json.dumps({"seconds": time.perf_counter() - start}))
"""


class _Silent:
    """A recorder: empty tasks tell nothing."""

    def report(self, step: float | None, values: dict[str, Any]) -> None: ...

    def should_stop(self) -> bool:
        return False

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None: ...

    def done(self, metrics: dict[str, Any]) -> None: ...

    def failed(self, error: BaseException) -> None:
        raise error


def ours(source: Path, place: Path, tasks: int, *, fresh: bool) -> dict[str, float]:
    """Run tasks in this process and give the seconds.

    With a warm kernel also the bytes held `before`, after so many tasks, and `after`, after ten
    times as many.
    """

    def run(first: int, last: int) -> None:
        for index in range(first, last):
            folder = str(place / "runs" / str(index))
            assignment = Assignment("bench", f"t{index:06d}", index, 1, {"x": index}, folder)
            task = Task(assignment, _Silent())
            run_one(task.params, task)

    start = time.perf_counter()
    with closing(Runner(source, place, KernelOptions(fresh=fresh))) as run_one:
        run(0, tasks)
        seconds = time.perf_counter() - start
        if fresh:
            return {"seconds": seconds}
        before = _memory()
        run(tasks, 10 * tasks)
        return {"seconds": seconds, "before": before, "after": _memory()}


def _memory() -> float:
    """Bytes that this process and its children hold: memory shared by several counts in parts."""
    this = psutil.Process()
    family = [this, *this.children(recursive=True)]
    return float(sum(process.memory_full_info().pss for process in family))


def measured(command: list[str]) -> dict[str, float]:
    """Run a process that measures; raise RuntimeError with what it said if it fails."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COLABCTL_")}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise RuntimeError(f"{command[:3]} exited {ran.returncode}:\n{ran.stderr[-2000:]}")
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure what the command line asks for and print the table."""
    parser = argparse.ArgumentParser(description="Empty notebooks per second, beside papermill.")
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--papermill", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--only", choices=["warm", "fresh"], help=argparse.SUPPRESS)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        place = Path(scratch)
        source = place / "MAIN.ipynb"
        source.write_text(json.dumps(NOTEBOOK))
        if asked.only:  # in the process that a tool has for itself
            found = ours(source, place, asked.tasks, fresh=asked.only == "fresh")
            print(json.dumps(found))
            return
        compare(source, asked.tasks, asked.repeats, asked.papermill)


def compare(source: Path, tasks: int, repeats: int, papermill: str) -> None:
    """Let the tools take turns, and print what they took."""
    itself = [sys.executable, "-m", "tests.bench.notebooks", "--tasks", str(tasks), "--only"]
    out = str(source.with_name("out.ipynb"))
    tools: dict[str, Callable[[], dict[str, float]]] = {
        "papermill": lambda: measured([papermill, "-c", PAPERMILL, str(source), out, str(tasks)]),
        "fresh": lambda: measured([*itself, "fresh"]),
        "warm": lambda: measured([*itself, "warm"]),
    }
    found: dict[str, list[dict[str, float]]] = {name: [] for name in tools}
    for _ in track(range(repeats), "measuring", console=Console(stderr=True)):
        for name, measure in tools.items():
            found[name].append(measure())

    rates = {name: tasks / median(each["seconds"] for each in found[name]) for name in tools}
    table = Table(box=box.MARKDOWN)
    for heading in ("", "tasks/s", "times papermill", "target"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, rate in rates.items():
        target = f"{TARGETS[name]:g}" if name in TARGETS else ""
        table.add_row(name, f"{rate:.2f}", f"{rate / rates['papermill']:.2f}", target)
    console = Console()
    if not console.is_terminal:
        console.width = 120
    console.print(
        f"{tasks} tasks, median of {repeats}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {platform.system()}",
        highlight=False,
    )
    console.print(table)
    before, after = (median(each[when] for each in found["warm"]) for when in ("before", "after"))
    console.print(
        f"memory after {tasks} tasks {before / 1e6:.1f} MB, after {10 * tasks} {after / 1e6:.1f} MB, "
        f"{after / before:.2f} times (at most {MOST_MEMORY})",
        highlight=False,
    )


if __name__ == "__main__":
    main()
