"""The cell that assigns a task's parameters."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.notebook.injection import parameters_source, preview
from tests.notebook.notebooks import notebook

names = st.from_regex(r"[a-zäλ_][a-z0-9_]{0,8}", fullmatch=True).filter(
    lambda name: (
        name
        not in ("as", "if", "in", "is", "or", "and", "def", "del", "for", "not", "try", "float")
        and name.isidentifier()
        and name not in __import__("keyword").kwlist
    )
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def same(left: Any, right: Any) -> bool:
    """Return whether two values are equal and of the same types; NaN equals NaN."""
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return left == right or (math.isnan(left) and math.isnan(right))
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


@given(st.dictionaries(names, values, max_size=5))
def test_running_the_cell_assigns_the_parameters(params: dict[str, Any]) -> None:
    namespace: dict[str, Any] = {}
    exec(parameters_source(params, "task t000001\nof sweep 'x'"), namespace)
    del namespace["__builtins__"]
    # Python normalizes some names, such as one with a ligature.
    assert same(list(namespace.values()), list(params.values()))


def test_its_first_line_names_its_origin() -> None:
    assert parameters_source({"lr": 0.1, "name": 'a "b"'}, "task t000012 of sweep first") == (
        "# Inserted by colabctl: task t000012 of sweep first\nlr = 0.1\nname = 'a \"b\"'"
    )


def test_an_origin_of_several_lines_stays_a_comment() -> None:
    assert parameters_source({}, "a\nimport os").count("\n") == 0


def test_a_value_that_cannot_be_written_is_refused_by_name() -> None:
    with pytest.raises(UserError, match="parameter when holds a set"):
        parameters_source({"when": [{1}]}, "x")


@pytest.mark.parametrize("name", ["__import__('os').system('id'); y", "x\ny", "", "class", "a.b"])
def test_text_that_is_not_a_name_never_becomes_code(name: str) -> None:
    with pytest.raises(UserError, match="is not a Python name") as refused:
        parameters_source({"x": 1, name: 1}, "x")
    assert "\n" not in str(refused.value)


def test_a_dry_run_shows_the_cell_and_its_place() -> None:
    text = preview(notebook("import os", "# parameters\nlr = 1"), {"lr": 0.5}, "task t000000")
    assert text == (
        "MAIN.ipynb runs once for each task, with this cell inserted after cell 2:\n"
        "# Inserted by colabctl: task t000000\n"
        "lr = 0.5"
    )
    assert "each worker runs it once" in preview(notebook("for t in s.tasks(): 0"), {}, "x")
