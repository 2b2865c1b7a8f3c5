"""Scripts written for W&B run unchanged as tasks, with the real `wandb` package and no server."""

import importlib.util
import math
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from colabctl.run.wandb.runs import wandb_environment
from colabctl.task import Assignment
from tests.processes import Project, new_project

if importlib.util.find_spec("wandb") is None and not os.environ.get("CI"):
    pytest.skip("needs wandb", allow_module_level=True)

SWEEP = """
method: grid
program: train.py
{more}
parameters:
  case: {{values: {cases}}}
  lr: {{value: 1e-5}}
  optimizer: {{parameters: {{momentum: {{value: 0.9}}}}}}
  layers: {{value: [64, 32]}}
"""

# Each is a script of its own, in one sweep only because each start of W&B takes its time.
CASES = '''
import os, signal, sys, time
from pathlib import Path
import wandb

def configuration():
    """Parameters win over defaults, and nothing changes them any more."""
    run = wandb.init(
        project="churn", entity="us", config={"lr": 0.5, "epochs": 3, "optimizer": {"name": "sgd"}}
    )
    wandb.config.lr = 7
    wandb.config.update({"batch": 16})
    config = wandb.config
    wandb.summary["lr"] = config.lr
    wandb.summary["sum"] = config["epochs"] + config.batch + sum(config.layers)
    wandb.summary["optimizer"] = config.optimizer
    wandb.summary["sweep"] = run.sweep_id
    wandb.summary["named"] = run.name == run.id == os.environ["COLABCTL_FOLDER"].rpartition("/")[2]
    wandb.summary["offline"] = run.offline

def arguments():
    """What comes by the command line is not read twice."""
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float)
    given, _ = parser.parse_known_args()
    with wandb.init(config=given) as run:
        run.log({"lr": given.lr, "same": run.config.lr == given.lr})

def steps():
    run = wandb.init()
    run.log({"loss": 3})
    run.log({"loss": 2, "epoch": 0}, step=10)
    run.log({"loss": 1.5}, step=11, commit=False)
    run.log({"accuracy": 0.5})
    run.log({"loss": float("nan"), "step": 4, "self": 5})
    run.finish()

def nested():
    wandb.init()
    wandb.log({"val": {"f1": 0.5, "by": {"class": {"a": 1}}}, "train/loss": 2, "x.y": 3})
    wandb.log({"val": {"f1": 0.75}})

def summaries():
    wandb.init()
    wandb.define_metric("loss", summary="min")
    wandb.define_metric("accuracy", summary="max,mean")
    wandb.define_metric("hidden", summary="none")
    wandb.define_metric("epoch")
    wandb.define_metric("val/*", step_metric="epoch")
    for loss, accuracy in [(3, 0.5), (1, 1.0), (2, 0.75)]:
        wandb.log({"loss": loss, "accuracy": accuracy, "hidden": 1, "val/loss": loss})
    wandb.summary["best"] = {"epoch": 2, "note": "good"}
    wandb.summary["best"]["epoch"] = 3
    wandb.run.summary.update({"gone": 1, "kept": True})
    del wandb.run.summary["gone"]

def media():
    import numpy
    wandb.init()
    wandb.log({
        "loss": numpy.float32(0.5),
        "weights": wandb.Histogram([1, 2, 3]),
        "rows": wandb.Table(columns=["a"], data=[[1]]),
        "page": wandb.Html("<p>"),
        "many": [1, 2],
        "none": None,
        "word": "short",
        "essay": "long " * 1000,
        "flag": True,
    })
    wandb.log({"weights": wandb.Histogram([1])})

def again():
    for fold in range(2):
        run = wandb.init(reinit=True)
        run.log({"fold": fold, f"loss_{fold}": 1})
        run.finish()

def here():
    """As PyTorch Lightning begins its runs by default."""
    run = wandb.init(dir=".", id=None, resume="allow")
    run.log({"loss": 1})

def both():
    import colabctl
    wandb.init()
    wandb.log({"loss": 1, "accuracy": 1})
    colabctl.task().report(step=7, mine=1)
    colabctl.task().done(accuracy=2, extra=3)

def unused():
    pass

def crashed():
    wandb.init()
    for loss in (3, 2):
        wandb.log({"loss": loss})
    raise RuntimeError("no more memory")

def killed():
    run = wandb.init()
    run.log({"loss": 3})
    [log] = Path(run.dir).parent.glob("*.wandb")
    while b"loss" not in log.read_bytes():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)

globals()[next(word for word in sys.argv if word.startswith("--case=")).removeprefix("--case=")]()
'''
NAMES = [
    "configuration",
    "arguments",
    "steps",
    "nested",
    "summaries",
    "media",
    "again",
    "here",
    "both",
    "unused",
    "crashed",
    "killed",
]


@pytest.fixture(autouse=True, scope="module")
def _without_settings_of_whoever_tests() -> None:
    for name in list(os.environ):
        if name.startswith("WANDB_"):
            del os.environ[name]


@dataclass(frozen=True)
class Outcome:
    """What became of one of the scripts."""

    row: dict[str, Any]
    reports: list[tuple[int | None, dict[str, float]]]

    @property
    def metrics(self) -> dict[str, Any]:
        assert self.row["status"] == "done", self.row
        metrics: dict[str, Any] = self.row["metrics"]
        return metrics


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Outcome]:
    """Give the outcome of each script, all of which have run."""
    project = new_project(tmp_path_factory.mktemp("wandb") / "churn")
    with socket.create_server(("127.0.0.1", 0)) as network:
        proxy = f"http://127.0.0.1:{network.getsockname()[1]}"
        try:
            project.declare("cases", SWEEP.format(cases=NAMES, more="max_retries: 0"), CASES)
            worked = project.run(
                "work", "cases", "--jobs", "2", HTTP_PROXY=proxy, HTTPS_PROXY=proxy
            )
        finally:
            project.end_all()
        assert worked.code == 0, worked.err
        assert len(list(project.root.glob("**/*.wandb"))) == 1  # that of `here`
        network.setblocking(False)
        with pytest.raises(BlockingIOError):
            network.accept()
    rows = {row["params"]["case"]: row for row in project.results("cases")}
    reports = project.reports("cases")

    def outcome(name: str) -> Outcome:
        row = rows[name]
        mine = [each for each in reports if each["task"] == row["index"]]
        return Outcome(row, [(each["step"], each["values"]) for each in mine])

    return outcome


def test_parameters_win_over_the_configuration_of_a_run(ran: Callable[[str], Outcome]) -> None:
    assert ran("configuration").metrics == {
        "lr": 1e-5,
        "sum": 3 + 16 + 96,
        "optimizer.momentum": 0.9,
        "optimizer.name": "sgd",
        "sweep": "cases",
        "named": True,
        "offline": True,
    }


def test_a_script_may_read_its_command_line_as_well(ran: Callable[[str], Outcome]) -> None:
    assert ran("arguments").metrics == {"lr": 1e-5, "same": True}


def test_each_step_is_a_report_and_the_last_values_are_metrics(
    ran: Callable[[str], Outcome],
) -> None:
    steps = ran("steps")
    *finite, (last, diverged) = steps.reports
    assert finite == [
        (0, {"loss": 3}),
        (10, {"loss": 2, "epoch": 0}),
        (11, {"loss": 1.5, "accuracy": 0.5}),
    ]
    assert last == 12
    assert set(diverged) == {"loss", "step", "self"}
    assert math.isnan(diverged["loss"])
    assert steps.metrics == {"accuracy": 0.5, "epoch": 0, "loss": None, "self": 5, "step": 4}


def test_nested_names_are_joined_by_dots(ran: Callable[[str], Outcome]) -> None:
    nested = ran("nested")
    assert nested.reports == [
        (0, {"val.f1": 0.5, "val.by.class.a": 1, "train/loss": 2, "x.y": 3}),
        (1, {"val.f1": 0.75}),
    ]
    assert nested.metrics == {"val.f1": 0.75, "val.by.class.a": 1, "train/loss": 2, "x.y": 3}


def test_metrics_are_the_summary_and_the_last_values(ran: Callable[[str], Outcome]) -> None:
    assert ran("summaries").metrics == {
        "loss": 2,
        "loss.min": 1,
        "accuracy": 0.75,
        "accuracy.max": 1,
        "accuracy.mean": 0.75,
        "hidden": 1,
        "val/loss": 2,
        "epoch": 0,  # W&B adds it, as the axis of val/loss
        "best.epoch": 3,
        "best.note": "good",
        "kept": True,
    }


def test_what_is_no_number_truth_or_short_text_is_left_out(ran: Callable[[str], Outcome]) -> None:
    assert ran("media").reports == [(0, {"loss": 0.5})]
    assert ran("media").metrics == {"loss": 0.5, "word": "short", "flag": True}


def test_of_several_runs_all_count_the_last_one_first(ran: Callable[[str], Outcome]) -> None:
    assert ran("again").reports == [(0, {"fold": 0, "loss_0": 1}), (0, {"fold": 1, "loss_1": 1})]
    assert ran("again").metrics == {"fold": 1, "loss_0": 1, "loss_1": 1}


def test_a_run_that_is_kept_in_the_project_is_found_there(ran: Callable[[str], Outcome]) -> None:
    assert ran("here").metrics == {"loss": 1}
    assert ran("here").reports == [(0, {"loss": 1})]


def test_what_the_task_itself_tells_wins(ran: Callable[[str], Outcome]) -> None:
    assert ran("both").metrics == {"loss": 1, "accuracy": 2, "extra": 3}
    assert sorted(ran("both").reports) == [(0, {"loss": 1, "accuracy": 1}), (7, {"mine": 1})]


def test_a_script_that_makes_no_run_is_done_without_metrics(ran: Callable[[str], Outcome]) -> None:
    assert ran("unused").metrics == {}


def test_a_run_that_crashes_has_failed_and_keeps_its_reports(
    ran: Callable[[str], Outcome],
) -> None:
    crashed = ran("crashed")
    assert crashed.row["status"] == "failed"
    assert (
        crashed.row["error"] == "the program ended with exit code 1: RuntimeError: no more memory"
    )
    assert crashed.reports == [(0, {"loss": 3}), (1, {"loss": 2})]


def test_a_script_that_is_killed_keeps_what_it_had_reported(ran: Callable[[str], Outcome]) -> None:
    killed = ran("killed")
    assert killed.row["status"] == "failed"
    assert killed.reports == [(0, {"loss": 3})]


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
        told = {"task": task, "attempt": 1}
        events += [
            {"event": "claim", "tasks": [[task, 1]]},
            {"event": "report", **told, "reports": [[step, {"loss": 0.0}] for step in range(9)]},
            {"event": "done", **told, "seconds": 1.0, "metrics": {"loss": 0.0}},
        ]
    project.journal("behind", *events, writer="ben-vm-1")
    worked = project.run("work", "behind")
    assert worked.code == 0, worked.err
    row = project.results("behind")[0]
    assert (row["status"], row["metrics"]) == ("pruned", {"loss": 1.0})
    reports = [each for each in project.reports("behind") if each["task"] == 0]
    assert [each["step"] for each in reports] == list(range(len(reports)))
    assert len(reports) >= 3


def test_what_the_user_has_set_for_wandb_stands(project: Project, tmp_path: Path) -> None:
    program = """
import os, wandb
with wandb.init() as run:
    run.log({"name": run.name, "lr": run.config.lr, "tag": run.tags[0], "mode": os.environ["WANDB_MODE"]})
"""
    project.declare("set", SWEEP.format(cases=[0], more=""), program)
    kept = tmp_path / "kept"
    mine = {"WANDB_DIR": str(kept), "WANDB_NAME": "mine", "WANDB_TAGS": "a,b"}
    other = "/not/of/this/task.yaml"
    assert project.run("work", "set", WANDB_SWEEP_PARAM_PATH=other, **mine).code == 0
    assert project.results("set")[0]["metrics"] == {
        "name": "mine",
        "lr": 1e-5,
        "tag": "a",
        "mode": "offline",
    }
    assert len(list(kept.glob("wandb/offline-run-*/run-*.wandb"))) == 1


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
        "WANDB_DIR",
        "WANDB_RUN_ID",
        "WANDB_SWEEP_PARAM_PATH",
        "WANDB_X_HISTORY_VALUE_ENCODING",
        "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL",
    }


def test_a_log_that_cannot_be_read_fails_a_task_that_tells_nothing_else(project: Project) -> None:
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
        ("run-a.wandb is no W&B log of version 0; leave the metrics in $COLABCTL_RESULT", {}),
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
