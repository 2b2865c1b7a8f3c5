"""Optuna objectives, as people have them, run as tasks."""

import copy
import logging
import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import optuna
import pytest

from colabctl.run.failures.failure import TaskError
from colabctl.run.optuna.objective import runner, until_optimize
from colabctl.run.optuna.trial_texts import TrialTexts
from colabctl.task import Assignment, Task
from tests.run.optuna.objectives import (
    Objective,
    Recorder,
    Tensor,
    boosting,
    classifier,
    curve,
    looks_back,
    network,
    run,
    run_all,
)


def test_an_objective_gives_its_value_and_its_parameters() -> None:
    ran = run(classifier)
    assert ran.state == "done"
    assert set(ran.params) in ({"classifier", "svc_c"}, {"classifier", "rf_max_depth"})
    assert ran.value == classifier(optuna.trial.FixedTrial(ran.params))


@pytest.mark.parametrize("objective", [classifier, network, boosting, looks_back, curve])
def test_objectives_as_they_are_run_thirty_times(objective: Objective) -> None:
    trials = run_all(objective, range(30))
    assert {trial.state for trial in trials.values()} == {"done"}


def test_a_parameter_is_recorded_when_it_is_suggested_with_its_distribution() -> None:
    def objective(trial: Any) -> float:
        trial.suggest_float("rate", 1e-3, 1, log=True)
        trial.suggest_int("depth", 2, 10, step=4)
        trial.suggest_categorical("kind", ["a", None, 3, True, 0.5])
        raise RuntimeError

    ran = run(objective)
    assert list(ran.params) == ["rate", "depth", "kind"]
    assert ran.distributions == {
        "rate": {
            "name": "FloatDistribution",
            "attributes": {"low": 1e-3, "high": 1.0, "log": True, "step": None},
        },
        "depth": {
            "name": "IntDistribution",
            "attributes": {"low": 2, "high": 10, "log": False, "step": 4},
        },
        "kind": {
            "name": "CategoricalDistribution",
            "attributes": {"choices": ["a", None, 3, True, 0.5]},
        },
    }


def test_a_parameter_that_is_asked_for_twice_is_recorded_once() -> None:
    recorder = Recorder()

    def objective(trial: Any) -> float:
        assert trial.suggest_float("x", 0, 1) == trial.suggest_float("x", 0, 1)
        return 0.0

    study = {"number": 0, "goals": {"loss": "minimize"}, "sampler": "tpe", "seed": 0}
    none = TrialTexts().write([])
    task = Task(Assignment("s", "t", 0, 1, {}, "", study={**study, **none}), recorder)
    runner(objective)({}, task)
    assert len(recorder.suggested_) == 1


def test_reports_get_the_name_of_the_metric() -> None:
    ran = run(network, goal="maximize")
    assert [step for step, _ in ran.reports] == [0, 1, 2, 3, 4]
    assert ran.reports[-1][1] == ran.value


def test_user_attributes_are_recorded_however_the_trial_ends() -> None:
    def with_end(end: Callable[[], float]) -> Objective:
        def objective(trial: Any) -> float:
            trial.set_user_attr("seen", {"rows": [1, 2], "name": "ä"})
            trial.set_user_attr("seen_again", 1)
            trial.set_user_attr("seen_again", 2)
            return end()

        return objective

    def fail() -> float:
        raise ValueError

    def prune() -> float:
        raise optuna.TrialPruned

    def leave() -> float:
        raise KeyboardInterrupt

    ends = [run(with_end(end)) for end in (lambda: 1.0, fail, prune, leave, lambda: math.nan)]
    assert [end.state for end in ends] == ["done", "failed", "pruned", "failed", "failed"]
    for end in ends:
        assert end.attributes == {"seen": {"rows": [1, 2], "name": "ä"}, "seen_again": 2}


def test_an_attribute_that_changes_later_is_recorded_as_it_was_set() -> None:
    def objective(trial: Any) -> float:
        losses = [1.0]
        trial.set_user_attr("losses", losses)
        losses.append(2.0)
        return 0.0

    assert run(objective).attributes == {"losses": [1.0]}


def test_an_attribute_that_is_no_json_stays_with_the_trial(
    capsys: pytest.CaptureFixture[str],
) -> None:
    model = object()

    def objective(trial: Any) -> float:
        trial.set_user_attr("model", model)
        trial.set_user_attr("size", 3)
        return 1.0 if "model" in trial.user_attrs else 0.0

    ran = run(objective)
    assert (ran.value, ran.attributes) == (1.0, {"size": 3})
    assert (
        capsys.readouterr().err == "user attribute 'model' cannot be recorded: its type is object\n"
    )


@pytest.mark.parametrize(
    ("answer", "value"),
    [(0.5, 0.5), (3, 3.0), (True, 1.0), (Tensor(), 0.25), ([0.5], 0.5), (math.inf, math.inf)],
)
def test_what_optuna_takes_for_a_value_is_one(answer: Any, value: float) -> None:
    assert run(lambda _: answer).value == value
    study = optuna.create_study()
    study.tell(study.ask(), answer)
    assert study.trials[0].value == value


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, "the objective returned None; return the value to optimise, a number"),
        (math.nan, "the objective returned NaN; return a number"),
        (
            "accurate",
            "the objective returned a str (accurate); return the value to optimise, a number",
        ),
        (
            {"loss": 1},
            "the objective returned a dict ({'loss': 1}); return the value to optimise, a number",
        ),
        (
            (0.5, 3),
            (
                "the objective returned 2 values, but the sweep has one metric: list all under "
                "metrics: in the sweep file, or return that one, and "
                "keep the others with trial.set_user_attr(name, value)"
            ),
        ),
    ],
)
def test_a_failure_for_optuna_is_a_failure_here_and_says_why(answer: Any, error: str) -> None:
    ran = run(lambda _: answer)
    assert isinstance(ran.error, TaskError)
    assert str(ran.error) == error
    study = optuna.create_study()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.tell(study.ask(), answer)
    assert study.trials[0].state.name == "FAIL"


def test_a_text_is_no_value_though_it_shows_a_number() -> None:
    assert str(run(lambda _: "0.5").error).startswith("the objective returned a str (0.5)")


def test_numbers_of_numpy_are_values() -> None:
    for answer in (np.float32(0.5), np.int64(2), np.array(0.5), np.bool_(True)):
        assert run(lambda _, answer=answer: answer).value == float(answer)  # type: ignore[misc]


@pytest.mark.parametrize("error", [ValueError("here"), SystemExit(3), KeyboardInterrupt()])
def test_what_the_objective_raises_passes_through(error: BaseException) -> None:
    def objective(trial: Any) -> float:
        raise error

    assert run(objective).error is error


def test_a_trial_that_should_stop_is_pruned_and_its_last_report_is_its_value() -> None:
    ran = run(network, goal="maximize", stops_at=[2])
    assert ran.state == "pruned"
    assert len(ran.reports) == 3
    assert ran.value == ran.reports[-1][1]
    assert ran.attributes == {"epochs": 3}


def test_the_last_report_is_that_of_the_last_step() -> None:
    def objective(trial: Any) -> float:
        for step, value in [(5, 0.1), (9, 0.2), (7, 0.3), (9, 0.4)]:
            trial.report(value, step)
        raise optuna.TrialPruned("enough")

    ran = run(objective)
    assert (ran.state, ran.value, str(ran.error)) == ("pruned", 0.2, "enough")
    assert [step for step, _ in ran.reports] == [5, 9, 7]


@pytest.mark.parametrize("reports", [[], [math.nan]])
def test_a_pruned_trial_without_a_last_report_has_no_value(reports: list[float]) -> None:
    def objective(trial: Any) -> float:
        for step, value in enumerate(reports):
            trial.report(value, step)
        raise optuna.TrialPruned

    ran = run(objective)
    assert (ran.state, ran.value) == ("pruned", None)


def test_an_objective_that_should_stop_and_continues_is_done() -> None:
    def objective(trial: Any) -> float:
        trial.report(1.0, 0)
        assert trial.should_prune()
        return 2.0

    ran = run(objective, stops_at=[0])
    assert (ran.state, ran.value) == ("done", 2.0)


def test_nothing_is_pruned_before_it_has_reported() -> None:
    def objective(trial: Any) -> float:
        return float(trial.should_prune())

    assert run(objective, stops_at=[0]).value == 0.0


def test_nothing_is_logged_and_what_the_user_logs_is(caplog: pytest.LogCaptureFixture) -> None:
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.enable_propagation()
    try:
        with warnings.catch_warnings(), caplog.at_level(logging.NOTSET):
            warnings.simplefilter("error")
            for sampler in ("tpe", "qmc", "cmaes"):
                run_all(classifier, range(12), sampler=sampler)
                run_all(curve, range(12), sampler=sampler)
            assert caplog.records == []

            def objective(trial: Any) -> float:
                optuna.logging.get_logger("optuna").info("hello from trial %d", trial.number)
                inner = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
                inner.optimize(lambda t: t.suggest_float("y", 0, 1), n_trials=2)
                return float(inner.best_value)

            assert run(objective).state == "done"
            assert {message.partition(":")[0] for message in caplog.messages} == {
                "hello from trial 0",
                "A new study created in memory with name",
                "Trial 0 finished with value",
                "Trial 1 finished with value",
            }
        assert optuna.logging.get_verbosity() == optuna.logging.INFO
    finally:
        optuna.logging.disable_propagation()


def test_warnings_about_the_objective_are_shown() -> None:
    def objective(trial: Any) -> float:
        return float(trial.suggest_uniform("x", 0, 1))

    with pytest.warns(FutureWarning, match="suggest_uniform"):
        run(objective)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda trial: pickle.loads(pickle.dumps(trial))])
def test_a_copy_of_the_trial_works_and_reports_nothing(copied: Callable[[Any], Any]) -> None:
    # As a callback holds it when the model that it belongs to is cloned or goes to a process.
    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", 0, 1)
        other = copied(trial)
        assert other.params == {"x": x}
        other.suggest_float("y", 0, 1)
        other.report(0.5, 0)
        other.set_user_attr("a", 1)
        assert not other.should_prune()
        return 0.0

    ran = run(objective)
    assert (ran.error, list(ran.params), ran.reports, ran.attributes) == (None, ["x"], (), {})


def test_a_script_is_imported_as_far_as_its_first_call_of_optimize() -> None:
    script = """
import optuna

def objective(trial):
    return trial.suggest_float("x", 0, 1)

study = optuna.create_study()
try:
    study.optimize(objective, n_trials=100)
except Exception:
    raise SystemExit("caught")
print(study.best_trial)
"""
    names: dict[str, Any] = {}
    with until_optimize():
        exec(script, names)
    assert run(names["objective"]).state == "done"
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(names["objective"], n_trials=1)
    assert len(study.trials) == 1


def test_other_errors_of_a_script_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), until_optimize():
        _ = 1 / 0
    assert optuna.Study.optimize.__name__ == "optimize"
