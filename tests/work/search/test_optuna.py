"""An Optuna objective, unchanged, as the program of a sweep that any number of workers share."""

import re

import pytest

from colabctl.report.facts import facts
from tests.processes import PATIENCE, START_TOGETHER, Project
from tests.report.histories import opened

pytest.importorskip("optuna")

SWEEP = """
method: optuna
program: study.py:objective
trials: {trials}
{more}
"""
STUDY = """
import optuna

def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    if trial.suggest_categorical("kind", ["flat", "steep"]) == "steep":
        power = trial.suggest_int("power", 1, 3)
    else:
        power = 1
    trial.set_user_attr("note", f"trial {trial.number}")
    return abs(x - 2) ** power

study = optuna.create_study()
study.optimize(objective, n_trials=100_000)  # the sweep replaces this
print(study.best_value)
"""


def sweep(trials: int, more: str = "") -> str:
    return SWEEP.format(trials=trials, more=more)


def test_suggested_parameters_values_and_attributes_land_in_the_ledger(project: Project) -> None:
    project.declare("study", sweep(25), STUDY)
    worked = project.run("work", "study")
    assert worked.code == 0, worked.err
    rows = project.results("study")
    assert len(rows) == 25
    for row in rows:
        power = row["params"].get("power", 1)
        assert row["metrics"]["value"] == pytest.approx(abs(row["params"]["x"] - 2) ** power)
        assert ("power" in row["params"]) == (row["params"]["kind"] == "steep")
        assert row["attributes"] == {"note": f"trial {row['index']}"}
    assert min(row["metrics"]["value"] for row in rows) < 3


def test_an_objective_may_be_a_part_of_a_package(project: Project) -> None:
    project.write("models/bounds.py", "HIGH = 3\n")
    program = "from .bounds import HIGH\n" + STUDY.replace('"power", 1, 3', '"power", 1, HIGH')
    project.declare("part", sweep(5).replace("study.py", "models/study.py"), program)
    worked = project.run("work", "part")
    assert worked.code == 0, worked.err
    assert len(project.results("part")) == 5


def test_several_workers_share_the_study(project: Project) -> None:
    program = START_TOGETHER + STUDY.replace("return abs", "start_together(2)\n    return abs")
    project.declare("shared", sweep(20), program)
    workers = [project.start("work", "shared", member=member) for member in ("ana", "ben")]
    assert [worker.wait(PATIENCE) for worker in workers] == [0, 0]
    rows = project.results("shared")
    assert {row["member"] for row in rows} == {"ana", "ben"}
    assert len({row["params"]["x"] for row in rows}) == 20


def test_trials_that_fall_behind_the_median_are_pruned(project: Project) -> None:
    program = """
import optuna

def objective(trial):
    x = trial.suggest_float("x", 0, 10)
    for step in range(10):
        trial.report(x + 10 - step, step)
        if trial.should_prune():
            raise optuna.TrialPruned
    return x
"""
    project.declare("prune", sweep(30), program)
    worked = project.run("work", "prune")
    assert worked.code == 0, worked.err
    rows = project.results("prune")
    pruned = [row for row in rows if row["status"] == "pruned"]
    done = [row for row in rows if row["status"] == "done"]
    assert len(pruned) >= 3
    assert len(done) >= 5  # as many as Optuna's pruner begins with
    steps = [
        report["step"]
        for report in project.reports("prune")
        if report["task"] == pruned[0]["index"]
    ]
    assert pruned[0]["metrics"]["value"] == pruned[0]["params"]["x"] + 10 - max(steps)


def test_each_combination_of_foreach_is_a_study_whose_value_is_suggested(project: Project) -> None:
    program = """
def objective(trial):
    data = trial.suggest_categorical("data", ["iris", "wine"])
    return trial.suggest_float("x", 0, 1) + (data == "wine")
"""
    more = "foreach: [data]\nparameters: {data: {values: [iris, wine]}}"
    project.declare("each", sweep(4, more), program)
    worked = project.run("work", "each")
    assert worked.code == 0, worked.err
    assert [row["params"]["data"] for row in project.results("each")] == ["iris"] * 4 + ["wine"] * 4


def test_a_trial_that_is_run_again_gets_the_same_parameters(project: Project) -> None:
    program = """
import colabctl

attempts = {}

def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    attempts[trial.number] = attempts.get(trial.number, 0) + 1
    if attempts[trial.number] == 1:
        raise RuntimeError(f"x was {x}")
    return x
"""
    project.declare("again", sweep(3), program)
    worked = project.run("work", "again")
    assert worked.code == 0, worked.err
    failures = {e["task"]: e["error"] for e in project.events("again", "failed")}
    rows = project.results("again")
    assert [row["attempt"] for row in rows] == [2, 2, 2]
    assert [failures[row["index"]] for row in rows] == [
        f"RuntimeError: x was {row['params']['x']}" for row in rows
    ]


def test_status_shows_the_best_trial(project: Project) -> None:
    project.declare("best", sweep(5), STUDY)
    assert project.run("work", "best").code == 0
    best = project.status("best")["best"]
    assert best["metric"] == "value"
    assert set(best["params"]) >= {"x", "kind"}


def test_an_objective_gets_the_points_to_start_with(project: Project) -> None:
    more = "start_with: [{x: 7.5, kind: steep}, {x: -3}]"
    project.declare("from", sweep(4, more), STUDY)
    assert project.run("work", "from").code == 0
    rows = sorted(project.results("from"), key=lambda row: row["index"])
    assert (rows[0]["params"]["x"], rows[0]["params"]["kind"]) == (7.5, "steep")
    assert rows[0]["params"]["power"] in (1, 2, 3)
    assert rows[1]["params"]["x"] == -3
    assert len({row["params"]["x"] for row in rows}) == 4


SPACE = """
import optuna

def suggest(trial):
    values = {"lr": 10 ** trial.suggest_float("exponent", -4, -1)}
    if trial.suggest_categorical("model", ["mlp", "svm"]) == "mlp":
        values["depth"] = trial.suggest_int("depth", 1, 5)
    return values

def study(sweep):
    return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1, n_startup_trials=3))
"""
SCRIPT = """
import argparse, json, os

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--depth", type=int, default=0)
args = parser.parse_args()
with open(os.environ["COLABCTL_RESULT"], "w") as file:
    json.dump({"loss": args.lr + args.depth}, file)
"""
CUSTOM = """
method: custom
metric: {name: loss, goal: minimize}
program: train.py
run_cap: 8
scheduler: {engine: optuna, source: space.py, search_space: suggest, optimizer: study}
"""


def test_a_sweep_for_the_scheduler_of_wandb_runs_its_script(project: Project) -> None:
    project.write("space.py", SPACE)
    project.declare("custom", CUSTOM, SCRIPT)
    worked = project.run("work", "custom")
    assert worked.code == 0, worked.err
    rows = project.results("custom")
    assert len(rows) == 8
    for row in rows:
        params = row["params"]
        expected = 10 ** params["exponent"] + params.get("depth", 0)
        assert row["metrics"]["loss"] == pytest.approx(expected)
        assert ("depth" in params) == (params["model"] == "mlp")
    assert len({row["params"]["exponent"] for row in rows}) == 8


def test_the_method_is_shown_as_it_is_written(project: Project) -> None:
    project.write("space.py", SPACE)
    project.declare("custom", CUSTOM, SCRIPT)
    file = project.write("custom.yaml", CUSTOM)
    shown = project.run("sweep", str(file), "--dry-run").out
    assert shown.startswith("custom: 8 tasks, method custom\n")
    assert facts([opened(project, "custom")], None)["sweeps"][0]["method"] == "custom"
    learning = project.write("learning.yaml", f"{CUSTOM}learn_from: [custom]\n")
    assert "has no effect with method: custom;" in project.run("sweep", str(learning)).err


def test_a_function_gets_the_chosen_parameters_by_name(project: Project) -> None:
    project.write("space.py", SPACE)
    program = "def train(lr, depth=0):\n    return {'loss': lr + depth}\n"
    project.declare("named", CUSTOM.replace("train.py", "train.py:train"), program)
    worked = project.run("work", "named")
    assert worked.code == 0, worked.err
    for row in project.results("named"):
        expected = 10 ** row["params"]["exponent"] + row["params"].get("depth", 0)
        assert row["metrics"]["loss"] == pytest.approx(expected)


def test_a_parameter_that_the_program_does_not_take_names_the_function_that_chose_it(
    project: Project,
) -> None:
    project.write("space.py", SPACE)
    text = f"{CUSTOM.replace('train.py', 'train.py:train')}max_retries: 0\n"
    project.declare("slip", text, "def train(rate):\n    return {'loss': rate}\n")
    worked = project.run("work", "slip", "--max-tasks", "1")
    message = r"failed: scheduler.search_space \(space.py: suggest\) chose lr.*; program: train.py: train\(rate\)"
    assert re.search(message, worked.err), worked.err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("suggest,", "sugest,"), "scheduler: space.py has no function sugest; did you mean suggest?"),
        (("space.py", "spaec.py"), "custom.yaml:6:37: scheduler.source: spaec.py does not exist in"),
        (("search_space: suggest", "search_space: study"), None),
    ],
)  # fmt: skip
def test_functions_that_are_not_there_are_refused_before_anything_is_declared(
    project: Project, change: tuple[str, str], message: str | None
) -> None:
    project.write("space.py", SPACE)
    project.write("train.py", SCRIPT)
    project.write("custom.yaml", CUSTOM.replace(*change))
    declared = project.run("sweep", "custom.yaml")
    assert (declared.code == 0) is (message is None)
    assert (message or "") in declared.err
