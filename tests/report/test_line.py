"""The line on a sweep that its loop keeps up to date, in a real kernel and in a real script."""

import nbclient
import nbformat
import pytest

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


def test_a_script_prints_a_line_now_and_then_on_stderr(project: Project) -> None:
    answer = project.python(LOOP)
    assert (answer.code, answer.out) == (0, "")
    assert answer.err.startswith("colabctl: s: 0/6; t00000")
    assert answer.err.count("\n") == 1
