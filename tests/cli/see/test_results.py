"""What `results` shows and writes."""

import json
import re
import sqlite3
import sys
from contextlib import closing

import pytest

from tests.cli.conftest import Say, refused
from tests.cli.see.test_status import claim, done, failed
from tests.processes import Finished, Project

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


@pytest.mark.usefixtures("loop")
def test_a_narrow_terminal_shows_the_means_of_groups_to_the_last(say: Say) -> None:
    narrow = say("results", "loop", "--by", "x,status", COLUMNS="30", FORCE_COLOR="1")
    titles = re.sub(r"\x1b\[\d*m", "", narrow.out.splitlines()[0])
    assert titles.split() == ["x", "status", "count", "mean", "±", "sd"]
    assert "hidden to fit the terminal: best, task;" in narrow.err


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


def tasks(answer: Finished) -> list[str]:
    """Return the numbers of the tasks in a table."""
    return [line.split()[0] for line in answer.out.splitlines()[1:]]


@pytest.mark.usefixtures("space")
def test_the_table_shows_what_varies_and_all_of_it_with_all(say: Say) -> None:
    titles = say("results", "space").out.splitlines()[0].split()
    assert titles == ["task", "status", "seconds", "error", "lr", "model", "y"]
    titles = say("results", "space", "--all").out.splitlines()[0].split()
    assert titles[:4] == ["sweep", "task", "index", "status"]
    assert titles[-5:] == ["lr", "model", "seed", "y", "epochs"]
    narrow = say("results", "space", COLUMNS="80", FORCE_COLOR="1")
    assert "the same in all tasks: seed=7, epochs=10\n" in narrow.err


@pytest.mark.usefixtures("space")
def test_a_condition_an_order_and_columns_choose_what_is_shown(say: Say) -> None:
    some = say(
        "results", "space", "--where", "lr < 0.1 and model == 'svm' or error contains 'CUDA'"
    )
    found = say("results", "space", "--format", "jsonl").out.splitlines()
    expected = [
        row["task"]
        for row in map(json.loads, found)
        if (row["params"]["lr"] < 0.1 and row["params"]["model"] == "svm") or row["error"]
    ]
    assert tasks(some) == expected
    assert tasks(say("results", "space", "--sort", "-y,task")) == [
        "t000004", "t000003", "t000002", "t000001", "t000000", "t000005",
    ]  # fmt: skip
    csv = say("results", "space", "--columns", "metrics.y,seed", "--best", "1", "--format", "csv")
    assert csv.out == "y,seed\n0.4,7\n"
    flat = say("results", "space", "--columns", "y,seed", "--best", "1", "--format", "json")
    assert flat.json == [{"y": 0.4, "seed": 7}]


@pytest.mark.usefixtures("space")
def test_the_best_of_those_that_meet_a_condition(say: Say) -> None:
    best = say("results", "space", "--best", "2", "--where", "y < 0.25")
    assert tasks(best) == ["t000002", "t000001"]
    none = say("results", "space", "--where", "y > 5")
    assert none.out == "none of 6 finished tasks meets the condition: y > 5\n"
    assert say("results", "space", "--where", "y > 5", "--format", "json").json == []


@pytest.mark.usefixtures("space")
def test_groups_have_counts_and_means(say: Say) -> None:
    table = say("results", "space", "--by", "model")
    assert table.out.splitlines()[0].split() == [
        "model",
        "count",
        "best",
        "mean",
        "±",
        "sd",
        "task",
    ]
    rows = say("results", "space", "--by", "model", "--format", "json").json
    assert sum(row["count"] for row in rows) == 5
    assert rows[0]["mean"] >= rows[1]["mean"]
    assert rows[0].keys() == {"model", "count", "best", "mean", "sd", "task"}
    one = say("results", "space", "--by", "model", "--best", "1", "--columns", "mean,model")
    assert len(one.out.splitlines()) == 2


@pytest.mark.usefixtures("space")
@pytest.mark.parametrize(
    ("arguments", "parts", "lines"),
    [
        (["--where", "lr <"], ["cannot be read: expected a name or a value\n  lr <\n      ^"], 3),
        (["--where", "modle == 'svm'"], ["which no task has; did you mean model?", "\n  ^"], 3),
        (["--where", "model == svm"], ["(text goes in quotes: 'svm')"], 3),
        (["--sort", "-zzz"], ["--sort: no result has zzz; the columns are lr, model, seed, y,"], 1),
        (["--columns", "modle"], ["--columns: no result has modle; did you mean model?"], 1),
        (["--by", "modle"], ["--by: no result has modle; did you mean model?"], 1),
        (["--by", ","], ["--by has no names; give some, such as --by model,dataset"], 1),
        (["--follow"], ["--follow keeps a file current; name it with -o FILE"], 1),
        (["-o", "no/x.csv"], ["no/x.csv cannot be written: there is no folder no; create it"], 1),
        (["-o", "x.txt"], ["unknown file extension '.txt'"], 1),
    ],
)
def test_what_cannot_be_shown_is_refused_with_what_to_do(
    say: Say, arguments: list[str], parts: list[str], lines: int
) -> None:
    refused(say("results", "space", *arguments), *parts, lines=lines)


@pytest.mark.parametrize("number", ["two", "0", "-1", "1.5", "9" * 5000])
def test_a_number_of_best_results_that_is_none_is_wrong_usage(say: Say, number: str) -> None:
    said = say("results", "loop", "--best", number)
    assert said.code == 2
    assert "is not a whole number of at least 1" in " ".join(said.err.replace("│", " ").split())


def test_without_a_metric_the_best_are_by_sort(project: Project, say: Say) -> None:
    project.declare("plain", LOOP.replace("metric: {name: y, goal: maximize}\n", ""))
    project.journal("plain", claim(0, 1), done(0, y=1), done(1, y=2))
    refused(say("results", "plain", "--best", "1"), "names no metric, so --best", "use --sort")
    refused(say("results", "plain", "--by", "x"), "names no metric, so --by")
    assert tasks(say("results", "plain", "--sort", "-y")) == ["t000001", "t000000"]


def test_without_results_any_condition_has_none(project: Project, say: Say) -> None:
    project.declare("loop", LOOP)
    assert say("results", "loop", "--where", "acc < 1").out == "no finished tasks yet\n"
    assert say("results", "loop", "--by", "x").out == "no finished tasks yet\n"
    refused(say("results", "loop", "--where", "acc <"), "cannot be read", lines=3)


def test_a_sweep_with_only_cancelled_tasks_has_no_results_and_says_so(
    project: Project, say: Say
) -> None:
    project.declare("gone", LOOP)
    project.journal("gone", {"event": "cancel", "member": "ana", "tasks": [0, 1, 2, 3]})
    said = say("results", "gone").out
    assert "no task has a result" in said
    assert "None" not in said
