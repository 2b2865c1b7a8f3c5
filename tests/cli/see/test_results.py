"""What `results` shows and writes."""

import json
import re
import sqlite3
import sys
from contextlib import closing

import pytest

from tests.cli.conftest import Say
from tests.cli.see.test_status import claim, done, failed
from tests.processes import Project

LOOP = (
    "method: grid\nmetric: {name: y, goal: maximize}\nmax_retries: 0\n"
    "parameters: {x: {values: [10, 20, 30, 40]}}\n"
)
KEYS = {"task", "index", "params", "metrics", "status", "attempt", "member", "worker", "seconds",
        "finished_at"}  # fmt: skip


@pytest.fixture
def loop(project: Project) -> None:
    project.declare("loop", LOOP)
    project.journal(
        "loop", claim(0, 1, 2), done(0, y=0.5), done(1, y=0.7), failed(2, 1, "no [/way]")
    )


@pytest.mark.usefixtures("loop")
def test_scripts_get_the_promised_keys_for_every_finished_task(say: Say) -> None:
    answer = say("results", "loop", "--format", "json")
    assert (answer.code, answer.err) == (0, "")
    assert [(row["task"], row["index"], row["status"]) for row in answer.json] == [
        ("t000000", 0, "done"),
        ("t000001", 1, "done"),
        ("t000002", 2, "failed"),
    ]
    assert all(row.keys() >= KEYS for row in answer.json)
    first = answer.json[0]
    assert (first["params"], first["metrics"], first["seconds"]) == ({"x": 10}, {"y": 0.5}, 1.5)
    assert (first["member"], first["worker"], first["attempt"]) == ("ana", "ana-vm-1", 1)
    assert first["finished_at"].endswith("+00:00")


@pytest.mark.usefixtures("loop")
@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "sqlite", "parquet"])
def test_the_file_extension_gives_the_format(project: Project, say: Say, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    file = project.root / f"results/ana/all.{form}"
    for _ in range(2):  # and into the same one again
        said = say("results", "loop", "-o", f"results/ana/all.{form}")
        assert (said.code, said.out) == (0, "")
        assert said.err == f"3 results written to results/ana/all.{form}\n"
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.stat().st_size > 0


@pytest.mark.usefixtures("loop")
def test_the_database_has_parameters_and_metrics_as_columns(project: Project, say: Say) -> None:
    assert say("results", "loop", "-o", "all.sqlite").code == 0
    with closing(sqlite3.connect(project.root / "all.sqlite")) as database:
        rows = database.execute("SELECT task, x, y, error FROM results ORDER BY y").fetchall()
    assert rows == [
        ("t000002", 30, None, "no [/way]"),
        ("t000000", 10, 0.5, None),
        ("t000001", 20, 0.7, None),
    ]


@pytest.mark.usefixtures("loop")
def test_a_foreign_file_is_replaced_only_by_force(project: Project, say: Say) -> None:
    file = project.write("notes.csv", "my notes\n")
    said = say("results", "loop", "-o", "notes.csv")
    assert (said.code, file.read_text()) == (1, "my notes\n")
    assert "notes.csv exists and does not hold results from colabctl" in said.err
    assert say("results", "loop", "-o", "notes.csv", "--force").code == 0
    assert file.read_text().startswith("sweep,task,index,")


@pytest.mark.usefixtures("loop")
def test_the_best_come_first(say: Say) -> None:
    answer = say("results", "loop", "--best", "5", "--format", "json")
    assert [row["metrics"]["y"] for row in answer.json] == [0.7, 0.5]
    answer = say("results", "loop", "--best", "1", "--format", "jsonl")
    assert [json.loads(line)["index"] for line in answer.out.splitlines()] == [1]


@pytest.mark.usefixtures("loop")
def test_people_get_a_table_that_shows_everything_as_it_is(say: Say) -> None:
    answer = say("results", "loop", COLUMNS="200")
    assert answer.code == 0
    assert "t000001" in answer.out
    assert "0.7" in answer.out
    assert "no [/way]" in answer.out


@pytest.mark.usefixtures("loop")
def test_a_narrow_terminal_gets_fewer_columns_and_a_note(say: Say) -> None:
    narrow = say("results", "loop", COLUMNS="40", FORCE_COLOR="1")
    titles = re.sub(r"\x1b\[\d*m", "", narrow.out.splitlines()[0])
    assert titles.split() == ["task", "status", "error", "x", "y"]
    assert "t000001" in narrow.out
    assert narrow.err == (
        "hidden to fit the terminal: seconds; all columns: colabctl results loop -o loop.csv\n"
    )
    piped = say("results", "loop", COLUMNS="40")
    assert piped.out.splitlines()[0].split() == ["task", "status", "seconds", "error", "x", "y"]
    assert piped.err == ""


def test_before_the_first_result_the_table_says_so(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    assert say("results", "loop").out == "no finished tasks yet\n"
    assert say("results", "loop", "--format", "json").json == []
    assert say("results", "loop", "--format", "csv").out.startswith("sweep,task,index,status")


def test_a_metric_that_no_task_reports_is_noted_with_the_reported_ones(
    project: Project, say: Say
) -> None:
    project.declare("loop", LOOP.replace("name: y", "name: lss"))
    assert say("results", "loop", "--best", "1").out == "no finished tasks yet\n"
    project.journal("loop", claim(1), failed(1, 1, "no"))
    assert say("results", "loop", "--best", "1").out == "no task is done yet\n"
    project.journal("loop", claim(0, 1), done(0, loss=1.0, n=2), failed(1, 1, "no"))
    answer = "no task reported lss; reported metrics: loss, n; did you mean loss?\n"
    assert say("results", "loop", "--best", "1").out == answer
    as_json = say("results", "loop", "--best", "1", "--format", "json")
    assert (as_json.json, as_json.err) == ([], f"note: {answer}")
    assert "t000000" in say("results", "loop").out


def test_the_next_step_can_be_pasted_into_a_shell(project: Project, say: Say) -> None:
    project.declare("two words", LOOP)
    project.journal("two words", claim(0), done(0, y=0.5))
    narrow = say("results", "two words", COLUMNS="20", FORCE_COLOR="1")
    assert narrow.err.endswith("colabctl results 'two words' -o 'two words.csv'\n")
    refused = say("results", "two words", "--format", "sqlite")
    assert refused.err.endswith("give an output file: -o 'two words.sqlite'\n")


def test_csv_on_a_terminal_cannot_control_it(
    project: Project, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.declare("loop", LOOP)
    project.journal("loop", claim(0), done(0, y="\x1b[2J"))
    assert "\x1b[2J" in say("results", "loop", "--format", "csv").out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert "<U+001B>[2J" in say("results", "loop", "--format", "csv").out


def test_the_reader_of_a_pipe_may_stop_early(project: Project) -> None:
    project.declare("loop", LOOP.replace("[10, 20, 30, 40]", str(list(range(3000)))))
    project.journal("loop", claim(*range(3000)), *(done(index, y=1.0) for index in range(3000)))
    process = project.start("results", "loop", "--format", "jsonl")
    assert process.stdout
    assert process.stdout.readline().startswith('{"sweep": "loop", "task": "t000000"')
    process.stdout.close()
    assert process.stderr
    assert process.stderr.read() == ""
    assert process.wait() == 0


def test_characters_that_the_terminal_lacks_are_escaped(project: Project) -> None:
    project.declare("loop", LOOP)
    project.journal(
        "loop", claim(0, 1), done(0, y="漢", z="\ud800"), failed(1, 1, "naïve \ud800 漢")
    )
    for arguments in (["results", "loop"], ["results", "loop", "--format", "csv"], ["status"],
                      ["status", "loop"]):  # fmt: skip
        answer = project.run(*arguments, PYTHONIOENCODING="ascii", COLUMNS="300")
        assert (answer.code, answer.err) == (0, ""), arguments
    assert "na\\xefve" in answer.out
