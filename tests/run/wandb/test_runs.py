"""Tasks that log with the real `wandb` package: settings, functions, early stops."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from colabctl.run.wandb.runs import wandb_environment
from colabctl.task import Assignment
from tests.processes import Project
from tests.run.wandb.scripts import SWEEP

if importlib.util.find_spec("wandb") is None and not os.environ.get("CI"):
    pytest.skip("needs wandb", allow_module_level=True)


BEHIND = """
import time, wandb
wandb.init()
while True:
    wandb.log({"loss": 1.0})
    time.sleep(0.1)
"""


def test_a_run_that_falls_behind_is_stopped_and_keeps_its_summary(project: Project) -> None:
    more = """
metric: {name: loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 3, eta: 2}
"""
    project.declare("behind", SWEEP.format(cases=[0, 1, 2, 3, 4], more=more), BEHIND)
    events: list[dict[str, Any]] = []
    for task in range(1, 5):
        attempt = {"task": task, "attempt": 1}
        events += [
            {"event": "claim", "tasks": [[task, 1]]},
            {"event": "report", **attempt, "reports": [[step, {"loss": 0.0}] for step in range(9)]},
            {"event": "done", **attempt, "seconds": 1.0, "metrics": {"loss": 0.0}},
        ]
    project.journal("behind", *events, writer="ben-vm-1")
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
    assert ran.code == 0, ran.err
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
    assert project.run("work", "other").code == 0
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
