"""The line on a sweep that its loop keeps up to date, in a real kernel and in a real script."""

from collections.abc import Generator
from contextlib import nullcontext
from typing import cast

import nbclient
import nbformat
import pytest

from colabctl.ledger import task_name
from colabctl.report.line import with_line
from colabctl.task import Assignment, Recorder, Task
from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project

LOOP = """\
import colabctl
space = {"x": [1, 2, 3], "odd": ["\\x1b[31m", "b"]}
sweep = colabctl.open().sweep("s", space, metric={"name": "y", "goal": "minimize"})
for task in sweep.tasks():
    with task:
        task.done(y=task.params["x"])
"""


def outputs_of(project: Project, source: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Run a cell in a kernel as the member ana; return what it shows."""
    monkeypatch.setenv("COLABCTL_ROOT", str(project.root))
    monkeypatch.setenv("COLABCTL_MEMBER", "ana")
    cell = nbformat.v4.new_code_cell(source)  # type: ignore[no-untyped-call]
    notebook = nbformat.v4.new_notebook(cells=[cell])  # type: ignore[no-untyped-call]
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    return [
        output.get("data", {}).get("text/plain", output.get("text", ""))
        for output in notebook.cells[0].outputs
    ]


def test_a_cell_has_one_line_that_ends_as_the_sweep_does(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    [line] = outputs_of(project, LOOP, monkeypatch)
    assert line.startswith("s: 6/6, best y 1 (t00000")
    assert "odd=<U+001B>[31m" in line
    assert "\x1b" not in line


def test_the_line_is_current_when_the_loop_is_left(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    [line] = outputs_of(project, f"{LOOP}    break\n", monkeypatch)
    assert line.startswith("s: 1/6")


def test_a_short_script_stays_quiet(project: Project) -> None:
    answer = project.python(LOOP)
    assert (answer.code, answer.out, answer.err) == (0, "", "")


def test_a_script_prints_a_line_each_ten_seconds_and_less_often_later(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0

    def tasks() -> Generator[Task]:
        nonlocal now
        for index in range(600):
            now += 1.0
            task = Assignment("s", task_name(index), index, 1, {}, "")
            yield Task(task, cast("Recorder", None))

    project.declare("s", "method: grid\nparameters: {x: {values: [1, 2]}}\n")
    sweep = OpenSweep.named(project.config({}).layout, "s")
    for _ in with_line(sweep, tasks(), lock=nullcontext, monotonic=lambda: now):
        pass
    numbers = [int(line.split()[-3][1:]) for line in capsys.readouterr().err.splitlines()]
    assert numbers[:3] == [9, 19, 29]
    assert 30 < len(numbers) < 45
    assert numbers[-1] - numbers[-2] > 20
