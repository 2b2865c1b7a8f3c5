"""Parameters that have a value before the objective asks for it."""

from typing import Any

import pytest

from colabctl.run.failures.failure import TaskError
from tests.run.optuna.objectives import (
    Objective,
    network,
    run,
    run_all,
    seen,
)


def of_dataset(trial: Any) -> float:
    dataset = trial.suggest_categorical("dataset", ["mnist", "cifar"])
    x = trial.suggest_float("x", 0, 1)
    return float(x + len(dataset))


@pytest.mark.parametrize("dataset", ["mnist", "cifar"])
@pytest.mark.parametrize("sampler", ["tpe", "qmc", "cmaes"])
def test_a_settled_parameter_has_its_value_in_every_trial(dataset: str, sampler: str) -> None:
    trials = run_all(of_dataset, range(15), params={"dataset": dataset}, sampler=sampler)
    assert {trial.params["dataset"] for trial in trials.values()} == {dataset}
    assert len({trial.params["x"] for trial in trials.values()}) == 15


def test_a_second_attempt_gets_the_same_parameters_as_the_first() -> None:
    first = run(network)
    assert run(network, seed=99, params=first.params).params == first.params
    half = {"lr": first.params["lr"]}
    assert run(network, seed=99, params=half).params["lr"] == first.params["lr"]


def test_a_settled_parameter_has_the_type_that_the_objective_asked_for() -> None:
    def look(trial: Any) -> list[Any]:
        return [
            trial.suggest_int("n", 1, 64),
            trial.suggest_float("x", 0, 8),
            trial.suggest_categorical("c", [1.0, 2]),
        ]

    values = seen(look, params={"n": 16.0, "x": 2, "c": 1})
    assert [(type(value), value) for value in values] == [(int, 16), (float, 2.0), (float, 1.0)]


@pytest.mark.parametrize(
    ("ask", "value", "asked"),
    [
        (lambda t: t.suggest_categorical("p", ["a", "b"]), "c", "from 'a', 'b'"),
        (lambda t: t.suggest_categorical("p", ["a"]), "c", "from 'a'"),
        (lambda t: t.suggest_categorical("p", [16, 32]), "16", "from 16, 32"),
        (lambda t: t.suggest_float("p", 0, 1), 2, "from 0.0 to 1.0"),
        (lambda t: t.suggest_float("p", 0, 0), 2, "from 0.0 to 0.0"),
        (lambda t: t.suggest_float("p", 0, 1), "much", "from 0.0 to 1.0"),
        (lambda t: t.suggest_float("p", 0, 1), [1], "from 0.0 to 1.0"),
        (lambda t: t.suggest_float("p", 1e-3, 1, log=True), 0, "from 0.001 to 1.0"),
        (lambda t: t.suggest_float("p", 0, 1, step=0.25), 0.3, "from 0.0 to 1.0 in steps of 0.25"),
        (lambda t: t.suggest_int("p", 0, 8, step=2), 3, "from 0 to 8 in steps of 2"),
        (lambda t: t.suggest_int("p", 0, 8), 2.5, "from 0 to 8"),
    ],
)
def test_a_settled_value_that_the_objective_excludes_is_an_error_that_names_both(
    ask: Objective, value: Any, asked: str
) -> None:
    error = run(ask, params={"p": value}).error
    assert isinstance(error, TaskError)
    assert str(error) == (
        f"p is {value!r} in this task (from foreach or an earlier attempt), "
        f"but the objective suggests it {asked}"
    )


def test_trials_of_other_settled_values_are_learned_from() -> None:
    # A sweep whose foreach has one value more is another sweep; but nothing breaks.
    trials = run_all(of_dataset, range(12), params={"dataset": "mnist"})
    ran = run(of_dataset, 12, trials, params={"dataset": "cifar"})
    assert (ran.state, ran.params["dataset"]) == ("done", "cifar")
