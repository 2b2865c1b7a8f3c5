"""Values of tasks as columns: flat, and no two columns with one name."""

from hypothesis import given
from hypothesis import strategies as st

from colabctl.views.columns import flat, titles


def test_maps_within_maps_are_joined_by_dots_and_lists_are_json() -> None:
    values = {"a": {"b": 1, "c": {"d": [1, 2]}}, "e": {}, "f": None}
    assert flat(values) == {"a.b": 1, "a.c.d": "[1, 2]", "e": "{}", "f": None}


def test_a_name_of_two_values_says_which() -> None:
    names = {"params": ["x", "Task", "lr"], "metrics": ["X", "loss"]}
    assert titles(["task"], names) == ["params.x", "params.Task", "lr", "metrics.X", "loss"]


words = st.text(max_size=4) | st.sampled_from(["task", "Task", "x", "X", "params.x", "x_2"])


@given(st.lists(words, unique=True), st.lists(words, unique=True))
def test_there_is_a_column_for_each_name_and_no_two_are_alike(
    params: list[str], metrics: list[str]
) -> None:
    made = ["task", *titles(["task"], {"params": params, "metrics": metrics})]
    assert len({name.casefold() for name in made}) == len(made) == 1 + len(params) + len(metrics)
    "".join(made).encode()
