"""A notebook as the program of a sweep, from its declaration to its results, by the command."""

from typing import Any

import nbformat
import pytest

from tests.processes import Project, end

pytest.importorskip("ipykernel")

SWEEP = """
method: grid
program: MAIN.ipynb
metric: {name: loss}
max_retries: 0
parameters: {lr: {values: [0.1, 0.2]}, layers: {values: [1, 2, 3]}}
"""


def notebook(*cells: str) -> str:
    node: Any = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells]  # type: ignore[no-untyped-call]
    )
    text: str = nbformat.writes(node)  # type: ignore[no-untyped-call]
    return text


MAIN = notebook(
    "import colabctl, os\nset_up = os.getpid()",
    "# parameters\nlr = 0.5\nlayers = 0",
    "task = colabctl.task()\ntask.report(step=1, loss=lr)",
    "if layers == 3:\n    raise ValueError('three is too many')",
    "assert 'seen' not in globals()\nseen = True\ntask.done(loss=lr * layers, kernel=set_up)",
)


def test_a_notebook_with_a_parameters_cell_runs_once_for_each_task(project: Project) -> None:
    project.declare("main", SWEEP, MAIN)
    worked = project.run("work", "main")
    assert worked.code == 1, worked.err
    rows = project.results("main")
    assert [row["status"] for row in rows] == ["done"] * 4 + ["failed"] * 2
    for row in rows[:4]:
        assert row["metrics"]["loss"] == row["params"]["lr"] * row["params"]["layers"]
    assert len({row["metrics"]["kernel"] for row in rows[:4]}) == 1  # one warm kernel
    assert rows[4]["error"] == "cell 4: ValueError: three is too many"
    output = project.events("main", "failed")[0]["output"]
    assert output.splitlines()[-1] == "ValueError: three is too many"
    executed = list(project.root.glob("sweeps/main/runs/*/*/*/*/executed.ipynb"))
    assert len(executed) == 2
    assert "three is too many" in executed[0].read_text()
    assert {report["values"]["loss"] for report in project.reports("main")} == {0.1, 0.2}


@pytest.mark.parametrize(
    ("above", "reason"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("import sys; sys.exit()", "sys.exit() above the parameters cell"),
        ("import os; os._exit(3)", "the kernel ended with exit code 3"),
    ],
)
def test_cells_above_the_parameters_that_fail_stop_the_worker_and_no_task_is_blamed(
    project: Project, above: str, reason: str
) -> None:
    project.declare(
        "main", SWEEP, notebook("print('looking')", above, "# parameters\nlr = layers = 0")
    )
    worked = project.run("work", "main")
    assert worked.code == 1
    assert "looking" in worked.err
    last = worked.err.splitlines()[-1]
    assert last.startswith("colabctl: the code cannot be loaded: MAIN.ipynb: cell 2: ")
    assert reason in last
    assert project.status("main")["pending"] == 6
    assert project.events("main", "failed") == []


def test_a_notebook_that_loops_is_run_once_and_claims_its_tasks(project: Project) -> None:
    loop = notebook(
        "import colabctl\nsweep = colabctl.open().sweep('main')",
        "for task in sweep.tasks():\n    with task:\n        task.done(y=task.params['lr'])",
    )
    project.declare("main", SWEEP, loop)
    worked = project.run("work", "main")
    assert worked.code == 0, worked.err
    assert "ran 6 tasks: 6 done, 0 failed; the sweep is finished" in worked.err
    assert {row["metrics"]["y"] for row in project.results("main")} == {0.1, 0.2}


LOOP = notebook(
    "import colabctl\nsweep = colabctl.open().sweep('main')",
    "for task in sweep.tasks():\n    with task:\n        task.done(y=1)",
)


def test_a_loop_heeds_max_tasks_and_the_rest_is_free(project: Project) -> None:
    project.declare("main", SWEEP, LOOP)
    worked = project.run("work", "main", "--max-tasks", "2")
    assert worked.err.endswith(
        "ran 2 tasks: 2 done, 0 failed; reached --max-tasks; next: colabctl work main\n"
    )
    assert project.status("main")["pending"] == 4


def test_a_loop_ends_at_max_time_and_gives_back_what_it_holds(project: Project) -> None:
    endless = notebook(
        "import colabctl, time\nfor task in colabctl.open().sweep('main').tasks():\n"
        "    with task:\n        time.sleep(600)"
    )
    project.declare("main", SWEEP, endless)
    worked = project.run("work", "main", "--max-time", "3s")
    assert (
        "ran 0 tasks: 0 done, 0 failed; reached --max-time; next: colabctl work main\n"
        in worked.err
    )
    assert project.status("main")["pending"] == 6


def test_the_outcome_of_a_loop_depends_on_its_own_tasks_and_on_how_it_ended(
    project: Project,
) -> None:
    left = notebook(
        "import colabctl\nfor task in colabctl.open().sweep('main').tasks():\n"
        "    with task:\n        task.done(y=1)\n    if task.index > 1:\n        break"
    )
    project.declare("main", SWEEP + "keep_notebooks: all\n", left)
    claim = {"event": "claim", "tasks": [[0, 1]]}
    done = {"event": "done", "task": 0, "attempt": 1, "seconds": 1.0, "metrics": {}}
    project.journal("main", claim, done, writer="ben-vm-1")
    worked = project.run("work", "main")
    ran = sum(row["member"] == "ana" for row in project.results("main"))
    assert 1 <= ran < 5
    assert worked.err.splitlines()[-1] == (
        f"ran {ran} task{'s' if ran > 1 else ''}: {ran} done, 0 failed; "
        "the notebook left its loop before the sweep was finished; next: colabctl work main"
    )
    [executed] = project.root.glob("sweeps/main/runs/*/executed.ipynb")
    assert "task.done" in executed.read_text()


def test_a_loop_over_another_sweep_is_reported(project: Project) -> None:
    project.declare("other", SWEEP, LOOP.replace("'main'", "'other'"))
    project.declare("main", SWEEP, LOOP.replace("'main'", "'other'"))
    worked = project.run("work", "main")
    assert "note: MAIN.ipynb has not asked for any task of sweep main\n" in worked.err
    assert project.status("main")["pending"] == 6


def test_a_loop_that_fails_says_why(project: Project) -> None:
    loop = notebook("raise RuntimeError('no data')\nfor task in sweep.tasks(): pass")
    project.declare("main", SWEEP, loop)
    worked = project.run("work", "main")
    assert worked.code == 1
    assert "MAIN.ipynb: cell 1: RuntimeError: no data" in worked.err.splitlines()[-1]


def test_a_parameter_that_the_notebook_does_not_use_is_reported_before_anything_runs(
    project: Project,
) -> None:
    project.write("MAIN.ipynb", MAIN)
    file = project.write("main.yaml", SWEEP.replace("lr:", "rate:"))
    said = project.run("sweep", str(file))
    assert said.code == 1
    assert "cell 2, the parameters cell, does not assign rate" in said.err
    assert not (project.root / "sweeps/main").exists()


def test_a_dry_run_shows_the_cell_that_is_put_in(project: Project) -> None:
    project.write("MAIN.ipynb", MAIN)
    file = project.write("main.yaml", SWEEP)
    shown = project.run("sweep", str(file), "--dry-run").out
    assert (
        "inserted after cell 2:\n# Inserted by colabctl: the first task\nlayers = 1\nlr = 0.1\n"
        in shown
    )


def test_a_notebook_that_changed_since_is_named_by_status(project: Project) -> None:
    project.declare("main", SWEEP, MAIN)
    project.write("MAIN.ipynb", MAIN.replace("0.5", "0.6"))
    assert project.run("status", "main", "--json").json["changed"] == ["MAIN.ipynb"]


def test_without_ipykernel_a_notebook_is_refused_before_a_task_is_claimed(
    project: Project,
) -> None:
    text = "method: grid\nprogram: MAIN.ipynb\nparameters: {x: {values: [1, 2]}}\n"
    project.write("MAIN.ipynb", notebook("# parameters\nx = 0", "import colabctl"))
    project.declare("s", text)
    hidden = "import sys; sys.modules['ipykernel'] = None; from colabctl.cli import main; main()"
    worked = end(project.start_python("-c", hidden, "work", "s"))
    assert worked.code == 1
    assert worked.err == "colabctl: s: a notebook needs ipykernel; run: pip install ipykernel\n"
    assert not list((project.root / "sweeps/s/journal").iterdir())
    checks = end(project.start_python("-c", hidden, "doctor", "--json")).json
    [note] = [check for check in checks if check["fix"] == "pip install ipykernel"]
    assert (note["check"], note["level"]) == ("notebooks", "note")
