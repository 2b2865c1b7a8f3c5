"""Names of values in results: which vary, and how they are found."""

from dataclasses import replace

import pytest

from colabctl.errors import UserError
from colabctl.views.results import Result
from colabctl.views.results.table import table as table_of
from tests.views.results.rows import PLAN, names, row


def varying(*rows: Result) -> list[str]:
    return [column.title for column in names(rows).varying()]


def test_people_see_what_varies_and_the_metric_of_the_sweep() -> None:
    one = {"params": {"lr": 0.1, "seed": 7}, "metrics": {"y": 1, "epochs": 10}}
    two = {"params": {"lr": 0.2, "seed": 7}, "metrics": {"y": 1, "epochs": 10}}
    assert varying(row(0, **one), row(1, **two)) == ["task", "seconds", "lr", "y"]
    failed = row(2, params=two["params"], status="failed", error="no", member="ben")
    assert varying(row(0, **one), failed) == [
        "task", "member", "seconds", "lr", "y", "epochs",
    ]  # fmt: skip


def test_a_single_result_shows_all_its_values() -> None:
    assert varying(row(0, params={"lr": 1, "seed": 2}, metrics={"y": 1})) == [
        "task", "seconds", "lr", "seed", "y",
    ]  # fmt: skip


def test_what_does_not_vary_is_known() -> None:
    some = names([row(n, params={"x": n, "seed": 7}, metrics={"y": n, "n": 3}) for n in range(3)])
    assert some.constants() == {"seed": 7, "n": 3}


def test_the_cells_of_the_sweep_tell_what_varies_before_its_first_results_do() -> None:
    cells = ({"values": {"model": "a"}, "tasks": 0}, {"values": {"model": "b"}, "tasks": 0})
    rows = [row(n, params={"model": "a", "x": n}) for n in range(2)]
    shown = names(rows, replace(PLAN, cells=cells)).varying()
    assert [column.title for column in shown] == ["task", "seconds", "model", "x"]


def test_a_name_is_found_by_its_title_with_its_kind_or_alone() -> None:
    result = row(params={"lr": 1, "status": 2, "net": {"a.b": 3}}, metrics={"lr": 4, "y": None})
    some = names([result])

    def value(name: str) -> object:
        column = some.find(name)
        assert column is not None, name
        return column.of(result)

    assert (value("params.lr"), value("metrics.lr")) == (1, 4)
    assert (value("status"), value("params.status")) == ("done", 2)
    assert (value("net.a.b"), value("params.net.a.b"), value("y")) == (3, 3, None)
    assert some.find("zzz") is None
    with pytest.raises(
        UserError, match=r"lr is a parameter and a metric; write params.lr or metri"
    ):
        some.find("lr")


def test_a_name_in_late_results_is_found() -> None:
    rows = [row(n, metrics={"y": n}) for n in range(1500)]
    rows.append(row(1500, metrics={"rare": 1}))
    assert names(rows).get("rare", "--sort").kind == "metrics"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    some = names([row(params={"learning_rate": 1, "a\nb": 2})])
    with pytest.raises(
        UserError, match=r"--by: no result has lerning_rate; did you mean learning_"
    ):
        some.get("lerning_rate", "--by")
    with pytest.raises(UserError, match=r"no result has zzz; the columns are learning_rate, a b,"):
        some.get("zzz", "--by")


def test_with_a_scheduler_a_name_is_what_it_suggested_or_else_returned() -> None:
    suggested, returned, both = (
        row(0, params={"epochs": 3}),
        row(1, attributes={"epochs": 1}),
        row(2, params={"epochs": 2}, attributes={"epochs": 20}),
    )
    rows = [suggested, returned, both, row(3)]
    some = names(rows, replace(PLAN, scheduler={"source": "space.py"}))
    column = some.get("epochs", "--columns")
    assert [column.of(each) for each in rows] == [3, 1, 2, None]
    assert list(table_of(rows, [column]).lines) == [[3], [1], [2], [None]]
    assert some.get("attributes.epochs", "--columns").of(both) == 20
    with pytest.raises(UserError, match=r"write params.epochs or attributes.epochs"):
        names(rows).find("epochs")
