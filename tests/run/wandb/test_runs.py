"""Tasks that log with the real `wandb` package: settings, functions, early stops."""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from colabctl.run.wandb.datastore import Entry, WandbLog
from colabctl.run.wandb.runs import WandbRuns, wandb_environment
from colabctl.task import Assignment, FileRecorder, Task
from tests.processes import Project, end, until
from tests.run.wandb.scripts import SWEEP
from tests.run.wandb.test_datastore import log, record

if importlib.util.find_spec("wandb") is None and not os.environ.get("CI"):
    pytest.skip("needs wandb", allow_module_level=True)


BEHIND = """
import time, wandb
wandb.init()
while True:
    wandb.log({"loss": 1.0})
    time.sleep(0.1)
"""


EARLY = """
metric: {name: loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 3, eta: 2}
"""


def others_are_better(project: Project, sweep: str) -> None:
    """Let another worker have run all tasks but the first, with a loss of 0."""
    events: list[dict[str, Any]] = []
    for task in range(1, 5):
        attempt = {"task": task, "attempt": 1}
        events += [
            {"event": "claim", "tasks": [[task, 1]]},
            {"event": "report", **attempt, "reports": [[step, {"loss": 0.0}] for step in range(9)]},
            {"event": "done", **attempt, "seconds": 1.0, "metrics": {"loss": 0.0}},
        ]
    project.journal(sweep, *events, writer="ben-vm-1")


def test_a_run_that_falls_behind_is_stopped_and_keeps_its_summary(project: Project) -> None:
    project.declare("behind", SWEEP.format(cases=[0, 1, 2, 3, 4], more=EARLY), BEHIND)
    others_are_better(project, "behind")
    worked = project.run("work", "behind")
    assert worked.code == 0, worked.err
    row = project.results("behind")[0]
    assert (row["status"], row["metrics"]) == ("pruned", {"loss": 1.0})
    reports = [each for each in project.reports("behind") if each["task"] == 0]
    assert [each["step"] for each in reports] == list(range(len(reports)))
    assert len(reports) >= 3


def test_the_users_settings_for_wandb_win(project: Project, tmp_path: Path) -> None:
    program = """
import os, wandb
with wandb.init() as run:
    run.log({"name": run.name, "lr": run.config.lr, "tag": run.tags[0], "mode": os.environ["WANDB_MODE"]})
"""
    project.declare("set", SWEEP.format(cases=[0], more=""), program)
    folder = tmp_path / "kept"
    mine = {"WANDB_DIR": str(folder), "WANDB_NAME": "mine", "WANDB_TAGS": "a,b"}
    other = "/not/of/this/task.yaml"
    assert project.run("work", "set", WANDB_SWEEP_PARAM_PATH=other, **mine).code == 0
    assert project.results("set")[0]["metrics"] == {
        "name": "mine",
        "lr": 1e-5,
        "tag": "a",
        "mode": "offline",
    }
    assert len(list(folder.glob("wandb/offline-run-*/run-*.wandb"))) == 1


LIVE = """
import os, time, wandb
run = wandb.init()
run.log({"loss": 3.0}, step=0)
while not os.path.exists("results/go"):
    time.sleep(0.05)
run.finish()
"""


def test_a_call_of_log_is_a_report_while_the_script_is_running(project: Project) -> None:
    project.declare("live", SWEEP.format(cases=[0], more=""), LIVE)
    working = project.start("work", "live")
    until(lambda: project.reports("live"), "a report")
    project.write("results/go", "")
    assert end(working).code == 0
    assert [each["values"] for each in project.reports("live")] == [{"loss": 3.0}]
    assert project.results("live")[0]["metrics"] == {"loss": 3.0}


LATE = """
def train(params, task):
    import wandb
    run = wandb.init(config={"x": 7}, mode="online")
    for step in range(30):
        run.log({"loss": run.config.x})

if __name__ != "__main__":
    import wandb
    wandb.agent(wandb.sweep({"method": "grid"}), function=train)
    del wandb
"""


def test_a_function_that_falls_behind_ends_at_its_next_log(project: Project) -> None:
    text = (
        f"method: grid\nprogram: f.py:train\nparameters: {{x: {{values: [1, 2, 3, 4, 5]}}}}{EARLY}"
    )
    project.declare("late", text, LATE)
    others_are_better(project, "late")
    assert project.run("work", "late").code == 0
    row = project.results("late")[0]
    assert (row["status"], row["metrics"]) == ("pruned", {"loss": 1})
    reports = [each for each in project.reports("late") if each["task"] == 0]
    assert 3 <= len(reports) < 30


def test_wandbs_own_files_are_kept_where_the_sweep_says_so(project: Project) -> None:
    text = """
method: grid
program: f.py:train
parameters: {x: {value: 1}}
keep_wandb: KEEP
"""
    for name, keep in (("kept", "true"), ("gone", "false")):
        project.declare(name, text.replace("KEEP", keep), LATE)
        assert project.run("work", name).code == 0
    [log] = project.root.glob("**/*.wandb")
    assert log.is_relative_to(project.root / "sweeps" / "kept" / "runs")
    assert WandbLog(log).read()


OBJECTIVE = """
import wandb

def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    with wandb.init(mode="online") as run:
        run.log({"twice": 2 * x})
    return x
"""


def test_an_objective_may_log_with_wandb(project: Project) -> None:
    pytest.importorskip("optuna")
    text = "method: optuna\nprogram: o.py:objective\ntrials: 2\n"
    project.declare("objective", text, OBJECTIVE)
    assert project.run("work", "objective").code == 0
    for row in project.results("objective"):
        assert row["metrics"]["twice"] == 2 * row["metrics"]["value"]


def test_without_wandb_the_reason_says_how_to_install_it(project: Project) -> None:
    program = "raise ModuleNotFoundError(\"No module named 'wandb'\", name='wandb')\n"
    project.declare("missing", SWEEP.format(cases=[0], more="max_retries: 0"), program)
    assert project.run("work", "missing").code == 1
    [row] = project.results("missing")
    assert row["error"] == (
        "the program ended with exit code 1: ModuleNotFoundError: No module named 'wandb'; "
        "run: pip install wandb"
    )


FUNCTION = """
import wandb

def train(params, task):
    with wandb.init(config={"x": 7}) as run:
        for step in range(3):
            run.log({"loss": run.config.x * step, "step": step})
        if run.config.x == 2:
            raise RuntimeError("two")
    return {"own": run.config.x}
"""


def test_functions_that_use_wandb_in_one_process_each_have_their_own_runs(
    project: Project,
) -> None:
    text = (
        "method: grid\nprogram: f.py:train\nmax_retries: 0\nparameters: {x: {values: [1, 2, 3]}}\n"
    )
    project.declare("functions", text, FUNCTION)
    ran = project.run("work", "functions")
    assert ran.code == 1, ran.err
    assert [(row["status"], row["metrics"]) for row in project.results("functions")] == [
        ("done", {"loss": 2, "step": 2, "own": 1}),
        ("failed", {}),
        ("done", {"loss": 6, "step": 2, "own": 3}),
    ]
    reports = project.reports("functions")
    assert [report["values"] for report in reports if report["task"] == 1] == [
        {"loss": 2 * step, "step": step} for step in range(3)
    ]


def assignment() -> Assignment:
    return Assignment("lr", "t000003", 3, 1, {"x": 1e-5}, "runs/003/t000003-1-ana-vm-5f")


def test_a_run_bears_the_name_of_its_attempt(tmp_path: Path) -> None:
    environ = wandb_environment(assignment(), tmp_path, {})
    assert environ["WANDB_RUN_ID"] == environ["WANDB_NAME"] == "t000003-1-ana-vm-5f"
    assert environ["WANDB_SWEEP_ID"] == "lr"
    assert environ["WANDB_MODE"] == "offline"
    parameters = Path(environ["WANDB_SWEEP_PARAM_PATH"])
    assert yaml.safe_load(parameters.read_text()) == {"x": {"value": 1e-5}}


def test_runs_that_go_to_an_account_of_the_users_are_left_as_they_are(tmp_path: Path) -> None:
    environ = wandb_environment(assignment(), tmp_path, {"WANDB_MODE": "online"})
    assert set(environ) == {
        "COLABCTL_WANDB_CALLS",
        "WANDB_DIR",
        "WANDB_RUN_ID",
        "WANDB_SWEEP_PARAM_PATH",
        "WANDB_X_HISTORY_VALUE_ENCODING",
        "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL",
    }


def test_an_unreadable_log_fails_a_task_without_other_metrics(project: Project) -> None:
    program = """
import os, pathlib, sys
run = pathlib.Path(os.environ["WANDB_DIR"], "wandb", "offline-run-20260101_000000-a")
run.mkdir(parents=True)
(run / "run-a.wandb").write_bytes(b":W&B of another kind")
if "--case=1" in sys.argv:
    pathlib.Path(os.environ["COLABCTL_RESULT"]).write_text('{"loss": 1}')
"""
    project.declare("other", SWEEP.format(cases=[0, 1], more="max_retries: 0"), program)
    assert project.run("work", "other").code == 1
    assert [(row["error"], row["metrics"]) for row in project.results("other")] == [
        ("run-a.wandb is not a W&B log of version 0; write the metrics to $COLABCTL_RESULT", {}),
        (None, {"loss": 1}),
    ]


def test_the_settings_of_the_user_count_and_not_those_in_the_project(
    project: Project, tmp_path: Path
) -> None:
    for folder in (project.root / "wandb", project.root / ".wandb"):
        folder.mkdir()
        (folder / "settings").write_text("[default]\nbase_url = http://eve.example\nproject = x\n")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "settings").write_text("[default]\nbase_url = http://us.example\nentity = us\n")
    program = """
import colabctl, wandb
settings = wandb.setup().settings
colabctl.task().done(url=settings.base_url, entity=settings.entity, project=settings.project)
"""
    project.declare("settings", SWEEP.format(cases=[0], more=""), program)
    worked = project.run("work", "settings", WANDB_CONFIG_DIR=str(mine), WANDB_MODE="online")
    assert worked.code == 0, worked.err
    assert project.results("settings")[0]["metrics"] == {
        "url": "http://us.example",
        "entity": "us",
        "project": None,
    }


def test_a_run_whose_folder_only_the_last_call_names_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "offline-run-1"
    folder.mkdir(parents=True)
    summary = Entry("summary", [(("accuracy", "max"), 0.75)], [])
    (folder / "run-1.wandb").write_bytes(log([record(summary)]))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    calls = Path(wandb_environment(assignment(), scratch, {})["COLABCTL_WANDB_CALLS"])
    calls.write_text(json.dumps({"folder": str(folder)}) + "\n")
    runs = WandbRuns(Task(assignment(), FileRecorder(assignment())), scratch)
    runs.pass_on(final=True)
    assert runs.metrics() == {"accuracy.max": 0.75}
