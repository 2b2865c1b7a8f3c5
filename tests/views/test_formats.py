"""Results as files: csv, json, jsonl, sqlite, parquet."""

import csv
import io
import json
import math
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.errors import UserError
from colabctl.views.formats import FORMATS, as_text, format_of, write
from colabctl.views.results import FIXED, Result, table


def row(index: int = 0, **parts: Any) -> Result:
    usual: dict[str, Any] = {
        "task": f"t{index:06d}",
        "index": index,
        "params": {},
        "metrics": {},
        "status": "done",
        "attempt": 1,
        "member": "ana",
        "worker": "ana-vm-1",
        "seconds": 0.5,
        "finished_at": "2026-01-01T00:00:00.000+00:00",
    }
    return Result(**{**usual, **parts})


ROWS = [
    row(0, params={"x": 1, "name": "a"}, metrics={"y": 0.5, "ok": True}),
    row(1, params={"x": 2, "lr": 1e-5}, metrics={"y": math.nan, "list": [1, 2]}),
    row(2, params={"x": None, "deep": {"a": {"b": 1}}}, status="failed", error="no\nway"),
]


def read(file: Path, form: str) -> list[dict[str, Any]]:
    """Read a file of results back, as a stranger would."""
    if form == "sqlite":
        with closing(sqlite3.connect(file)) as database:
            database.row_factory = sqlite3.Row
            return [dict(line) for line in database.execute("SELECT * FROM results ORDER BY task")]
    if form == "parquet":
        parquet = pytest.importorskip("pyarrow.parquet")
        rows: list[dict[str, Any]] = parquet.read_table(file).to_pylist()
        return rows
    if form == "csv":
        return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    if form == "json":
        whole: list[dict[str, Any]] = json.loads(file.read_text(), parse_constant=_refuse)
        return whole
    return [json.loads(line, parse_constant=_refuse) for line in file.read_text().splitlines()]


def _refuse(constant: str) -> None:
    raise ValueError(constant)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_one_row_for_each_task(tmp_path: Path, form: str) -> None:
    file = tmp_path / "results"
    write(ROWS, file, form)
    rows = read(file, form)
    assert [each["task"] for each in rows] == ["t000000", "t000001", "t000002"]
    assert [each["status"] for each in rows] == ["done", "done", "failed"]
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


@pytest.mark.parametrize("form", FORMATS)
def test_an_empty_file_of_results_can_be_replaced(tmp_path: Path, form: str) -> None:
    file = tmp_path / "results"
    write([], file, form)
    assert read(file, form) == []
    write(ROWS, file, form)
    assert len(read(file, form)) == 3


def test_parameters_and_metrics_are_columns_with_their_names() -> None:
    columns, rows = table(ROWS)
    lines = list(rows)
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
    columns, [line] = table(rows)
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
    columns, lines = table(rows)
    assert len({column.casefold() for column in columns}) == len(columns)
    for each, line in zip(rows, lines, strict=True):
        there = sorted(value for value in line[len(FIXED) :] if value is not None)
        assert there == sorted([*each.params.values(), *each.metrics.values()])


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("params", "metrics"),
    [
        ({"": 1, '"': 2, "a\nb": 3, "a\0b": 4, "; DROP TABLE results; --": 5}, {}),
        ({"half": "\ud800", "\udc80": 1}, {"\ud800": "x"}),
        ({"large": 2**70, "small": -(2**70)}, {"mixed": 2**70}),
        ({"text": "漢 \0 \r\n , \" ' ;", "emoji": "🙂"}, {}),
        ({"inf": math.inf, "nan": math.nan}, {"inf": -math.inf}),
        ({"empty": {}, "none": [], "deep": [[{"a": [1]}]]}, {}),
        ({"=1+1": "=1+1"}, {}),
    ],
)
def test_strange_names_and_values_of_one_task_do_not_affect_the_others(
    tmp_path: Path, form: str, params: dict[str, Any], metrics: dict[str, Any]
) -> None:
    file = tmp_path / "results"
    write([row(0, params=params, metrics=metrics), row(1, metrics={"mixed": 0.5})], file, form)
    assert [each["task"] for each in read(file, form)] == ["t000000", "t000001"]


def test_too_many_columns_for_a_database_are_refused_with_other_formats(tmp_path: Path) -> None:
    many = [row(params={f"p{n}": n for n in range(3000)})]
    with pytest.raises(UserError, match=r"columns.*jsonl"):
        write(many, tmp_path / "all.sqlite", "sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_column_of_numbers_is_numbers_in_a_database(tmp_path: Path) -> None:
    write(ROWS, tmp_path / "all.sqlite", "sqlite")
    rows = read(tmp_path / "all.sqlite", "sqlite")
    assert [(each["x"], each["y"], each["ok"]) for each in rows] == [
        (1, 0.5, 1),
        (2, None, None),
        (None, None, None),
    ]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "foreign",
    [b"important", b"task,notes\n1,mine\n", b"[1]", b"{}", b'[{"task": "mine"}]',
     b"SQLite format 3\0" + bytes(84), b"PAR1 not really", b'{"task": "tea"}\n'],
)  # fmt: skip
def test_a_foreign_file_is_never_replaced(tmp_path: Path, form: str, foreign: bytes) -> None:
    file = tmp_path / "all"
    file.write_bytes(foreign)
    with pytest.raises(UserError, match="all exists and does not hold results from colabctl"):
        write(ROWS, file, form)
    assert file.read_bytes() == foreign
    write(ROWS, file, form, replace=True)
    assert len(read(file, form)) == 3


@pytest.mark.parametrize("form", FORMATS)
def test_results_in_another_format_are_never_replaced(tmp_path: Path, form: str) -> None:
    other = "csv" if form != "csv" else "sqlite"
    write(ROWS, tmp_path / "all", other)
    with pytest.raises(UserError, match="does not hold results"):
        write(ROWS, tmp_path / "all", form)


def test_a_foreign_database_is_never_replaced(tmp_path: Path) -> None:
    file = tmp_path / "all.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE results (task, mine)")
        database.commit()
    with pytest.raises(UserError, match="does not hold results"):
        write(ROWS, file, "sqlite")


def test_a_database_of_results_is_replaced_until_someone_changes_it(tmp_path: Path) -> None:
    file = tmp_path / "all.sqlite"
    write(ROWS[:1], file, "sqlite")
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM results").fetchone() == (1,)
    write(ROWS, file, "sqlite")
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM results").fetchone() == (3,)
        database.execute("CREATE TABLE mine (note)")
    with pytest.raises(UserError, match="does not hold results"):
        write(ROWS, file, "sqlite")


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.csv", "csv"), ("a.JSON", "json"), ("a.ndjson", "jsonl"), ("a.b.db", "sqlite"),
     ("a.sqlite3", "sqlite"), ("a.parquet", "parquet")],
)  # fmt: skip
def test_the_file_extension_gives_the_format(name: str, form: str) -> None:
    assert format_of(Path(name)) == form


def test_csv_is_read_back_as_it_was_written() -> None:
    rows = [row(params={"text": 'a,"b"\nc'}, metrics={"y": 0.1 + 0.2})]
    [line] = csv.DictReader(io.StringIO("".join(as_text(rows, "csv")), newline=""))
    assert (line["text"], float(line["y"])) == ('a,"b"\nc', 0.1 + 0.2)


def test_a_csv_file_runs_nothing_in_a_spreadsheet(tmp_path: Path) -> None:
    evil = row(params={"=cmd()": "@x"}, metrics={"y": -0.5}, member="-1+1", error="=1")
    write([evil], tmp_path / "r.csv", "csv")
    (line,) = read(tmp_path / "r.csv", "csv")
    assert (line["'=cmd()"], line["member"], line["error"]) == ("'@x", "'-1+1", "'=1")
    assert line["y"] == "-0.5"
