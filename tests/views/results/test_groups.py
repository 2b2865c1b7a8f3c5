"""Groups of results: counts, best, mean and standard deviation."""

import math
from dataclasses import replace

import pytest

from colabctl.errors import UserError
from colabctl.views.results import Result
from colabctl.views.results.groups import grouped
from tests.views.results.rows import PLAN, names, row

ROWS = [
    row(0, params={"model": "svm", "seed": 1}, metrics={"y": 1.0}),
    row(1, params={"model": "svm", "seed": 2}, metrics={"y": 3.0}),
    row(2, params={"model": "mlp", "seed": 1}, metrics={"y": 0.5}),
    row(3, params={"model": "mlp", "seed": 2}, metrics={}, status="failed"),
    row(4, params={"model": "knn", "seed": 1}, metrics={"y": 9.0}, status="pruned"),
]


def lines(rows: list[Result], *by: str, **options: object) -> list[list[object]]:
    plan = options.pop("plan", PLAN)
    return [list(each) for each in grouped(rows, names(rows), by, plan, **options).lines]  # type: ignore[arg-type]


def test_a_group_has_its_count_best_mean_and_deviation_the_best_mean_first() -> None:
    assert lines(ROWS, "model") == [
        ["mlp", 1, 0.5, 0.5, None, "t000002"],
        ["svm", 2, 1.0, 2.0, math.sqrt(2), "t000000"],
        ["knn", 0, None, None, None, None],
    ]
    assert grouped(ROWS, names(ROWS), ["model"], PLAN).titles == [
        "model", "count", "best", "mean", "sd", "task",
    ]  # fmt: skip


def test_the_goal_decides_which_is_best() -> None:
    table = lines(ROWS, "model", plan=replace(PLAN, goal="maximize"))
    assert [(line[0], line[2], line[-1]) for line in table] == [
        ("svm", 3.0, "t000001"),
        ("mlp", 0.5, "t000002"),
        ("knn", None, None),
    ]


def test_groups_are_by_several_names_and_sorted_by_any_title() -> None:
    table = lines(ROWS, "model", "seed", sort=["-seed", "model"])
    assert [line[:2] for line in table] == [
        ["mlp", 2], ["svm", 2], ["knn", 1], ["mlp", 1], ["svm", 1],
    ]  # fmt: skip
    assert len(lines(ROWS, "model", "seed", most=2)) == 2
    with pytest.raises(
        UserError, match="--sort: the table has no column modle; did you mean model"
    ):
        lines(ROWS, "model", sort=["modle"])


def test_lists_missing_values_and_names_of_figures_can_group() -> None:
    rows = [
        row(0, params={"count": [1, 2]}, metrics={"y": 1}),
        row(1, params={"count": [1, 2]}, metrics={"y": 2}),
        row(2, params={}, metrics={"y": 3}),
    ]
    table = grouped(rows, names(rows), ["count"], PLAN)
    assert table.titles[:2] == ["params.count", "count"]
    assert [list(line[:2]) for line in table.lines] == [["[1, 2]", 2], [None, 1]]
