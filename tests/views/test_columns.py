"""Values of tasks as columns: flat, and no two columns with one name."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from colabctl.views.columns import cell, flat, titles


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


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "'=1"],
)
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize("value", [-1.5, float("-inf"), -3, "-0.5", "+1e-5", "a=1", "'", "", None])
def test_a_cell_that_is_a_number_or_harmless_stays_as_it_is(value: object) -> None:
    assert cell(value) is value


formulas = st.text(alphabet="'=+-@1\t\r\n.e", max_size=6)


@given(formulas, formulas)
@example("=1", "'=1")
def test_different_texts_have_different_cells(one: str, other: str) -> None:
    assert (cell(one) == cell(other)) == (one == other)
