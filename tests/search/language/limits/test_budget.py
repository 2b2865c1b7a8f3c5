"""Tests of the keys `budget` and `patience`."""

import pytest

from colabctl.budget import Budget, Patience, decode_budget, decode_patience, encode
from colabctl.search import read
from colabctl.yamlfile.problems import InvalidFileError

HEAD = """\
method: random
trials: 9
metric: {name: loss, goal: minimize}
program: train.py
parameters: {x: {min: 0.0, max: 1.0}}
"""


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("{tasks: 500}", Budget(500)),
        ("{time: 20h}", Budget(None, 72000.0)),
        ("{time: 1h30m, tasks: 3}", Budget(3, 5400.0)),
        ("{time: 90}", Budget(None, 90.0)),
    ],
)
def test_a_budget_limits_tasks_and_time(text: str, budget: Budget) -> None:
    assert read(f"{HEAD}budget: {text}\n", "s.yaml").budget == budget
    assert decode_budget(encode(budget)) == budget


@pytest.mark.parametrize(
    ("text", "patience"),
    [("50", Patience(50)), ("{trials: 3, min_delta: 1e-3}", Patience(3, 0.001))],
)
def test_patience_is_a_number_of_trials(text: str, patience: Patience) -> None:
    assert read(f"{HEAD}patience: {text}\n", "s.yaml").patience == patience
    assert decode_patience(encode(patience)) == patience


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: 20h", "6:9: budget: must be a map, as in {time: 20h}"),
        ("budget: 500", "6:9: budget: must be a map, as in {tasks: 500}"),
        ("budget: [1]", "6:9: budget: must be a map, as in {time: 20h, tasks: 500}"),
        ("budget: {}", "6:9: budget: has no limit"),
        ("budget: {trials: 3}", "6:10: budget.trials: is not a key here; did you mean tasks?"),
        ("budget: {tasks: 0}", "budget.tasks: must be a whole number of at least 1, not 0"),
        ("budget: {time: soon}", 'budget.time: "soon" is not a duration; write 90s, 10m or 1h30m'),
        ("budget: {time: -3}", "budget.time: -3 is not a duration"),
        ("time_budget: 3h", "time_budget: is not a key here; did you mean budget?"),
        ("patience: 0", "6:11: patience: must be a whole number of at least 1, not 0"),
        ("patience: 50%", "it is a number of trials, as in patience: 50"),
        ("patience: {min_delta: 1}", "patience: has no trials:"),
        ("patience: {trials: 3, min_delta: -1}", "min_delta: must be a number from 0, not -1"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_the_fix(text: str, message: str) -> None:
    with pytest.raises(InvalidFileError, match=r"s\.yaml:") as error:
        read(f"{HEAD}{text}\n", "s.yaml")
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_patience_needs_one_metric() -> None:
    without = HEAD.replace("metric:", "# metric:") + "patience: 5\n"
    with pytest.raises(InvalidFileError, match="patience: needs metric:"):
        read(without, "s.yaml")
    several = "metrics: [{name: a, goal: minimize}, {name: b, goal: minimize}]\n"
    with pytest.raises(InvalidFileError, match="patience: compares one metric"):
        read(without + several, "s.yaml")


@pytest.mark.parametrize("damaged", [{}, {"tasks": 0}, {"time": -1}, {"time": "2h"}, {"x": 1}])
def test_a_damaged_budget_of_a_plan_is_refused(damaged: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="budget is"):
        decode_budget(damaged)


@pytest.mark.parametrize(
    "damaged", [{}, {"trials": 3}, {"trials": True, "min_delta": 0}, {"trials": 1, "min_delta": -1}]
)
def test_a_damaged_patience_of_a_plan_is_refused(damaged: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="patience is"):
        decode_patience(damaged)
