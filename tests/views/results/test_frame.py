"""Results as a pandas data frame."""

import math
import sys

import pytest

from colabctl.errors import UserError
from colabctl.views.results.frame import frame
from tests.views.results.rows import row, table

ROWS = [
    row(0, params={"n": 1, "lr": 0.5, "flag": True, "name": "a"}, metrics={"y": 1, "big": 2**70}),
    row(1, params={"n": 2, "lr": 1, "flag": False}, metrics={"y": None, "big": 1.5}),
    row(2, params={"n": 3, "lr": 2, "maybe": True, "mixed": 1}, status="failed"),
    row(3, params={"n": 4, "lr": math.nan, "layers": [1, 2], "mixed": "auto"}, metrics={"y": 3}),
]


def test_each_column_has_the_type_of_its_values() -> None:
    pd = pytest.importorskip("pandas")
    data = frame(table(ROWS))
    types = {name: str(data[name].dtype) for name in data.columns}
    assert (types["n"], types["lr"], types["y"]) == ("int64", "float64", "Int64")
    assert (types["flag"], types["maybe"], types["big"]) == ("boolean", "boolean", "float64")
    assert types["finished_at"].startswith("datetime64")
    assert types["finished_at"].endswith("UTC]")
    assert data["y"].sum() == 4
    assert data["mixed"].dropna().tolist() == ["1", "auto"]
    assert data["layers"].dropna().tolist() == ["[1, 2]"]
    assert data["name"].isna().tolist() == [False, True, True, True]
    assert pd.isna(data["lr"][3])
    assert data["big"][0] == 2.0**70


def test_a_frame_without_rows_has_its_columns() -> None:
    pytest.importorskip("pandas")
    data = frame(table([]))
    assert len(data) == 0
    assert "task" in data.columns


def test_without_pandas_there_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(UserError, match="a data frame needs pandas: pip install pandas"):
        frame(table(ROWS))
