"""Samplers propose parameters inside the space, and depend on the known trials only."""

import json
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest

from colabctl.search import Space, expand, read
from colabctl.search.learn.axes import level_of
from colabctl.search.learn.samplers import sampler
from colabctl.search.learn.trials import Trial

pytest.importorskip("optuna")

NAMES = ["tpe", "cmaes", "qmc"]
PARAMETERS: dict[str, Any] = {
    "x": {"min": -5.0, "max": 5.0},
    "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 1e-1},
    "width": {"distribution": "q_uniform", "min": 8, "max": 64, "q": 8},
    "noise": {"distribution": "q_normal", "mu": 0, "sigma": 2, "q": 0.5},
    "share": {"distribution": "beta", "a": 2, "b": 5},
    "odd": {"values": [None, [1, 2], {"a": 1}, 1, True, "1", 1.5]},
    "weighted": {"values": ["a", "b", "c"], "probabilities": [0.5, 0.5, 0.0]},
    "seed": {"value": 7},
    "nest": {"parameters": {"depth": {"min": 1, "max": 6}}},
    "model": {
        "choices": {
            "tree": {"parameters": {"leaves": {"min": 2, "max": 200}}},
            "net": {
                "parameters": {
                    "units": {"min": 1, "max": 5000},
                    "opt": {
                        "choices": {
                            "sgd": {"parameters": {"m": {"min": 0.0, "max": 1.0}}},
                            "adam": {},
                        }
                    },
                }
            },
        }
    },
}


def space_of(parameters: dict[str, Any]) -> Space:
    return expand(read({"method": "random", "parameters": parameters}, "test")).cells[0].space


def value(params: dict[str, Any]) -> float:
    return float(params["x"] ** 2 + (params["model"] == "net"))


def history(name: str, space: Space, count: int, goal: Any = "minimize") -> dict[int, Trial]:
    proposer = sampler(name, space, goal, 3, {})
    trials: dict[int, Trial] = {}
    for number in range(count):
        params = proposer.propose(number, trials)
        trials[number] = Trial("done", params, value(params))
    return trials


@pytest.mark.parametrize("name", NAMES)
def test_every_proposal_is_in_the_space_and_conditions_hold(name: str) -> None:
    space = space_of(PARAMETERS)
    for trial in history(name, space, 40).values():
        params = trial.params
        assert level_of(space).coordinates(params) is not None
        assert params["seed"] == 7
        assert params["weighted"] in ("a", "b")
        assert set(params["nest"]) == {"depth"}
        assert ("leaves" in params) == (params["model"] == "tree")
        assert ("units" in params) == ("opt" in params) == (params["model"] == "net")
        assert ("m" in params) == (params.get("opt") == "sgd")


@pytest.mark.parametrize("name", NAMES)
def test_a_proposal_depends_on_the_known_trials_only(name: str) -> None:
    space = space_of(PARAMETERS)
    trials = history(name, space, 25)
    fresh = sampler(name, space, "minimize", 3, {}).propose(99, trials)
    for seed in range(3):
        order = list(trials)
        random.Random(seed).shuffle(order)
        slow = sampler(name, space, "minimize", 3, {})
        seen: dict[int, Trial] = {}
        for number in order:
            seen[number] = Trial("running", trials[number].params)
            slow.propose(50, seen)
            seen[number] = trials[number]
        assert slow.propose(99, seen) == fresh


@pytest.mark.parametrize("name", NAMES)
def test_tasks_that_are_claimed_at_once_get_different_points(name: str) -> None:
    space = space_of({"a": {"min": 1, "max": 6}, "b": {"values": list("xyzuvw")}})
    trials = {n: Trial("done", {"a": 1 + n % 2, "b": "x"}, float(n)) for n in range(2)}
    points = [sampler(name, space, "minimize", 3, {}).propose(n, trials) for n in range(2, 12)]
    proposer = sampler(name, space, "minimize", 3, {})
    for number in range(2, 30):  # one after the other, each sees the ones before as running
        trials[number] = Trial("running", proposer.propose(number, trials))
    assert len({(p.params["a"], p.params["b"]) for p in trials.values()}) == 30
    assert len({(point["a"], point["b"]) for point in points}) > 3


@pytest.mark.parametrize("name", NAMES)
def test_a_small_space_is_tried_out_to_its_last_point(name: str) -> None:
    space = space_of(
        {
            "a": {"min": 1, "max": 9},
            "b": {"values": [True, 1, "1"]},
            "m": {"choices": {"u": {}, "v": {}}},
        }
    )
    proposer = sampler(name, space, "minimize", 3, {})
    trials: dict[int, Trial] = {}
    for number in range(54):
        params = proposer.propose(number, trials)
        trials[number] = Trial("done", params, float(params["a"]))
    assert len({json.dumps(trial.params, sort_keys=True) for trial in trials.values()}) == 54
    assert proposer.propose(54, trials)["a"] in range(1, 10)  # there is no other point


def test_another_cell_or_seed_gets_other_proposals() -> None:
    space = space_of({"x": {"min": 0.0, "max": 1.0}})
    points = [
        sampler("tpe", space, "minimize", seed, values).propose(0, {})
        for seed, values in ((0, {}), (1, {}), (0, {"data": "a"}), (0, {"data": "b"}))
    ]
    assert len({params["x"] for params in points}) == 4


@pytest.mark.parametrize("goal", ["minimize", "maximize"])
def test_tpe_and_cmaes_find_what_random_does_not(goal: Any) -> None:
    space = space_of({name: {"min": -5.0, "max": 5.0} for name in "abc"})
    sign = 1 if goal == "minimize" else -1

    def best(name: str) -> float:
        proposer = sampler(name, space, goal, 1, {})
        trials: dict[int, Trial] = {}
        for number in range(60):
            params = proposer.propose(number, trials)
            loss = sum((params[name] - 1) ** 2 for name in "abc")
            trials[number] = Trial("done", params, sign * loss)
        return min(sign * trial.value for trial in trials.values() if trial.value is not None)

    assert best("tpe") < 0.3 < best("qmc")
    assert best("cmaes") < 0.5


def garbage() -> Iterator[Trial]:
    for params in ({}, {"x": "?"}, {"x": 99.0}, {"x": math.nan}, {"x": None, "y": 1}, {"x": [1]}):
        yield Trial("done", params, 0.0)
    for bad_value in (None, math.nan, math.inf, -math.inf):
        yield Trial("done", {"x": 0.5}, bad_value)
    yield Trial("failed", {"x": 0.1})
    yield Trial("pruned", {"x": 0.2}, None, ((None, 3.0), (1, math.nan)))
    yield Trial("pruned", {"x": 0.3})
    yield Trial("running", {"x": 0.4}, None, ((-1, 2.0),))


@pytest.mark.parametrize("name", NAMES)
def test_trials_that_do_not_fit_the_space_are_ignored(name: str) -> None:
    space = space_of({"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}})
    trials = dict(enumerate(garbage()))
    for number in range(20, 40):
        trials[number] = Trial("done", {"x": number / 40, "y": 0.5}, number / 40)
    assert 0 <= sampler(name, space, "minimize", 0, {}).propose(50, trials)["x"] <= 1
    nothing = {n: Trial("failed", {"x": 0.5, "y": 0.5}) for n in range(20)}
    assert 0 <= sampler(name, space, "minimize", 0, {}).propose(50, nothing)["x"] <= 1


def test_a_trial_that_runs_again_is_learned_again() -> None:
    space = space_of({"x": {"min": 0.0, "max": 1.0}})
    proposer = sampler("tpe", space, "minimize", 0, {})
    trials = {n: Trial("done", {"x": n / 20}, n / 20) for n in range(20)}
    proposer.propose(30, trials)
    trials[0] = Trial("running", {"x": 0.0})
    del trials[1]
    fresh = sampler("tpe", space, "minimize", 0, {})
    assert proposer.propose(30, trials) == fresh.propose(30, trials)


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown sampler 'tpee'"):
        sampler("tpee", Space(), "minimize", 0, {})


def test_gp_proposes_as_well() -> None:
    space = space_of({"x": {"min": 0.0, "max": 1.0}})
    trials = {n: Trial("done", {"x": n / 10}, (n / 10 - 0.33) ** 2) for n in range(10)}
    assert abs(sampler("gp", space, "minimize", 0, {}).propose(30, trials)["x"] - 0.33) < 0.1
