"""The default sampler is a Gaussian process where that is worth its time, else TPE."""

from typing import Any

import pytest

from colabctl.search import Space, expand, read
from colabctl.search.learn import auto
from colabctl.search.learn.auto import MOST_NUMBERS, MOST_TRIALS, Choice
from colabctl.search.learn.axes import level_of
from colabctl.search.learn.samplers import sampler
from colabctl.search.learn.trials import Trial

pytest.importorskip("optuna")
pytest.importorskip("scipy")

TWO = {"x": {"min": 0.0, "max": 1.0}, "y": {"min": 0.0, "max": 1.0}}


def space_of(parameters: dict[str, Any]) -> Space:
    return expand(read({"method": "random", "parameters": parameters}, "test")).cells[0].space


def done(count: int, seconds: float) -> dict[int, Trial]:
    return {
        n: Trial("done", {"x": n % 7 / 7, "y": n % 5 / 5}, (n % 7 / 7 - 0.4) ** 2, seconds=seconds)
        for n in range(count)
    }


def test_long_tasks_in_a_small_space_have_a_gaussian_process() -> None:
    assert Choice(level_of(space_of(TWO)), "auto").of(done(20, seconds=60)) == "gp"


@pytest.mark.parametrize(
    ("parameters", "count"),
    [
        (TWO, MOST_TRIALS),
        ({f"x{i}": {"min": 0.0, "max": 1.0} for i in range(MOST_NUMBERS + 1)}, 20),
        ({"only": {"values": ["a", "b", "c"]}}, 20),
        ({**TWO, "model": {"choices": {"a": {}, "b": {"parameters": {"z": TWO["x"]}}}}}, 20),
    ],
    ids=["many trials", "many numbers", "no numbers", "choices"],
)
def test_else_it_is_tpe(parameters: dict[str, Any], count: int) -> None:
    assert Choice(level_of(space_of(parameters)), "auto").of(done(count, seconds=60)) == "tpe"


def test_several_metrics_are_searched_by_tpe() -> None:
    choice = Choice(level_of(space_of(TWO)), "auto", several=True)
    assert choice.of(done(20, seconds=60)) == "tpe"


def test_without_scipy_it_is_tpe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto, "find_spec", lambda _: None)
    assert Choice(level_of(space_of(TWO)), "auto").of(done(20, seconds=60)) == "tpe"


def test_a_gaussian_process_proposes_only_where_it_takes_at_most_a_twentieth_of_a_task() -> None:
    choice = Choice(level_of(space_of(TWO)), "auto")
    assert choice.of({}) == "tpe"  # nothing is known of the tasks
    assert choice.of(done(20, seconds=5.9)) == "tpe"  # until proposals were measured
    assert choice.of(done(20, seconds=6.1)) == "gp"
    for seconds in (9.0, 0.2, 0.2):  # the first one loads libraries
        choice.measured(seconds)
    assert choice.of(done(20, seconds=4.1)) == "gp"
    assert choice.of(done(20, seconds=3.9)) == "tpe"
    for seconds in (3.0, 3.0, 3.0):
        choice.measured(seconds)
    assert choice.of(done(20, seconds=59)) == "tpe"
    assert choice.of(done(20, seconds=61)) == "gp"


def test_a_sampler_that_was_named_is_taken_whatever_it_costs() -> None:
    assert Choice(level_of(space_of(TWO)), "gp").of(done(400, seconds=0.1)) == "gp"
    assert Choice(level_of(space_of(TWO)), "tpe").of(done(20, seconds=60)) == "tpe"


def test_short_tasks_are_proposed_by_tpe_and_the_first_ones_at_random() -> None:
    proposer = sampler("auto", space_of(TWO), "minimize", 0, {})
    proposer.propose(9, done(3, seconds=0.1))
    assert proposer.proposed_by == "random"
    proposer.propose(20, done(20, seconds=0.1))
    assert proposer.proposed_by == "tpe"


def test_long_tasks_are_proposed_by_a_real_gaussian_process() -> None:
    proposer = sampler("auto", space_of(TWO), "minimize", 0, {})
    trials = done(20, seconds=600)
    proposer.prepare(trials)
    assert abs(proposer.propose(20, trials)["x"] - 0.4) < 0.25
    assert proposer.proposed_by == "gp"
