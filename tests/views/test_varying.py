"""Which names vary between tasks."""

import math

from hypothesis import given
from hypothesis import strategies as st

from colabctl.views.columns import flat
from colabctl.views.varying import varying


def test_names_whose_values_differ_vary_in_order_of_appearance() -> None:
    tasks = [{"seed": 1, "lr": 0.1, "model": "svm"}, {"seed": 1, "lr": 0.2, "model": "mlp"}]
    assert varying(tasks) == ["lr", "model"]


def test_of_one_task_or_none_nothing_varies() -> None:
    assert varying([]) == []
    assert varying([{"lr": 0.1}]) == []


def test_a_parameter_that_some_tasks_lack_varies() -> None:
    assert varying([{"a": 1}, {"a": 1, "kernel": "rbf"}]) == ["kernel"]
    assert varying([{"a": 1, "kernel": "rbf"}, {"a": 1}]) == ["kernel"]
    assert varying([{}, {"a": 1}]) == ["a"]


def test_a_metric_that_failed_tasks_lack_does_not_vary() -> None:
    assert varying([{"n": 5, "y": 1}, {}, {"n": 5, "y": 2}], absence=False) == ["y"]


def test_nested_names_have_dots_and_lists_are_compared_whole() -> None:
    tasks = [
        {"net": {"depth": 2, "width": 8}, "layers": [1, 2]},
        {"net": {"depth": 3, "width": 8}, "layers": [1, 2]},
    ]
    assert varying(tasks) == ["net.depth"]


def test_equal_is_what_looks_equal() -> None:
    assert varying([{"x": 1, "y": 1, "z": math.nan}, {"x": 1.0, "y": True, "z": math.nan}]) == ["y"]
    assert varying([{"x": "1"}, {"x": 1}]) == ["x"]
    assert varying([{"x": None}, {"x": 1}]) == ["x"]


values = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 2), max_size=4)


@given(st.lists(values, max_size=5))
def test_the_order_of_the_tasks_does_not_matter(tasks: list[dict[str, int]]) -> None:
    present = {name for task in tasks for name in task}
    expected = {name for name in present if len({flat(task).get(name) for task in tasks}) > 1}
    assert set(varying(tasks)) == expected
    assert set(varying(reversed(tasks))) == expected
