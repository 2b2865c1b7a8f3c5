"""Choices of any kind in an Optuna objective."""

import math
import warnings
from typing import Any

import numpy as np

from tests.run.optuna.objectives import (
    Tensor,
    run,
    run_all,
)


def relu(x: float) -> float:
    return max(x, 0.0)


SHAPES = [(64,), (128, 64)]


def test_choices_may_be_tuples_and_are_recorded_as_lists() -> None:
    def objective(trial: Any) -> float:
        shape = trial.suggest_categorical("shape", SHAPES)
        assert isinstance(shape, tuple)
        assert trial.params["shape"] is shape
        return float(sum(shape))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's, about such choices
        trials = run_all(objective, range(30))
        again = run(objective, 40, params={"shape": [128, 64]})
    assert {trial.state for trial in trials.values()} == {"done"}
    assert {tuple(trial.params["shape"]) for trial in trials.values()} == set(SHAPES)
    assert all(isinstance(trial.params["shape"], list) for trial in trials.values())
    assert again.params == {"shape": [128, 64]}
    assert again.value == 192


def test_choices_may_be_functions_and_classes_and_are_recorded_as_texts() -> None:
    choices = [relu, math.tanh, Tensor, Tensor(), lambda x: x, lambda x: -x, math.inf]

    def objective(trial: Any) -> float:
        return float(choices.index(trial.suggest_categorical("act", choices)))

    trials = run_all(objective, range(40))
    assert {trial.state for trial in trials.values()} == {"done"}
    [recorded] = {
        tuple((trial.distributions or {})["act"]["attributes"]["choices"])
        for trial in trials.values()
    }
    assert recorded[:2] == ("<function relu>", "<built-in function tanh>")
    assert len(set(recorded)) == 7
    assert all("0x" not in text for text in recorded)
    for trial in trials.values():
        assert recorded.index(trial.params["act"]) == trial.value


def test_choices_may_be_numbers_of_numpy() -> None:
    sizes = np.array([16, 32])

    def objective(trial: Any) -> float:
        return float(trial.suggest_categorical("size", sizes))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trials = run_all(objective, range(15))
    assert {trial.params["size"] for trial in trials.values()} == {16, 32}
    assert {trial.value for trial in trials.values()} == {16.0, 32.0}


def test_equal_choices_of_different_types_are_distinguished_as_in_optuna() -> None:
    def objective(trial: Any) -> float:
        choice = trial.suggest_categorical("c", [True, 1, 0.5])
        assert type(choice) is type(trial.params["c"])
        return float(type(choice) is int)

    assert {run(objective, number).value for number in range(20)} == {0.0, 1.0}
