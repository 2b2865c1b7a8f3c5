"""The points of `start_with` are the first tasks, and are checked against the space."""

from typing import Any

import pytest

from colabctl.errors import UserError
from colabctl.search import Expansion, InvalidFileError, expand, read

SPACE: dict[str, Any] = {
    "x": {"min": 0.0, "max": 5.0},
    "data": {"values": ["a", "b"]},
    "net": {"parameters": {"depth": {"min": 1, "max": 6}}},
    "model": {"choices": {"tree": {"parameters": {"leaves": {"values": [2, 4]}}}, "line": {}}},
}


def expanded(start_with: Any, method: str = "random", **more: Any) -> Expansion:
    content = {
        "method": method,
        "metric": {"name": "loss"},
        "parameters": SPACE,
        "trials": 4,
        "start_with": start_with,
        **more,
    }
    return expand(read(content, "s.yaml"))


def test_points_are_the_first_tasks_and_what_they_leave_out_is_drawn() -> None:
    whole = {"x": 1.5, "data": "a", "net": {"depth": 2}, "model": "line"}
    tasks = list(expanded([whole, {"leaves": 4}]).tasks())
    assert tasks[0].params == whole
    assert tasks[1].params is not None
    assert (tasks[1].params["model"], tasks[1].params["leaves"]) == ("tree", 4)
    assert 0 <= tasks[1].params["x"] <= 5
    plain = list(expanded(None).tasks())
    assert [task.params for task in tasks[2:]] == [task.params for task in plain[2:]]


def test_a_bayesian_search_has_them_before_what_it_proposes() -> None:
    params = [task.params for task in expanded([{"x": 1}, {"net.depth": 3}], "bayes").tasks()]
    assert params[0] is not None
    assert params[1] is not None
    assert (params[0]["x"], params[1]["net"]) == (1, {"depth": 3})
    assert params[2:] == [None, None]


def test_a_point_belongs_to_each_combination_of_foreach_in_which_it_is_possible() -> None:
    points = [{"x": 1, "data": "b"}, {"x": 2}]
    tasks = expanded(points, foreach=["data"]).tasks()
    first = [(task.params or {})["x"] for task in tasks if task.trial < 2]
    assert first[:1] == [2]
    assert first[2:] == [1, 2]
    trees = expanded([{"leaves": 2}], foreach=["model"])
    assert [len(cell.starts) for cell in trees.cells] == [1, 0]


def test_a_grid_has_the_same_points_in_another_order() -> None:
    parameters = {"a": {"values": [1, 2, 3]}, "b": {"values": ["x", "y"]}}
    grid = {"method": "grid", "parameters": parameters}
    plain = [tuple((task.params or {}).values()) for task in expand(read(grid, "g")).tasks()]
    starts = [{"a": 3, "b": "y"}, {"a": 1, "b": "y"}, {"a": 1, "b": "x"}]
    moved = expand(read({**grid, "start_with": starts}, "g")).tasks()
    order = [tuple((task.params or {}).values()) for task in moved]
    assert order[:3] == [(3, "y"), (1, "y"), (1, "x")]
    assert sorted(order) == sorted(plain)


def test_an_objective_gets_its_points_with_the_cell_and_asks_for_the_others() -> None:
    content = {
        "method": "optuna",
        "program": "study.py:objective",
        "trials": 3,
        "start_with": [{"rate": 0.1, "kind": "a"}],
    }
    expansion = expand(read(content, "o.yaml"))
    assert expansion.cells[0].starts == ({"rate": 0.1, "kind": "a"},)
    assert [task.params for task in expansion.tasks()] == [None] * 3


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"x": 7}, r"start_with\[1\]: x cannot be 7; the sweep file allows 0 to 5"),
        ({"X": 1}, r"start_with\[1\].X: X is not a parameter; did you mean x?"),
        ({"net": 3}, r"start_with\[1\]: net is a map; give its parameters, such as net.depth"),
        ({"net": {"depth": 9}}, r"net.depth cannot be 9; the sweep file allows 1 to 6"),
        ({"model": "line", "leaves": 2}, "leaves is not a parameter with model=line"),
        ({"data": "c"}, 'data cannot be "c"; the sweep file allows "a", "b"'),
        (
            {"x": "0.8"},
            'x cannot be "0.8", which is text; write it without quotes; the sweep file allows 0 to 5',
        ),
        ({"x": "-1e-3"}, 'x cannot be "-1e-3", which is text; write it without'),
        ({"x": "many"}, 'x cannot be "many"; the sweep file allows 0 to 5'),
        ({"data": "1"}, 'data cannot be "1"; the sweep file allows "a", "b"'),
        ({"x": None}, "x cannot be null"),
        ({}, r"start_with\[1\]: must be a map of values, as in"),
        (5, r"start_with\[1\]: must be a map of values, as in"),
    ],
)
@pytest.mark.parametrize("method", ["random", "bayes"])
def test_a_point_outside_the_space_is_named(method: str, point: Any, message: str) -> None:
    with pytest.raises(InvalidFileError, match=message):
        expanded([{"x": 1}, point], method)


def test_points_have_their_line() -> None:
    text = "method: random\nparameters: {x: {min: 0.0, max: 1.0}}\nstart_with:\n- x: 0.5\n- x: 2\n"
    with pytest.raises(InvalidFileError, match=r"s.yaml:5:3: start_with\[1\]: x cannot be 2"):
        read(text, "s.yaml")


def test_a_point_that_breaks_a_condition_is_named() -> None:
    numbers = {"x": {"min": 0.0, "max": 5.0}, "y": {"min": 0.0, "max": 5.0}}
    more: dict[str, Any] = {"parameters": numbers, "where": ["x < y"]}
    assert next(iter(expanded([{"x": 4}], **more).tasks())).params["y"] > 4  # type: ignore[index]
    with pytest.raises(InvalidFileError, match=r"start_with\[0\]: breaks where:"):
        expanded([{"x": 4, "y": 1}], **more)


@pytest.mark.parametrize("value", [{"x": 1}, "x=1", [], 5])
def test_it_must_be_a_list_of_points(value: Any) -> None:
    with pytest.raises(InvalidFileError, match="start_with: must be a list of points"):
        expanded(value)


WHOLE: dict[str, Any] = {"x": 1, "data": "a", "net": {"depth": 2}, "model": "tree", "leaves": 4}


@pytest.mark.parametrize("method", ["random", "bayes"])
@pytest.mark.parametrize(
    ("first", "second", "foreach"),
    [
        (WHOLE, WHOLE, []),
        (WHOLE, {**WHOLE, "x": 1.0}, []),
        (WHOLE, {"leaves": 4, "net.depth": 2, "data": "a", "x": 1}, []),  # leaves are of a tree
        (WHOLE, {name: each for name, each in WHOLE.items() if name != "data"}, ["data"]),
    ],
)
def test_a_point_that_comes_twice_is_named(
    first: Any, second: Any, foreach: list[str], method: str
) -> None:
    with pytest.raises(InvalidFileError, match=r"start_with\[2\]: is the same as start_with\[0\]"):
        expanded([first, {"x": 2}, second], method, foreach=foreach)


@pytest.mark.parametrize(
    ("first", "second", "foreach"),
    [
        ({"x": 1}, {"x": 1}, []),  # the others are drawn for each
        (WHOLE, {**WHOLE, "x": 2}, []),
        (WHOLE, {**WHOLE, "data": "b"}, []),
        (WHOLE, {**WHOLE, "data": "b"}, ["data"]),
    ],
)
def test_points_that_can_differ_are_two_tasks(first: Any, second: Any, foreach: list[str]) -> None:
    assert expanded([first, second], foreach=foreach).cells[0].starts


def test_more_points_than_tasks_and_points_of_no_combination_are_refused() -> None:
    with pytest.raises(UserError, match="start_with has 5 points for 4 tasks; raise trials:"):
        expanded([{"x": n / 5} for n in range(5)])
    with pytest.raises(UserError, match=r"start_with\[0\] is in no combination of foreach"):
        expanded([{"data": "a"}], foreach=["data"], exclude=[{"data": "a"}])


def test_learn_from_is_for_bayesian_search() -> None:
    assert read(
        {
            "method": "bayes",
            "metric": {"name": "loss"},
            "parameters": SPACE,
            "learn_from": ["old", "older", "old"],
        },
        "s",
    ).learn_from == ("old", "older")
    with pytest.raises(InvalidFileError, match="learn_from: has no effect with method: random"):
        read({"method": "random", "parameters": SPACE, "learn_from": "old"}, "s")
