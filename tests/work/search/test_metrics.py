"""Sweeps with several metrics, from the worker to the commands that show them."""

import json

import pytest

from tests.processes import Project

optuna = pytest.importorskip("optuna")

SWEEP = """
method: {method}
program: train.py:train
metrics: [{{name: acc, goal: maximize}}, {{name: ms, goal: minimize}}]
parameters: {{w: {{values: [1, 2, 3, 4]}}, slow: {{values: [false, true]}}}}
"""
TRAIN = """
def train(w, slow):
    return {"acc": w / 10, "ms": w + 5 * slow}
"""
OBJECTIVE = """
def objective(trial):
    w = trial.suggest_int("w", 1, 4)
    return w / 10, w + 5 * trial.suggest_int("slow", 0, 1)
"""
FRONT = ["t000001", "t000003", "t000005", "t000007"]  # slow is false, which varies slower than w


def test_the_front_is_in_status_and_results(project: Project) -> None:
    project.declare("m", SWEEP.format(method="grid"), TRAIN)
    assert project.run("work", "m").code == 0
    seen = project.status("m")
    assert [point["params"] for point in seen["front"]] == [
        {"slow": False, "w": w} for w in (4, 3, 2, 1)
    ]
    assert seen["best"] is None
    screen = project.run("status", "m").out
    assert "Pareto front of acc (max), ms (min): 4 tasks" in screen
    assert "acc 0.4  ms 4" in screen
    rows = project.run("results", "m", "--pareto", "--format", "json").json
    assert [row["metrics"]["acc"] for row in rows] == [0.4, 0.3, 0.2, 0.1]
    where = project.run("results", "m", "--pareto", "--where", "ms < 3", "--format", "json").json
    assert [row["params"]["w"] for row in where] == [2, 1]


def test_what_needs_one_metric_says_so_and_takes_one(project: Project) -> None:
    project.declare("m", SWEEP.format(method="grid"), TRAIN)
    assert project.run("work", "m").code == 0
    for command in (("results", "m", "--best", "1"), ("promote", "m", "--best", "--yes")):
        refused = project.run(*command)
        assert refused.code == 1
        assert "choose one with --metric acc, ms, or name a task" in refused.err
    [row] = project.run("results", "m", "--best", "1", "--metric", "ms", "--format", "json").json
    assert row["metrics"]["ms"] == 1
    grouped = project.run("results", "m", "--by", "slow", "--metric", "ms", "--format", "json").json
    assert [(row["slow"], row["mean"]) for row in grouped] == [(False, 2.5), (True, 7.5)]
    promoted = project.run("promote", "m", "--best", "--metric", "acc", "--yes")
    assert "is the best of m: acc 0.4" in promoted.err
    assert "has no Pareto front" in _without_front(project)


def _without_front(project: Project) -> str:
    project.declare("one", "method: grid\nmetric: {name: x}\nparameters: {x: {value: 1}}")
    return project.run("results", "one", "--pareto").err


def test_a_task_that_lacks_a_metric_is_named(project: Project) -> None:
    project.declare("m", SWEEP.format(method="grid"), TRAIN.replace(', "ms"', ', "time"'))
    worked = project.run("work", "m")
    assert "ended well, but reported no 'ms' (it reported: acc, time)" in worked.err
    seen = project.status("m")
    assert seen["front"] == []
    assert seen["unreported"].startswith("8 of 8 done tasks did not report all of acc, ms")


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_a_bayesian_search_and_its_export_know_all_metrics(project: Project, name: str) -> None:
    text = SWEEP.format(method="bayes").replace("values: [1, 2, 3, 4]", "min: 0.0, max: 4.0")
    project.declare("b", f"{text}sampler: {name}\ntrials: 30\n", TRAIN)
    assert project.run("work", "b").code == 0
    assert project.run("export", "b", "--to", "optuna", "-o", "b.db").code == 0
    study = optuna.load_study(study_name="b", storage=f"sqlite:///{project.root / 'b.db'}")
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert study.metric_names == ["acc", "ms"]
    front = {point["task"] for point in project.status("b")["front"]}
    assert {trial.user_attrs["task"] for trial in study.best_trials} == front
    assert "searches for one metric" in project.run("export", "b", "--to", "wandb", "-o", "w").err


def test_an_objective_returns_a_tuple(project: Project) -> None:
    text = "method: optuna\ntrials: 8\nprogram: train.py:objective\n"
    metrics = "metrics: [{name: acc, goal: maximize}, {name: ms, goal: minimize}]\n"
    project.declare("o", text + metrics, OBJECTIVE)
    worked = project.run("work", "o")
    assert worked.code == 0, worked.err
    rows = project.results("o")
    assert all(row["metrics"]["acc"] == row["params"]["w"] / 10 for row in rows)
    assert project.status("o")["front"]


def test_an_objective_with_too_few_values_fails_and_says_how_many(project: Project) -> None:
    text = "method: optuna\ntrials: 1\nmax_retries: 0\nprogram: train.py:objective\n"
    metrics = "metrics: [{name: acc, goal: maximize}, {name: ms, goal: minimize}]\n"
    project.declare("o", text + metrics, "def objective(trial):\n    return 1.0\n")
    worked = project.run("work", "o")
    assert "returned 1 value, but the sweep has 2 metrics; return a tuple of acc, ms" in worked.err


def test_repeats_and_several_metrics_go_together(project: Project) -> None:
    program = "def train(w, slow, seed):\n    return {'acc': w / 10 + seed, 'ms': w + 5 * slow}\n"
    project.declare("r", SWEEP.format(method="grid") + "repeat: {seed: [0, 2]}\n", program)
    assert project.run("work", "r").code == 0
    values = [point["values"] for point in project.status("r")["front"]]
    assert values[0] == pytest.approx({"acc": 1.4, "ms": 4})
    assert len(values) == 4
    assert project.run("export", "r", "--to", "optuna", "-o", "r.db").code == 0
    study = optuna.load_study(study_name="r", storage=f"sqlite:///{project.root / 'r.db'}")
    assert len(study.trials) == 8
    assert json.dumps(study.best_trials[0].user_attrs["values"]["ms"]) == "[1.0, 1.0]"


def test_a_scheduler_of_wandbs_form_searches_for_several_metrics(project: Project) -> None:
    project.write(
        "space.py",
        "import optuna\n\n"
        "def suggest(trial):\n"
        "    return {'w': trial.suggest_int('w', 1, 4), 'slow': 0}\n\n"
        "def study(sweep):\n"
        "    return optuna.create_study(directions=['maximize', 'minimize'])\n",
    )
    text = """
method: custom
run_cap: 6
program: train.py:run
metrics: [{name: acc, goal: maximize}, {name: ms, goal: minimize}]
scheduler: {engine: optuna, source: space.py, search_space: suggest, optimizer: study}
"""
    project.declare("c", text, TRAIN + "\ndef run(params, task):\n    return train(**params)\n")
    worked = project.run("work", "c")
    assert "6 done, 0 failed" in worked.err + worked.out
    assert project.status("c")["front"]
