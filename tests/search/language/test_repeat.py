"""How often each configuration runs, as a sweep file says it, and what is refused."""

from typing import Any

import pytest

from colabctl.repeat import Repeat, decode, encode
from tests.search.language.minimal import MINIMAL, declared, problem_of


def test_a_number_repeats_without_a_parameter_and_a_name_gives_one() -> None:
    assert declared("").repeat is None
    assert declared("repeat: 3").repeat == Repeat(None, (0, 1, 2))
    assert declared("repeat: {fold: 5}").repeat == Repeat("fold", (0, 1, 2, 3, 4))
    assert declared("repeat: {seed: [7]}").repeat == Repeat("seed", (7,))
    best = declared("repeat: {seed: [1, 2]}\naggregate: median").repeat
    assert best == Repeat("seed", (1, 2), "median")


def test_repeats_without_a_parameter_come_with_a_note() -> None:
    assert any("write repeat: {seed: 3}" in note for note in declared("repeat: 3").notes)
    assert not declared("repeat: {seed: 3}").notes


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("repeat: {lr: [1, 2]}", "lr is also a parameter; remove it under parameters:"),
        ("repeat: {seed: [1, 1]}", "repeat.seed: lists a value twice"),
        ("repeat: {seed: []}", "repeat.seed: is empty"),
        ("repeat: {seed: 1001}", "more than 1,000 repeats"),
        ("repeat: {seed: [[1], [2]]}", "must list numbers or texts"),
        (
            "repeat: 1",
            "repeat: is a single run, as without repeat:; for one run with seed 1, write repeat: {seed: [1]}; ",
        ),
        (
            "repeat: {seed: 1}",
            "repeat.seed: is one run with seed 0; for one run with seed 1, write repeat: {seed: [1]}; ",
        ),
        ("repeat: {fold: 1}", "for several, write repeat: {fold: 3} or repeat: {fold: [1, 2, 3]}"),
        ("repeat: 0", "must be a number of repeats or a list, not 0"),
        ("repeat: true", "must be a number of repeats or a list, not true"),
        ("repeat: [1, 2]", "is a list without the name of a parameter"),
        ("repeat: {seed: 2, fold: 2}", "the name of one parameter, not seed, fold"),
        ("repeat: {seed: 2, aggregate: min}", "put aggregate: at the top of the file"),
        ("repeat: {}", "the name of one parameter, not none"),
        ("aggregate: median", "has no effect without repeat:"),
        ("repeat: 2\naggregate: average", "must be one of mean, median, min, max"),
        ("seeds: [1, 2]", "did you mean repeat?"),
    ],
)
def test_a_repeat_that_cannot_be_is_refused_with_its_place(more: str, message: str) -> None:
    problem = problem_of(MINIMAL + more)
    assert message in problem
    assert "sweep.yaml:3:" in problem or "sweep.yaml:4:" in problem


def test_a_parameter_of_a_branch_is_a_parameter_too() -> None:
    text = "method: random\nrepeat: {seed: 2}\nparameters: {m: {choices: {a: {parameters: {seed: {value: 1}}}}}}"
    assert "seed is also a parameter" in problem_of(text)


def test_an_objective_cannot_be_repeated() -> None:
    text = "method: optuna\nprogram: a.py:f\nrepeat: 3"
    assert "repeat inside the objective, and return the mean" in problem_of(text)


def test_repeats_are_written_and_read_back() -> None:
    repeat = Repeat("seed", (1, "a"), "max")
    assert decode(encode(repeat)) == repeat
    assert decode(encode(None)).count == 1
    damages: list[dict[str, Any]] = [{"name": 1}, {"name": None, "values": [], "aggregate": "mean"}]
    for damaged in damages:
        with pytest.raises(ValueError, match="repeat is"):
            decode(damaged)


def test_values_become_one_in_four_ways_also_where_their_sum_is_too_large() -> None:
    made = {how: Repeat(None, (0, 1, 2), how).aggregated([1.0, 2.0, 6.0]) for how in ("mean", "median", "min", "max")}  # fmt: skip
    assert made == {"mean": 3.0, "median": 2.0, "min": 1.0, "max": 6.0}
    assert Repeat().aggregated([1.7e308, 1.7e308]) == 1.7e308
