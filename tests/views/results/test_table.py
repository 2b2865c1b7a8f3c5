"""The columns of results."""

from hypothesis import given
from hypothesis import strategies as st

from colabctl.views.results.rows import FIXED
from tests.views.results.rows import row, table

ROWS = [
    row(0, params={"x": 1, "name": "a"}, metrics={"y": 0.5, "ok": True}),
    row(1, params={"x": 2, "lr": 1e-5}, metrics={"y": 0.25, "list": [1, 2]}),
    row(2, params={"x": None, "deep": {"a": {"b": 1}}}, status="failed", error="no\nway"),
]


def test_parameters_and_metrics_are_columns_with_their_names() -> None:
    both = table(ROWS)
    columns, lines = both.titles, list(both.lines)
    assert columns == [*FIXED, "x", "name", "lr", "deep.a.b", "y", "ok", "list"]
    assert lines[0][len(FIXED) :] == [1, "a", None, None, 0.5, True, None]
    assert lines[1][-1] == "[1, 2]"
    assert lines[2][columns.index("deep.a.b")] == 1


def test_a_name_of_two_columns_gets_a_prefix() -> None:
    rows = [
        row(
            params={"x": 1, "status": "p", "LR": 1, "a": {"b": 1}},
            metrics={"x": 2, "lr": 2, "a.b": 2},
        )
    ]
    columns, [line] = table(rows).titles, list(table(rows).lines)
    named = dict(zip(columns, line, strict=True))
    assert (named["params.x"], named["metrics.x"]) == (1, 2)
    assert (named["status"], named["params.status"]) == ("done", "p")
    assert (named["params.LR"], named["metrics.lr"]) == (1, 2)
    assert (named["params.a.b"], named["metrics.a.b"]) == (1, 2)


names = st.text(max_size=6) | st.sampled_from(
    ["task", "Task", "x", "X", "params.x", "metrics.x", "x_2"]
)


@given(
    st.lists(
        st.tuples(st.dictionaries(names, st.integers()), st.dictionaries(names, st.integers()))
    )
)
def test_column_names_are_unique_and_no_value_is_lost(
    values: list[tuple[dict[str, int], dict[str, int]]],
) -> None:
    rows = [row(n, params=params, metrics=metrics) for n, (params, metrics) in enumerate(values)]
    columns, lines = table(rows).titles, list(table(rows).lines)
    assert len({column.casefold() for column in columns}) == len(columns)
    for each, line in zip(rows, lines, strict=True):
        there = sorted(value for value in line[len(FIXED) :] if value is not None)
        assert there == sorted([*each.params.values(), *each.metrics.values()])
