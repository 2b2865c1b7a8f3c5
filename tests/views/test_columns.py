"""Values of tasks as columns: flat, and no two columns with one name."""

from hypothesis import given
from hypothesis import strategies as st

from colabctl.views.columns import flat, titles


def test_maps_within_maps_are_joined_by_dots_and_lists_are_json() -> None:
    values = {"a": {"b": 1, "c": {"d": [1, 2]}}, "e": {}, "f": None}
    assert flat(values) == {"a.b": 1, "a.c.d": "[1, 2]", "e": "{}", "f": None}


def test_a_name_of_two_columns_gets_a_prefix() -> None:
    names = {"params": ["x", "Task", "lr"], "metrics": ["X", "loss"]}
    assert titles(["task"], names) == ["params.x", "params.Task", "lr", "metrics.X", "loss"]


words = st.text(max_size=4) | st.sampled_from(["task", "Task", "x", "X", "params.x", "x_2"])


@given(st.lists(words, unique=True), st.lists(words, unique=True))
def test_every_name_has_its_own_column(params: list[str], metrics: list[str]) -> None:
    columns = ["task", *titles(["task"], {"params": params, "metrics": metrics})]
    assert len(columns) == 1 + len(params) + len(metrics)
    assert len({name.casefold() for name in columns}) == len(columns)
    "".join(columns).encode()
