"""Results as files: csv, json, jsonl, markdown, sqlite, parquet."""

import csv
import io
import json
import math
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from colabctl.errors import UserError
from colabctl.views.results.write import FORMATS, as_text, format_of
from colabctl.views.results.write import write as write_content
from tests.views.results.rows import PLAN, row, whole, write

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
    if form == "markdown":
        titles, _, *lines = file.read_text(encoding="utf-8").splitlines()[2:]
        return [dict(zip(_cells(titles), _cells(line), strict=True)) for line in lines]
    if form == "csv":
        return list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"), newline="")))
    if form == "json":
        whole: list[dict[str, Any]] = json.loads(file.read_text(), parse_constant=_refuse)
        return whole
    return [json.loads(line, parse_constant=_refuse) for line in file.read_text().splitlines()]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


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
    [line] = csv.DictReader(io.StringIO("".join(as_text(whole(rows), "csv")), newline=""))
    assert (line["text"], float(line["y"])) == ('a,"b"\nc', 0.1 + 0.2)


def test_a_csv_file_runs_nothing_in_a_spreadsheet(tmp_path: Path) -> None:
    evil = row(params={"=cmd()": "@x"}, metrics={"y": -0.5}, member="-1+1", error="=1")
    write([evil], tmp_path / "r.csv", "csv")
    (line,) = read(tmp_path / "r.csv", "csv")
    assert (line["'=cmd()"], line["member"], line["error"]) == ("'@x", "'-1+1", "'=1")
    assert line["y"] == "-0.5"


@pytest.mark.parametrize("form", FORMATS)
def test_the_results_of_another_sweep_are_never_replaced(tmp_path: Path, form: str) -> None:
    file = tmp_path / "all"
    second = [replace(each, sweep="second") for each in ROWS]
    write(second, file, form, plan=replace(PLAN, sweep="second"))
    before = file.read_bytes()
    with pytest.raises(UserError, match="all holds the results of sweep second; give another name"):
        write(ROWS, file, form)
    assert file.read_bytes() == before
    write(ROWS, file, form, replace=True)
    write(ROWS, file, form)


@pytest.mark.parametrize("name", ["=a", "'a", 'a "b", c', "-x", "naïve 漢"])
@pytest.mark.parametrize("form", FORMATS)
def test_a_sweep_of_any_name_may_replace_its_results(tmp_path: Path, form: str, name: str) -> None:
    plan, rows = replace(PLAN, sweep=name), [replace(each, sweep=name) for each in ROWS]
    for _ in range(2):
        write(rows, tmp_path / "all", form, plan=plan)


def test_notes_that_someone_keeps_on_sweeps_are_not_results(tmp_path: Path) -> None:
    notes = tmp_path / "notes.csv"
    notes.write_text("sweep,comment\nfirst,mine\n")
    with pytest.raises(UserError, match="does not hold results"):
        write(ROWS, notes, "csv")


def test_a_database_that_a_program_is_changing_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "all.sqlite"
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE mine (note)")
        with pytest.raises(UserError, match=r"all.sqlite is in use: all.sqlite-wal holds changes"):
            write(ROWS, file, "sqlite", replace=True)
        assert database.execute("SELECT count(*) FROM mine").fetchone() == (0,)


def test_a_reader_keeps_its_database_while_it_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "all.sqlite"
    write(ROWS, file, "sqlite")
    with closing(sqlite3.connect(file)) as reader:
        rows = reader.execute("SELECT task FROM results")
        assert rows.fetchone() == ("t000000",)
        write(ROWS[:1], file, "sqlite")
        assert rows.fetchall() == [("t000001",), ("t000002",)]
        assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(read(file, "sqlite")) == 1


REPORTS = [("t000000", 1, "y", 0.5), ("t000000", 2, "y", math.nan), ("t000001", None, "z", 2)]


def test_intermediate_values_are_a_second_table_of_a_database(tmp_path: Path) -> None:
    file = tmp_path / "all.sqlite"
    write_content(replace(whole(ROWS), reports=lambda: REPORTS), file, "sqlite")
    with closing(sqlite3.connect(file)) as database:
        rows = database.execute("SELECT task, step, metric, value FROM reports").fetchall()
        assert database.execute("SELECT name, metric FROM sweep").fetchall() == [("first", "y")]
    assert rows == [("t000000", 1, "y", 0.5), ("t000000", 2, "y", None), ("t000001", None, "z", 2)]


def test_intermediate_values_are_a_second_parquet_file(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file, second = tmp_path / "all.parquet", tmp_path / "all.reports.parquet"
    write(ROWS, file, "parquet")
    assert not second.exists()
    write_content(replace(whole(ROWS), reports=lambda: REPORTS), file, "parquet")
    rows = parquet.read_table(second).to_pylist()
    assert [(row["task"], row["step"], row["metric"]) for row in rows] == [
        ("t000000", 1.0, "y"), ("t000000", 2.0, "y"), ("t000001", None, "z"),
    ]  # fmt: skip
    write(ROWS, file, "parquet")
    assert parquet.read_table(second).to_pylist() == []
    second.write_text("mine")
    with pytest.raises(UserError, match=r"all.reports.parquet exists and does not hold results"):
        write_content(replace(whole(ROWS), reports=lambda: REPORTS), file, "parquet")


def test_a_column_of_numbers_stays_one_in_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [row(0, metrics={"y": 10**400, "id": 2**70}), row(1, metrics={"y": 0.5, "id": 1})]
    write(rows, tmp_path / "all.parquet", "parquet")
    data = parquet.read_table(tmp_path / "all.parquet")
    assert data.column("y").to_pylist() == [math.inf, 0.5]
    assert data.column("id").to_pylist() == [str(2**70), "1"]
    assert str(data.schema.field("error").type) == "string"  # without any value


def test_markdown_shows_every_text_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "r.md"
    write([row(params={"a|b": "x | `y` *z* <b> [l](u)"}, error="one\ntwo")], file, "markdown")
    lines = file.read_text().splitlines()
    assert lines[0] == "<!-- results of sweep first, from colabctl -->"
    assert r"x \| \`y\` \*z\* \<b> \[l](u)" in lines[4]
    assert "one two" in lines[4]


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be written: there is no folder .*nowhere; create"):
        write(ROWS, tmp_path / "nowhere" / "x.csv", "csv")
