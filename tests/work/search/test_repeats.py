"""Configurations that run several times: what workers run, and what the commands say of them."""

import csv
import io
import json

import pytest

from tests.processes import PATIENCE, Project

pytest.importorskip("optuna")

GRID = """
method: grid
program: train.py:train
metric: {name: loss, goal: minimize}
repeat: {seed: [1, 2, 3]}
parameters: {x: {values: [0, 1]}}
"""
BAYES = GRID.replace("grid", "bayes").replace("values: [0, 1]", "min: -5.0, max: 5.0")
# The best single value, -4, is of the worse configuration.
TRAIN = """
def train(x, seed):
    return {"loss": {(0, 1): -4.0, (0, 2): 8.0, (0, 3): 8.0}.get((x, seed), x + seed / 10)}
"""


def test_the_best_is_the_configuration_with_the_best_mean(project: Project) -> None:
    project.declare("g", GRID, TRAIN)
    assert project.run("work", "g").code == 0
    best = project.status("g")["best"]
    assert (best["params"], best["count"], best["task"]) == ({"x": 1}, 3, "t000004")
    assert best["value"] == pytest.approx(1.2)
    screen = project.run("status", "g").out
    assert "best loss 1.2 ± 0.1 (mean of 3) in t000003 to t000005: x=1" in screen
    table = project.run("results", "g").out.splitlines()
    assert table[0].split() == ["x", "count", "best", "mean", "±", "sd", "task"]
    assert table[1].split()[:6] == ["1", "3", "1.1", "1.2", "±", "0.1"]
    assert table[2].split()[:3] == ["0", "3", "-4"]


def test_files_and_python_have_every_task_or_the_configurations(project: Project) -> None:
    project.declare("g", GRID + "aggregate: median\n", TRAIN)
    assert project.run("work", "g").code == 0
    rows = list(csv.DictReader(io.StringIO(project.run("results", "g", "--format", "csv").out)))
    assert [(row["x"], row["seed"]) for row in rows] == [(x, s) for x in "01" for s in "123"]
    grouped = project.run("results", "g", "--by", "config", "--format", "json").json
    assert [(row["x"], row["median"]) for row in grouped] == [(1, 1.2), (0, 8.0)]
    text = 'import colabctl; print(colabctl.open(".").sweep("g").frame(by="config")["median"].tolist())'
    assert project.python(text).out.strip() == "[1.2, 8.0]"


def test_the_table_of_every_task_is_asked_for_with_by_task(project: Project) -> None:
    project.declare("g", GRID, TRAIN)
    assert project.run("work", "g").code == 0
    table = project.run("results", "g", "--by", "task", "--columns", "task,x,seed,loss").out
    assert [line.split() for line in table.splitlines()[:3]] == [
        ["task", "x", "seed", "loss"], ["t000000", "0", "1", "-4"], ["t000001", "0", "2", "8"],
    ]  # fmt: skip
    assert "6 results" in project.run("results", "g", "--by", "task", "-o", "g.csv").err


def test_the_promoted_task_is_nearest_to_the_mean_of_the_best_configuration(
    project: Project,
) -> None:
    project.declare("g", GRID, TRAIN)
    assert project.run("work", "g").code == 0
    promoted = project.run("promote", "g", "--best", "--yes")
    assert "t000004 is nearest to the mean of the best configuration of g" in promoted.err
    assert project.run("promote", "--check").code == 0


def test_several_workers_run_the_same_parameters_in_each_repeat(project: Project) -> None:
    project.declare("b", BAYES + "trials: 6\n", TRAIN)
    workers = [project.start("work", "b", member=member) for member in ("ana", "ben")]
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0]
    rows = project.results("b")
    assert [row["params"]["seed"] for row in rows] == [1, 2, 3] * 6
    blocks = [{row["params"]["x"] for row in rows[at : at + 3]} for at in range(0, 18, 3)]
    assert all(len(block) == 1 for block in blocks)
    assert len(set.union(*blocks)) == 6


def test_a_task_without_a_parameter_for_it_sees_which_repeat_it_is(project: Project) -> None:
    program = "def train(params, task):\n    return {'loss': task.repeat}\n"
    project.declare("n", GRID.replace("{seed: [1, 2, 3]}", "2"), program)
    assert project.run("work", "n").code == 0
    rows = project.results("n")
    assert [row["metrics"]["loss"] for row in rows] == [0, 1, 0, 1]
    assert all(row["params"].keys() == {"x"} for row in rows)


def test_a_stopped_repeat_does_not_make_its_configuration_the_best(project: Project) -> None:
    program = """
def train(params, task):
    for step in range(1, 5):
        value = params["x"] * 10 if params["seed"] == 1 else -params["x"]
        if task.report(step=step, loss=value):
            return {"loss": value}
    return {"loss": value}
"""
    text = GRID + "early_terminate: {type: threshold, upper: 5}\n"
    project.declare("s", text, program)
    assert project.run("work", "s").code == 0
    assert project.status("s")["pruned"] == 1
    assert project.status("s")["best"]["params"] == {"x": 0}


def test_exports_know_configurations(project: Project) -> None:
    optuna = pytest.importorskip("optuna")
    project.declare("g", GRID, TRAIN)
    assert project.run("work", "g").code == 0
    assert project.run("export", "g", "--to", "optuna", "-o", "g.db").code == 0
    study = optuna.load_study(study_name="g", storage=f"sqlite:///{project.root / 'g.db'}")
    assert [trial.params for trial in study.trials] == [{"x": 0}, {"x": 1}]
    assert study.best_trial.value == pytest.approx(1.2)
    assert study.best_trial.user_attrs["values"] == [1.1, 1.2, 1.3]
    assert project.run("export", "g", "--to", "wandb", "-o", "w").code == 0
    text = (project.root / "w" / "g.yaml").read_text()
    assert "run_cap: 6" in text
    assert "seed:" in text


def test_comparing_two_sweeps_compares_their_configurations(project: Project) -> None:
    project.declare("g", GRID, TRAIN)
    project.declare("h", GRID.replace("[0, 1]", "[1, 2]"))
    assert project.run("work", "g").code == project.run("work", "h").code == 0
    compared = json.loads(project.run("compare", "g", "h", "--json").out)
    assert [best["value"] for best in compared["best"]] == pytest.approx([1.2, 1.2])
    assert compared["cells"][0]["first"]["count"] == 2
