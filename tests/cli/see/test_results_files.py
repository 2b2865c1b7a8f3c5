"""The files that `results` writes, and what is in them."""

import os
import platform
import signal
import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.cli.conftest import Say, refused
from tests.cli.see.test_results import LOOP
from tests.cli.see.test_status import claim, done, failed
from tests.processes import COMMAND, Project, end, linux, until


@pytest.mark.usefixtures("space")
@pytest.mark.parametrize("options", [["--columns", "lr"], ["--by", "model"], ["--all"]])
@pytest.mark.parametrize("form", ["csv", "json", "jsonl", "md", "sqlite"])
def test_a_file_of_results_knows_its_sweep_whatever_its_columns(
    project: Project, say: Say, options: list[str], form: str
) -> None:
    project.declare("other", LOOP)
    project.journal("other", claim(0), done(0, y=1), writer="ben-vm-1")
    for _ in range(2):
        assert say("results", "space", *options, "-o", f"r.{form}").code == 0
    refused(
        say("results", "other", "-o", f"r.{form}"), f"r.{form} holds the results of sweep space"
    )
    assert say("results", "other", "-o", f"r.{form}", "--force").code == 0


@pytest.mark.usefixtures("space")
def test_a_dash_is_standard_output(project: Project) -> None:
    assert project.run("results", "space", "-o", "-").out.startswith("task")
    csv = project.run("results", "space", "-o", "-", "--format", "csv")
    assert csv.out.startswith("sweep,task,")
    with project.root.joinpath("all.sqlite").open("wb") as file:
        command = [*COMMAND, "results", "space", "-o", "-", "--format", "sqlite"]
        subprocess.run(command, cwd=project.root, stdout=file, check=True)
    with closing(sqlite3.connect(project.root / "all.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM results").fetchone() == (6,)
    assert not (project.root / "-").exists()


def test_the_folder_of_a_run_is_a_path_in_the_project(project: Project, say: Say) -> None:
    program = "def train(params, task):\n    (task.folder / 'm').touch()\n    return {'y': 1}\n"
    project.declare("runs", LOOP + "program: train.py:train\n", program)
    assert project.run("work", "runs", "--max-tasks", "2").code == 0
    rows = say("results", "runs", "--format", "json").json
    assert [(project.root / row["folder"] / "m").is_file() for row in rows] == [True, True]
    assert [row["python"] for row in rows] == [platform.python_version()] * 2


def test_a_run_without_files_has_no_folder(space: Project, say: Say) -> None:
    rows = say("results", "space", "--format", "json").json
    assert {row["folder"] for row in rows} == {None}
    inside = space.root / "sweeps/space/runs/ana-vm-1/00/00/000002-1-ana-vm-1"
    inside.mkdir(parents=True)
    rows = say("results", "space", "--format", "json").json
    assert [row["folder"] for row in rows if row["folder"]] == [
        "sweeps/space/runs/ana-vm-1/00/00/000002-1-ana-vm-1"
    ]


def test_a_file_follows_the_sweep_until_it_is_finished(project: Project) -> None:
    program = (
        "import os, pathlib, time\n"
        "def train(params, task):\n"
        "    while not pathlib.Path(os.environ['COLABCTL_ROOT'], 'go').exists():\n        time.sleep(0.01)\n"
        "    return {'y': 1}\n"
    )
    project.declare("runs", LOOP + "program: train.py:train\n", program)
    following = project.start("results", "runs", "-o", "r.csv", "--follow")
    until((project.root / "r.csv").exists)
    worker = project.start("work", "runs")
    project.write("go", "")
    ended = end(following)
    assert end(worker).code == 0
    assert (ended.code, ended.out) == (0, "")
    assert ended.err.startswith("0 results written to r.csv\nnote: no finished tasks yet\n")
    assert ended.err.endswith("4 results written to r.csv\n")
    assert len((project.root / "r.csv").read_text().splitlines()) == 5


def test_following_ends_with_ctrl_c(space: Project) -> None:
    space.declare("rest", LOOP)
    following = space.start("results", "rest", "-o", "r.jsonl", "--follow")
    until((space.root / "r.jsonl").exists)
    following.send_signal(signal.SIGINT)
    ended = end(following)
    assert ended.code == 130
    assert ended.err.endswith("stopped following; r.jsonl has the results until now\n")


def test_names_of_columns_that_clash_have_a_prefix(project: Project, say: Say) -> None:
    text = "method: grid\nparameters: {status: {values: [1, 2]}, folder: {values: [a]}, 'v a': {value: 3}}\n"
    project.declare("clash", text)
    project.journal("clash", claim(0, 1), done(0, status=5), done(1, status=6, sweep="x"))
    answer = say("results", "clash", "--where", "params.status == 2 and `v a` == 3 and metrics.status > 5",
                 "--columns", "status,params.status,metrics.status,metrics.sweep,params.folder,v a",
                 "--format", "csv")  # fmt: skip
    assert answer.out == (
        "status,params.status,metrics.status,metrics.sweep,params.folder,v a\ndone,2,6,x,a,3\n"
    )


@pytest.mark.usefixtures("space")
def test_what_finished_tasks_reported_is_a_table_of_its_own(project: Project, say: Say) -> None:
    report = {"event": "report", "task": 0, "attempt": 1}
    project.declare("curves", LOOP)
    project.journal(
        "curves",
        claim(0, 1),
        {
            **report,
            "reports": [[1, {"y": 0.5, "deep": {"a": 2}, "text": "no"}], [2, {"y": 10**400}]],
        },
        {**report, "task": 1, "reports": [[1, {"y": 3}]]},
        done(0, y=1.0),
    )
    assert say("results", "curves", "-o", "all.sqlite").code == 0
    with closing(sqlite3.connect(project.root / "all.sqlite")) as database:
        rows = database.execute("SELECT task, step, metric, value FROM reports").fetchall()
    assert rows == [
        ("t000000", 1, "y", 0.5), ("t000000", 1, "deep.a", 2), ("t000000", 2, "y", float("inf")),
    ]  # fmt: skip


def test_later_attempts_are_shown_where_there_are_any(project: Project, say: Say) -> None:
    project.declare("again", LOOP.replace("max_retries: 0", "max_retries: 1"))
    second = {"event": "claim", "tasks": [[0, 2]]}
    project.journal(
        "again",
        claim(0, 1),
        failed(0, 1, "no"),
        done(1, y=1),
        second,
        {**done(0, y=2), "attempt": 2},
    )
    titles = say("results", "again").out.splitlines()[0].split()
    assert titles == ["task", "attempt", "seconds", "x", "y"]


@linux
@pytest.mark.usefixtures("space")
@pytest.mark.parametrize("options", [(), ("--force",)])
@pytest.mark.parametrize(
    "command",
    [("results", "space", "--format", "csv"), ("results", "space", "--format", "sqlite"),
     ("report", "space"), ("export", "space", "--to", "csv")],
)  # fmt: skip
def test_nothing_that_is_not_a_file_is_replaced_by_one(
    project: Project, say: Say, command: tuple[str, ...], options: tuple[str, ...]
) -> None:
    folder = project.root.parent / "out"
    folder.mkdir()
    (folder / "file").write_text("mine")
    (folder / "link").symlink_to(folder / "file")
    (folder / "nowhere").symlink_to(folder / "none")
    os.mkfifo(folder / "pipe")
    kinds = {path: path.lstat().st_mode for path in folder.iterdir()}
    for name, kind in (("link", "a link"), ("nowhere", "a link"), ("pipe", "a pipe")):
        said = say(*command, "-o", str(folder / name), *options)
        refused(said, f"{folder / name} is {kind}, not a file", "give another name")
    assert {path: path.lstat().st_mode for path in folder.iterdir()} == kinds
    assert (folder / "file").read_text() == "mine"
    for name, kind in (("/dev/null", "a device"), ("/dev/stdout", "a link"), ("/dev/fd/1", "a")):
        refused(say(*command, "-o", name, *options), f"{name} is {kind}", "results also takes -o -")
