"""`work --on dask`: all kinds of programs, their files, reports, limits and secrets."""

import shutil
import signal
from pathlib import Path

import nbformat
import pytest

from tests.engines.dask.clusters import Cluster, hiding
from tests.processes import Project, end, until

GRID = "method: grid\nprogram: {program}\nparameters: {{x: {{values: {values}}}}}\n{more}\n"


def grid(tasks: int, more: str = "", program: str = "train.py:train") -> str:
    return GRID.format(values=list(range(tasks)), more=more, program=program)


def on(cluster: Cluster) -> list[str]:
    return ["--on", "dask", "--scheduler-file", str(cluster.file)]


def test_functions_run_in_dask_workers_and_their_files_output_and_reports_count(
    project: Project, shared: Cluster
) -> None:
    program = """
import os
def train(params, task):
    print("printed by", params["x"])
    (task.folder / "deep").mkdir()
    (task.folder / "deep" / "out.txt").write_text(str(params["x"]))
    task.report(step=1, loss=params["x"] / 2)
    return {"y": params["x"], "host": os.environ["COLABCTL_MEMBER"]}
"""
    project.declare("first", grid(8), program)
    worked = project.run("work", "first", *on(shared))
    assert worked.code == 0, worked.err
    rows = project.results("first")
    assert [(row["metrics"]["y"], row["metrics"]["host"]) for row in rows] == [
        (x, "ana") for x in range(8)
    ]
    assert [row["attempt"] for row in rows] == [1] * 8
    files = sorted(project.root.glob("sweeps/first/runs/**/deep/out.txt"))
    assert sorted(file.read_text() for file in files) == list("01234567")
    assert sorted(each["values"]["loss"] for each in project.reports("first")) == [
        x / 2 for x in range(8)
    ]
    log = project.run("log", "first", "t000003")
    assert "printed by 3" in log.out


@pytest.mark.slow
def test_a_program_in_any_language_and_one_that_fails(project: Project, shared: Cluster) -> None:
    program = """
import json, os, sys
task = json.load(open(os.environ["COLABCTL_TASK"]))
if task["params"]["x"] == 1:
    sys.exit("the reason stands here")
json.dump({"y": task["params"]["x"]}, open(os.environ["COLABCTL_RESULT"], "w"))
"""
    project.declare("prog", grid(3, "max_retries: 0", "train.py"), program)
    worked = project.run("work", "prog", *on(shared))
    assert worked.code == 1
    status = project.status("prog")
    assert (status["done"], status["failed"]) == (2, 1)
    assert "the reason stands here" in project.run("failures", "prog").out


def test_early_stopping_a_task_timeout_and_a_cancel_reach_tasks(
    project: Project, shared: Cluster
) -> None:
    program = """
import time
def train(params, task):
    if params["x"] == 3:
        open("sleeps", "w").close()
        time.sleep(600)
    for step in range(400):
        if task.report(step=step, loss=params["x"]):
            return {"loss": params["x"], "stopped": step}
        time.sleep(0.02 if params["x"] == 2 else 0.002)
    return {"loss": params["x"]}
"""
    more = """metric: {name: loss, goal: minimize}
early_terminate: {type: hyperband, min_iter: 5, eta: 2}
max_retries: 0
"""
    project.declare("stop", grid(4, more), program)
    worker = project.start("work", "stop", *on(shared))
    until((project.root / "sleeps").exists)
    assert project.run("cancel", "stop", "--task", "3").code == 0
    ended = end(worker)
    status = project.status("stop")
    assert status["cancelled"] == 1, ended.err
    assert status["done"] + status["pruned"] == 3, ended.err
    assert "t000003 was cancelled" in ended.err

    slow = "import time\ndef train(params, task):\n    time.sleep(600)\n"
    project.declare("slow", grid(1, "max_retries: 0"), slow)
    worked = project.run("work", "slow", "--task-timeout", "1s", *on(shared))
    assert worked.code == 1
    assert "ran longer than 1 s (task timeout)" in worked.err


def test_secrets_reach_tasks_and_nothing_that_is_stored(project: Project, shared: Cluster) -> None:
    with (project.root / "colabctl.yaml").open("a") as config:
        config.write("\nsecrets: [API_TOKEN]\n")
    program = """
import os
def train(params, task):
    print("the token is", os.environ["API_TOKEN"])
    return {"n": len(os.environ["API_TOKEN"])}
"""
    project.declare("secret", grid(2), program)
    worked = project.run("work", "secret", *on(shared), API_TOKEN="hunter2-and-more")
    assert worked.code == 0, worked.err
    assert [row["metrics"]["n"] for row in project.results("secret")] == [16, 16]
    assert "the token is [API_TOKEN]" in project.run("log", "secret", "t000000").out
    for place in (project.root, shared.folder):
        for file in place.rglob("*"):
            if file.is_file():
                assert b"hunter2" not in file.read_bytes(), file


@pytest.mark.slow
def test_an_optuna_objective_and_a_notebook_run_too(project: Project, shared: Cluster) -> None:
    objective = """
def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    return x * x
"""
    text = "method: optuna\nprogram: obj.py:objective\nmetric: {name: loss, goal: minimize}\nrun_cap: 4\n"
    project.declare("opt", text, objective)
    worked = project.run("work", "opt", *on(shared))
    assert worked.code == 0, worked.err
    assert project.status("opt")["done"] == 4

    notebook = nbformat.v4.new_notebook(  # type: ignore[no-untyped-call]
        cells=[
            nbformat.v4.new_code_cell("x = 0", metadata={"tags": ["parameters"]}),  # type: ignore[no-untyped-call]
            nbformat.v4.new_code_cell("import colabctl\ncolabctl.task().done(y=x + 1)"),  # type: ignore[no-untyped-call]
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    file = project.root / "book.ipynb"
    nbformat.write(notebook, file)  # type: ignore[no-untyped-call]
    project.declare("book", grid(2, program="book.ipynb"))
    worked = project.run("work", "book", *on(shared))
    assert worked.code == 0, worked.err
    assert [row["metrics"]["y"] for row in project.results("book")] == [1, 2]


def test_ctrl_c_gives_the_tasks_back_and_ends_them_in_the_cluster(
    project: Project, shared: Cluster
) -> None:
    program = """
import os, time
def train(params, task):
    with open(f"pid-{task.name}.part", "w") as file:
        file.write(str(os.getpid()))
    os.rename(f"pid-{task.name}.part", f"pid-{task.name}")
    time.sleep(600)
"""
    project.declare("left", grid(4), program)
    worker = project.start("work", "left", *on(shared))
    files = until(lambda: len(found := list(project.root.glob("pid-*[0-9]"))) == 2 and found)
    worker.send_signal(signal.SIGINT)
    ended = end(worker)
    assert ended.code == 130, ended.err
    status = project.status("left")
    assert (status["pending"], status["running"], status["claimed"]) == (4, 0, 0)
    tasks = [Path("/proc", file.read_text()) for file in files]
    until(lambda: not any(task.exists() for task in tasks), "the end of the tasks")


STAGES = """
stage: {all: data/raw/all, packed: data/raw/packed.zip, one: data/raw/one.csv}
"""
READS = """
import os
def train(params, task):
    with open("data/raw/one.csv") as file:
        one = file.read()
    return {
        "all": len(os.listdir(task.staged["all"])),
        "packed": len(os.listdir(task.staged["packed"])),
        "one": len(one),
    }
"""


def test_staged_data_is_copied_once_a_machine(project: Project, shared: Cluster) -> None:
    _check_staged(project, shared, "from the project")


@pytest.mark.slow
@hiding
def test_staged_data_travels_to_workers_without_the_project(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        cluster.add(name, hides=project.root, COLABCTL_STAGE=str(tmp_path / "stage"))
    _check_staged(project, cluster, "that travel from here")


def _check_staged(project: Project, cluster: Cluster, how: str) -> None:
    for number in range(5):
        project.write(f"data/raw/all/{number}.txt", "x" * number)
    data = project.root / "data/raw"
    shutil.make_archive(str(data / "packed"), "zip", data / "all")
    project.write("data/raw/one.csv", "a,b\n")
    project.declare("staged", grid(4, STAGES), READS)
    worked = project.run("work", "staged", *on(cluster))
    assert worked.code == 0, worked.err
    told = [line for line in worked.err.splitlines() if line.startswith("staging ")]
    assert len(told) == len({line.split()[1] for line in told}) == 3, worked.err
    assert all(line.endswith(how) for line in told)
    assert [row["metrics"] for row in project.results("staged")] == [
        {"all": 5, "packed": 5, "one": 4}
    ] * 4


@pytest.mark.slow
def test_log_follow_shows_what_a_task_prints_while_it_runs(
    project: Project, shared: Cluster
) -> None:
    program = """
import os, time
def train(params, task):
    number = 0
    while not os.path.exists("enough"):
        print("line", number, flush=True)
        number += 1
        time.sleep(0.05)
    return {"y": 1}
"""
    project.declare("follow", grid(1), program)
    worker = project.start("work", "follow", *on(shared))
    until(lambda: project.status("follow")["running"] == 1)
    log = project.start("log", "follow", "t000000", "--follow")
    assert log.stdout is not None
    lines = [log.stdout.readline().strip() for _ in range(20)]
    assert lines == [f"line {number}" for number in range(20)]
    (project.root / "enough").touch()
    assert end(log).code == 0
    assert end(worker).code == 0


@pytest.mark.slow
def test_no_task_runs_twice_when_long_ones_hold_up_short_ones(
    project: Project, shared: Cluster
) -> None:
    program = """
import os, time
def train(params, task):
    with open("marks", "a") as file:
        file.write(f"{params['x']}\\n")
    time.sleep(0.5 if params["x"] % 9 == 0 else 0.03)
    return {"y": 1}
"""
    project.declare("mixed", grid(300), program)
    worked = project.run("work", "mixed", *on(shared))
    assert worked.code == 0, worked.err
    ran = sorted(int(line) for line in (project.root / "marks").read_text().splitlines())
    assert ran == list(range(300))
