"""Samplers keep to constraints and rows, and still depend on the known trials only."""

from collections.abc import Mapping
from typing import Any

import pytest

from colabctl.search import Space, expand, read
from colabctl.search.learn.axes import level_of
from colabctl.search.learn.samplers import sampler
from colabctl.search.learn.trials import Trial

pytest.importorskip("optuna")

NAMES = ["tpe", "cmaes", "qmc"]
PARAMETERS: dict[str, Any] = {
    "x": {"min": 0.0, "max": 1.0},
    "y": {"min": 0.0, "max": 1.0},
    "depth": {"min": 1, "max": 8},
    "width": {"min": 1, "max": 8},
    "lr": {"values": [0.1, 0.01, 0.1]},
    "schedule": {"values": ["a", "b", "c"]},
    "model": {"choices": {"mlp": {"parameters": {"p": {"min": 0.0, "max": 1.0}}}, "svm": {}}},
}
WHERE = ["x + y < 0.8", "depth <= width", "not (model == mlp and p > x)"]
ROWS = {(0.1, "a"), (0.01, "b"), (0.1, "c")}


def space_of(where: list[str], parameters: dict[str, Any] = PARAMETERS) -> Space:
    keys: dict[str, Any] = {"method": "random", "parameters": parameters, "where": where}
    keys |= {"zip": [["lr", "schedule"]]} if "lr" in parameters else {}
    return expand(read(keys, "test")).cells[0].space


def loss(params: Mapping[str, Any]) -> float:
    return float(-params["x"] - 2 * params["y"] + (params["schedule"] != "c") + params["depth"] / 9)


def history(name: str, space: Space, count: int, late: int = 0) -> dict[int, Trial]:
    """Return trials of which the last `late` are running at any time."""
    proposer = sampler(name, space, "minimize", 3, {})
    trials: dict[int, Trial] = {}
    for number in range(count):
        trials[number] = Trial("running", proposer.propose(number, trials))
        if number >= late:
            done = trials[number - late].params
            trials[number - late] = Trial("done", done, loss(done), (), None, float(number))
    return trials


@pytest.mark.parametrize("name", NAMES)
def test_every_proposal_meets_the_constraints_and_is_a_new_point(name: str) -> None:
    space = space_of(WHERE)
    level = level_of(space)
    trials = history(name, space, 45, late=4)
    for trial in trials.values():
        assert space.allows(trial.params)
        assert level.holds(trial.params)
        assert (trial.params["lr"], trial.params["schedule"]) in ROWS
    assert len({str(trial.params) for trial in trials.values()}) == len(trials)
    assert {trial.params["schedule"] for trial in trials.values()} == set("abc")


@pytest.mark.parametrize("name", NAMES)
def test_the_same_trials_give_the_same_proposal_in_another_process(name: str) -> None:
    space = space_of(WHERE)
    trials = history(name, space, 20)
    again = sampler(name, space, "minimize", 3, {})
    for number in (19, 12):
        known = {n: trial for n, trial in trials.items() if n < number}
        assert again.propose(number, known) == trials[number].params


def test_a_search_finds_the_best_point_on_the_edge_of_a_constraint() -> None:
    space = space_of(WHERE)
    best = min(trial.value for trial in history("tpe", space, 80).values() if trial.value)
    assert best < -1.6 + 1 / 9 + 0.2  # y is 0.8 and x is 0 at best


@pytest.mark.parametrize(
    "change",
    [{"depth": 8, "width": 1}, {"x": 0.7, "y": 0.7}, {"lr": 0.1, "schedule": "b"}, {"lr": 0.5}],
)
def test_parameters_of_a_journal_that_break_a_constraint_are_not_of_the_space(
    change: dict[str, Any],
) -> None:
    space = space_of(WHERE)
    params = history("tpe", space, 1)[0].params
    assert level_of(space).holds(params)
    assert not level_of(space).holds({**params, **change})


def test_a_space_that_is_used_up_repeats_allowed_points_only() -> None:
    space = space_of(["a < b"], {"a": {"values": [1, 2, 3]}, "b": {"values": [1, 2, 3]}})
    proposer = sampler("tpe", space, "minimize", 0, {})
    trials: dict[int, Trial] = {}
    for number in range(5):
        params = proposer.propose(number, trials)
        trials[number] = Trial("done", params, float(params["a"]), (), None, float(number))
    assert {tuple(trial.params.values()) for trial in trials.values()} == {(1, 2), (1, 3), (2, 3)}
