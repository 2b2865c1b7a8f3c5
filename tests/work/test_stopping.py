"""Tasks that fall behind others are stopped early; a metric that reaches its target ends a sweep."""

from typing import Any

import pytest

from tests.processes import PATIENCE, Project, end, until

SWEEP = """
method: grid
program: {program}
metric: {{name: loss, goal: minimize}}
early_terminate: {{type: hyperband, min_iter: 3, eta: 2}}
parameters: {{x: {{values: [0, 1, 2, 3, 4]}}}}
"""

PATIENT = """
import time

def train(params, task):
    for step in range(9):
        if task.report(step=step, loss=1.0, other=step):
            return {"stopped_at": step}
    return {"loss": 1.0}
"""


def peers(project: Project, sweep: str, loss: float = 0.0) -> None:
    """Write the journal of a worker that has done tasks 1 to 4, all with the same loss."""
    events: list[dict[str, Any]] = []
    for task in range(1, 5):
        reports = [[step, {"loss": loss}] for step in range(9)]
        task_parts = {"task": task, "attempt": 1}
        events += [
            {"event": "claim", "tasks": [[task, 1]]},
            {"event": "report", **task_parts, "reports": reports},
            {"event": "done", **task_parts, "seconds": 1.0, "metrics": {"loss": loss}},
        ]
    project.journal(sweep, *events, writer="ben-vm-1")


def test_a_function_learns_from_its_report_that_it_falls_behind(project: Project) -> None:
    project.declare("behind", SWEEP.format(program="train.py:train"), PATIENT)
    peers(project, "behind")
    worked = project.run("work", "behind")
    assert worked.code == 0, worked.err
    assert "ran 1 task: 0 done, 1 pruned, 0 failed" in worked.err
    row = project.results("behind")[0]
    assert row["status"] == "pruned"
    # the third report is the first that is compared, and its answer comes with it
    assert row["metrics"] == {"loss": 1.0, "other": 2, "stopped_at": 2}
    assert [report["step"] for report in project.reports("behind") if not report["task"]] == [
        0,
        1,
        2,
    ]
    assert project.status("behind")["pruned"] == 1


def test_who_does_not_fall_behind_is_left_alone(project: Project) -> None:
    project.declare("level", SWEEP.format(program="train.py:train"), PATIENT)
    peers(project, "level", loss=1.0)
    assert project.run("work", "level").code == 0
    assert [row["status"] for row in project.results("level")] == ["done"] * 5


def test_should_stop_asks_between_reports(project: Project) -> None:
    program = """
def train(params, task):
    for step in range(9):
        task.report(step=step, loss=1.0)
        if task.should_stop():
            return {"asked_at": step}
"""
    project.declare("ask", SWEEP.format(program="train.py:train"), program)
    peers(project, "ask")
    assert project.run("work", "ask").code == 0
    assert project.results("ask")[0]["metrics"] == {"loss": 1.0, "asked_at": 2}


def test_a_function_that_continues_after_it_was_asked_to_stop_is_killed(project: Project) -> None:
    program = """
import time

def train(params, task):
    for step in range(3):
        task.report(step=step, loss=1.0)
    open("stop-seen.txt", "w").close()
    time.sleep(600)
"""
    project.declare("deaf", SWEEP.format(program="train.py:train"), program)
    peers(project, "deaf")
    worked = project.run("work", "deaf", COLABCTL_KILL_AFTER="2s")
    assert worked.code == 0, worked.err
    assert (project.root / "stop-seen.txt").exists()
    row = project.results("deaf")[0]
    assert (row["status"], row["metrics"]) == ("pruned", {"loss": 1.0})


def test_a_script_gets_the_signal_at_once_and_what_it_leaves_counts(project: Project) -> None:
    program = """
trap 'printf "{\\"saved\\": true}" > "$COLABCTL_RESULT"; exit 0' TERM
for step in 0 1 2; do
    echo '{"step": '$step', "values": {"loss": 1.0}}' >> "$COLABCTL_REPORTS"
done
sleep 600 & wait
"""
    project.declare("shell", SWEEP.format(program="train.sh"), program)
    peers(project, "shell")
    worked = project.run("work", "shell")
    assert worked.code == 0, worked.err
    row = project.results("shell")[0]
    assert (row["status"], row["metrics"]) == ("pruned", {"loss": 1.0, "saved": True})


def test_a_python_program_that_asks_ends_by_itself(project: Project) -> None:
    program = """
import colabctl, time
task = colabctl.task()
step = 0
while not task.report(step=step, loss=1.0):
    step += 1
    time.sleep(0.05)
task.done(ended="well")
"""
    project.declare("program", SWEEP.format(program="train.py"), program)
    peers(project, "program")
    worked = project.run("work", "program")
    assert worked.code == 0, worked.err
    row = project.results("program")[0]
    assert (row["status"], row["metrics"]) == ("pruned", {"loss": 1.0, "ended": "well"})


def test_the_loop_of_a_script_is_asked_to_stop_too(project: Project) -> None:
    project.declare("loop", SWEEP.replace("program: {program}\n", "").format())
    peers(project, "loop")
    ended = project.python(
        """
import colabctl
for task in colabctl.open().sweep("loop").tasks():
    with task:
        for step in range(9):
            if task.report(step=step, loss=1.0):
                break
"""
    )
    assert (ended.code, ended.err) == (0, "")
    row = project.results("loop")[0]
    assert (row["status"], row["member"], row["metrics"]) == ("pruned", "ana", {"loss": 1.0})


def test_a_pruner_of_optuna_stops_tasks_by_its_name(project: Project) -> None:
    pytest.importorskip("optuna")
    text = SWEEP.replace(
        "{{type: hyperband, min_iter: 3, eta: 2}}", "{{type: median, n_startup_trials: 2}}"
    )
    project.declare("median", text.format(program="train.py:train"), PATIENT)
    peers(project, "median")
    worked = project.run("work", "median")
    assert worked.code == 0, worked.err
    row = project.results("median")[0]
    assert (row["status"], row["metrics"]["stopped_at"]) == ("pruned", 0)


def test_an_unknown_rule_is_reported_in_one_line(project: Project) -> None:
    project.declare("damaged", SWEEP.format(program="train.py:train"), PATIENT)
    plan = project.root / "sweeps/damaged/plan.json"
    plan.write_text(plan.read_text().replace('"hyperband"', '"superband"'))
    worked = project.run("work", "damaged")
    assert worked.code == 1
    assert "its plan.json has changed: early_terminate" in worked.err.splitlines()[-1]


TARGET = """
method: grid
program: train.py:train
metric: {name: score, goal: maximize, target: 10}
parameters: {x: {values: [1, 2, 3, 10, 11, 12]}}
"""


def test_the_first_task_that_reaches_the_target_ends_the_sweep(project: Project) -> None:
    program = """
import time
def train(params, task):
    time.sleep(0.3)  # quicker tasks are claimed several at a time
    return {"score": min(params["x"], 10)}
"""
    project.declare("enough", TARGET, program)
    worked = project.run("work", "enough")
    assert worked.code == 0
    assert "the metric has reached its target" in worked.err
    status = project.status("enough")
    assert (status["state"], status["best"]["value"], status["pending"]) == ("finished", 10.0, 0)
    assert status["done"] + status["cancelled"] == 6
    assert status["cancelled"] >= 1
    again = project.run("work", "enough")
    assert "ran 0 tasks" in again.err
    assert "the metric has reached its target" in again.err


def test_a_sweep_that_has_reached_its_target_continues_after_resume(project: Project) -> None:
    program = "def train(params, task):\n    return {'score': 10}\n"
    project.declare("more", TARGET, program)
    assert project.run("work", "more").code == 0
    assert project.status("more")["done"] < 6
    resumed = project.run("resume", "more")
    assert resumed.code == 0, resumed.err
    assert project.status("more")["pending"] > 0
    assert project.run("work", "more").code == 0
    assert project.status("more")["done"] == 6


def test_tasks_that_run_elsewhere_when_the_target_is_reached_finish(project: Project) -> None:
    program = """
import time, pathlib
def train(params, task):
    pathlib.Path(f"started-{params['x']}").touch()
    awaited = pathlib.Path("go" if params["x"] == 1 else "started-1")
    while not awaited.exists():
        time.sleep(0.02)
    return {"score": params["x"]}
"""
    project.declare("slow", TARGET.replace("[1, 2, 3, 10, 11, 12]", "[1, 10]"), program)
    working = project.start("work", "slow", "--jobs", "2")
    until(lambda: project.status("slow")["done"] == 1, "the target")
    (project.root / "go").touch()
    assert working.wait(PATIENCE) == 0
    assert project.status("slow")["done"] == 2


@pytest.mark.parametrize("consistency", ["coherent", "eventual"])
def test_a_worker_that_waits_is_known_to_the_others(project: Project, consistency: str) -> None:
    text = "method: grid\nprogram: train.py\nparameters: {x: {values: [1]}}\n"
    project.declare("s", text, "", COLABCTL_CONSISTENCY=consistency)
    project.run("pause", "s")
    worker = project.start("work", "s")
    until(lambda: len(project.status("s")["workers"]) == 1)
    assert project.run("stop", "s", "--worker", "ana").code == 0
    end(worker)
    assert project.results("s") == []
