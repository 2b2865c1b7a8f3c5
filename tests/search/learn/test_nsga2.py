"""Searches with several metrics learn from all of them."""

import pytest

from colabctl.search import expand, read
from colabctl.search.learn.samplers import sampler
from colabctl.search.learn.trials import Trial

pytest.importorskip("optuna")

PARAMETERS = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}, "k": {"values": [1, 2]}}


def history(name: str, count: int) -> dict[int, Trial]:
    """Return trials of a problem whose front is where y is 0, x anything, and k 1."""
    content = {"method": "random", "parameters": PARAMETERS}
    proposer = sampler(
        name, expand(read(content, "test")).cells[0].space, ["minimize", "maximize"], 3, {}
    )
    trials: dict[int, Trial] = {}
    for number in range(count):
        params = proposer.propose(number, trials)
        loss = params["y"] + (params["k"] == 2)
        trials[number] = Trial("done", params, values=(params["x"] + loss, params["x"] - loss))
    return trials


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_later_trials_are_nearer_to_the_front_than_random_ones(name: str) -> None:
    trials = history(name, 100)
    losses = [trials[n].params["y"] + (trials[n].params["k"] == 2) for n in range(100)]
    assert sum(losses[70:]) / 30 < 0.75 * sum(losses[:20]) / 20


def test_trials_that_lack_a_metric_or_failed_are_no_parents() -> None:
    content = {"method": "random", "parameters": PARAMETERS}
    space = expand(read(content, "test")).cells[0].space
    proposer = sampler("nsga2", space, ["minimize", "minimize"], 3, {})
    trials = {n: Trial("done", history("qmc", 1)[0].params) for n in range(40)}
    assert proposer.propose(40, trials).keys() == PARAMETERS.keys()
