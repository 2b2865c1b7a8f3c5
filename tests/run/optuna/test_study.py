"""The study that an Optuna objective sees, whatever the shared folder holds."""

import json
import math
from dataclasses import asdict
from typing import Any

import optuna
import pytest

from colabctl.run.failures.failure import TaskError
from colabctl.run.optuna.objective import runner
from colabctl.run.optuna.trial_texts import PARTS, TrialTexts
from colabctl.search.learn.trials import Trial
from colabctl.task import Assignment, Task
from tests.run.optuna.objectives import (
    Goal,
    Recorder,
    curve,
    float_of,
    run,
    run_all,
    seen,
    trial_at,
)

KNOWN = {
    1: trial_at(1, 10.0),
    4: trial_at(4, None, "running"),
    6: trial_at(6, 5.0),
    7: Trial("failed", {"x": 7}, None, (), {"x": float_of(-10, 10)}),
    9: Trial("pruned", {"x": 9}, None, ((0, 3.0), (3, 2.0)), {"x": float_of(-10, 10)}),
}


def test_every_trial_has_its_own_number_and_state() -> None:
    trials = seen(lambda trial: trial.study.trials, 5, KNOWN)
    assert [each.number for each in trials] == list(range(10))
    assert [each.state.name for each in trials] == [
        "FAIL", "COMPLETE", "FAIL", "FAIL", "RUNNING", "RUNNING", "COMPLETE", "FAIL", "FAIL", "PRUNED",
    ]  # fmt: skip
    assert trials[9].value == 2.0
    assert trials[9].intermediate_values == {0: 3.0, 3: 2.0}
    assert trials[6].params == {"x": 6}
    assert trials[6].distributions == {"x": optuna.distributions.FloatDistribution(-10, 10)}


@pytest.mark.parametrize("number", [0, 1, 5, 20])
def test_the_trial_has_the_number_of_its_slot(number: int) -> None:
    trials = {other: trial for other, trial in KNOWN.items() if other != number}
    assert seen(lambda trial: (trial.number, type(trial).__mro__[1]), number, trials) == (
        number,
        optuna.trial.Trial,
    )
    last = seen(lambda trial: trial.study.trials[trial.number], number, trials)
    assert (last.number, last.state.name) == (number, "RUNNING")


@pytest.mark.parametrize(("goal", "best"), [("minimize", 6), ("maximize", 1)])
def test_the_study_knows_its_best_by_its_goal(goal: Goal, best: int) -> None:
    answer = seen(
        lambda trial: (trial.study.best_trial.number, trial.study.direction.name),
        5,
        KNOWN,
        goal=goal,
    )
    assert answer == (best, goal.upper())


def test_an_earlier_attempt_at_the_task_is_not_among_the_others() -> None:
    answer = seen(lambda trial: trial.study.trials[6].params, 6, KNOWN)
    assert answer == {}


def test_what_objectives_ask_their_trial_is_answered() -> None:
    def look(trial: Any) -> dict[str, Any]:
        trial.suggest_float("x", 0, 1)
        trial.set_user_attr("a", 1)
        with pytest.raises(ValueError, match="completed"):
            trial.study.best_trial  # noqa: B018 - as in a study of Optuna's without results
        trial.study.set_user_attr("of", "the study")
        return {
            "params": sorted(trial.params),
            "distributions": sorted(trial.distributions),
            "user_attrs": trial.user_attrs,
            "study": trial.study.user_attrs,
            "name": trial.study.study_name,
            "started": trial.datetime_start is not None,
            "frame": type(trial.study.get_trials(deepcopy=False)),
        }

    assert seen(look) == {
        "params": ["x"],
        "distributions": ["x"],
        "user_attrs": {"a": 1},
        "study": {"of": "the study"},
        "name": "sweep",
        "started": True,
        "frame": list,
    }


def test_stopping_the_study_is_no_error_and_stops_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def objective(trial: Any) -> float:
        trial.study.stop()
        return 1.0

    assert run(objective).value == 1.0
    assert "does not stop a sweep" in capsys.readouterr().err


def test_a_constraint_is_refused_because_other_trials_cannot_see_it() -> None:
    def objective(trial: Any) -> float:
        trial.set_constraint("size", 1.0)
        return 1.0

    error = run(objective).error
    assert isinstance(error, TaskError)
    assert "set_constraint" in str(error)


def test_changes_that_an_objective_makes_to_other_trials_are_not_recorded() -> None:
    def objective(trial: Any) -> float:
        trial.study.enqueue_trial({"x": 1})
        other = trial.study.ask()
        other.suggest_float("z", 0, 1)
        other.set_user_attr("b", 1)
        other.report(1.0, 0)
        return 0.0

    ran = run(objective)
    assert (ran.state, ran.params, ran.reports, ran.attributes) == ("done", {}, (), {})


def test_what_makes_no_sense_is_passed_over() -> None:
    trials = run_all(curve, range(15))
    whole = json.loads(json.dumps(asdict(trials[3])))
    categorical = {"name": "CategoricalDistribution", "attributes": {"choices": ["a"]}}
    step = {"low": 0, "high": 1e300, "log": False, "step": 1e-300}
    broken: list[Any] = [
        None,
        [],
        {},
        {**whole, "state": "asleep"},
        {**whole, "state": None},
        {**whole, "value": "0.5"},
        {**whole, "value": [1]},
        {**whole, "value": 10**400},
        {**whole, "params": {}},
        {**whole, "params": None},
        {**whole, "params": {**whole["params"], "x": 99}},
        {**whole, "params": {**whole["params"], "x": "low"}},
        {**whole, "params": {**whole["params"], "x": {}}},
        {**whole, "params": {**whole["params"], "n": 10**400}},
        {**whole, "params": {**whole["params"], "n": None}},
        {**whole, "reports": [[1]]},
        {**whole, "reports": 5},
        {**whole, "reports": [[1, "x"]]},
        {**whole, "distributions": []},
        {**whole, "distributions": [1]},
        {**whole, "distributions": "x"},
        {**whole, "distributions": {"x": None}},
        {**whole, "distributions": {"x": "os.system('true')"}},
        {**whole, "distributions": {"x": {"name": "system", "attributes": {}}}},
        {**whole, "distributions": {"x": {"name": "FloatDistribution"}}},
        {**whole, "distributions": {"x": {"name": "FloatDistribution", "attributes": {"a": 1}}}},
        {**whole, "distributions": {"x": {"name": "FloatDistribution", "attributes": step}}},
        {**whole, "distributions": {"x": categorical}},
        {**whole, "distributions": {"x": {"type": "float"}}},
    ]
    looks = []

    def objective(trial: Any) -> float:
        looks.append([each.state.name for each in trial.study.trials[15 : 15 + len(broken)]])
        return curve(trial)

    study = {"number": 60, "goals": {"loss": "minimize"}, "sampler": "tpe", "seed": 4}
    written = TrialTexts().write(trials.items())
    for n, each in enumerate(broken):
        line = [15 + n, f"those of {n}", *(each[part] for part in PARTS)] if each else each
        written["trials"] += f"\n{json.dumps(line)}"
        written["distributions"][f"those of {n}"] = json.dumps(each and each["distributions"])
    written["trials"] += '\n[33, "those of'
    recorder = Recorder()
    task = Task(Assignment("s", "t", 60, 1, {}, "", study={**study, **written}), recorder)
    runner(objective)({}, task)
    valid = {n: state for n, state in enumerate(looks[0]) if state != "FAIL"}
    assert valid == {18: "COMPLETE"}  # `distributions: []` says that it had no parameters
    nothing = {15 + n: Trial("failed", {}) for n in range(len(broken))}
    sane = {**trials, **nothing}
    ran = run(curve, 60, {**sane, 33: Trial("done", {}, whole["value"])}, seed=4)
    assert {name: value for name, value, _ in recorder.suggested_} == ran.params


def test_a_done_trial_without_a_value_has_failed_to_say_anything() -> None:
    states = seen(
        lambda trial: [each.state.name for each in trial.study.trials],
        2,
        {0: trial_at(1, None), 1: trial_at(1, math.nan)},
    )
    assert states == ["FAIL", "FAIL", "RUNNING"]
