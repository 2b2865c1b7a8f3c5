"""The parameters that an Optuna objective gets from its sampler."""

import json
import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
import pytest
from scipy.stats import qmc

from colabctl.run.failures.failure import TaskError
from colabctl.search.learn.trials import Trial
from tests.run.optuna.objectives import (
    Objective,
    boosting,
    classifier,
    curve,
    run,
    run_all,
)


def optuna_suggests(objective: Objective, trials: Sequence[Trial], make: Callable[[], Any]) -> Any:
    """Return the parameters that a study of Optuna's own gives, which holds the same trials."""
    study = optuna.create_study(sampler=make())
    for trial in trials:
        distributions = {
            name: optuna.distributions.json_to_distribution(json.dumps(distribution))
            for name, distribution in (trial.distributions or {}).items()
        }
        running = trial.state == "running"
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING
                if running
                else optuna.trial.TrialState.COMPLETE,
                value=trial.value,
                params=dict(trial.params),
                distributions=distributions,
            )
        )
    asked = study.ask()
    objective(asked)
    return asked.params


@pytest.mark.parametrize("objective", [curve, classifier, boosting])
def test_tpe_suggests_what_it_would_in_a_study_of_optunas_own(objective: Objective) -> None:
    trials = list(run_all(objective, range(25)).values())
    trials[20:] = [Trial("running", t.params, None, (), t.distributions) for t in trials[20:]]
    ran = run(objective, 25, dict(enumerate(trials)), seed=3)
    assert ran.params == optuna_suggests(
        objective, trials, lambda: optuna.samplers.TPESampler(seed=3, constant_liar=True)
    )


def test_gaussian_processes_suggest_what_they_would_in_a_study_of_optunas_own() -> None:
    pytest.importorskip("torch")
    trials = list(run_all(curve, range(15)).values())
    ran = run(curve, 15, dict(enumerate(trials)), sampler="gp", seed=3)
    expected = optuna_suggests(curve, trials, lambda: optuna.samplers.GPSampler(seed=3))
    assert ran.params == expected


def test_gaussian_processes_give_slots_that_begin_together_different_points() -> None:
    pytest.importorskip("torch")
    trials = run_all(bowl, range(12), sampler="gp")
    started = {number: Trial("running", {}) for number in range(12, 16)}
    tried = [
        run(bowl, number, {**trials, **started}, sampler="gp", seed=1).params for number in started
    ]
    for number, one in enumerate(tried):
        for other in tried[:number]:
            assert max(abs(one["x"] - other["x"]), abs(math.log(one["y"] / other["y"]))) > 0.05


def test_a_sampler_of_a_later_version_is_an_error_that_says_so() -> None:
    error = run(curve, sampler="hebo").error
    assert isinstance(error, TaskError)
    assert str(error) == "sampler: 'hebo' is unknown; update colabctl on this machine"


def test_a_library_that_a_sampler_needs_and_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "colabctl.search.language.libraries.find_spec", lambda name: name != "torch" or None
    )
    error = run(curve, sampler="gp").error
    assert isinstance(error, TaskError)
    assert str(error) == "sampler: gp needs torch; run: pip install torch"


def test_unknown_trials_in_between_change_nothing() -> None:
    trials = run_all(curve, range(20))
    spread = {number * 7: trial for number, trial in trials.items()}
    assert run(curve, 20, trials, seed=1).params == run(curve, 400, spread, seed=1).params


def test_what_others_try_at_the_moment_is_avoided() -> None:
    def objective(trial: Any) -> float:
        return float((trial.suggest_float("x", -10, 10) - 3) ** 2)

    trials = run_all(objective, range(20))
    best = run(objective, 20, trials, seed=5).params["x"]
    busy = {
        n: Trial("running", {"x": best}, None, (), trials[0].distributions) for n in range(30, 45)
    }
    far = run(objective, 20, {**trials, **busy}, seed=5).params["x"]
    assert abs(far - best) > 0.1


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "cmaes"])
def test_two_slots_that_know_the_same_try_different_things(sampler: str) -> None:
    trials = run_all(curve, range(20), sampler=sampler)
    tried = [run(curve, number, trials, sampler=sampler).params for number in range(20, 26)]
    assert len({tuple(params.values()) for params in tried}) == 6


@pytest.mark.parametrize("sampler", ["tpe", "qmc", "cmaes"])
def test_a_slot_that_is_run_again_from_the_same_history_tries_the_same(sampler: str) -> None:
    trials = run_all(curve, range(12), sampler=sampler)
    assert run(curve, 12, trials, sampler=sampler) == run(curve, 12, trials, sampler=sampler)


def test_points_of_a_sequence_go_by_the_number_of_the_slot() -> None:
    def objective(trial: Any) -> float:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return float(x + y)

    first = run_all(objective, [0])
    tried = {n: run(objective, n, first, sampler="qmc").params for n in (4, 7, 1, 6, 3, 5, 2)}
    points = qmc.Sobol(2, scramble=False).random(8).tolist()
    assert {n: [p["x"], p["y"]] for n, p in tried.items()} == {n: points[n] for n in tried}


def bowl(trial: Any) -> float:
    x = trial.suggest_float("x", -5, 5)
    y = trial.suggest_float("y", 1e-4, 1e2, log=True)
    n = trial.suggest_int("n", 1, 64, log=True)
    return float((x - 1) ** 2 + math.log(y) ** 2 + math.log(n / 8) ** 2)


def left(trials: Mapping[int, Trial]) -> float:
    """Return the mean value of the last twenty, of which 0 is the best, over the first twenty."""
    values = [trial.value or 0.0 for trial in trials.values()]
    return sum(values[-20:]) / sum(values[:20])


@pytest.mark.parametrize("sampler", ["tpe", "cmaes"])
def test_a_search_gets_closer_and_closer(sampler: str) -> None:
    assert left(run_all(bowl, range(80), sampler=sampler)) < 0.3


def test_cma_es_learns_from_trials_in_the_order_in_which_they_ended() -> None:
    # Numbers do not tell that: slots are claimed at random.
    numbers = random.Random(1).sample(range(80), 80)
    trials = run_all(bowl, numbers, sampler="cmaes")
    assert left(trials) < 0.3
    by_number = dict(sorted(trials.items()))
    assert run(bowl, 80, trials, sampler="cmaes") != run(bowl, 80, by_number, sampler="cmaes")


def test_cma_es_knows_the_goal() -> None:
    trials = run_all(lambda trial: -bowl(trial), range(40), sampler="cmaes", goal="maximize")
    mirrored = run_all(bowl, range(40), sampler="cmaes")
    assert [trial.params for trial in trials.values()] == [
        trial.params for trial in mirrored.values()
    ]
