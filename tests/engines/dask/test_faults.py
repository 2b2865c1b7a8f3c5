"""Workers, schedulers and coordinators that die, and workers that do not see the project."""

import signal
import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.engines.dask.clusters import Cluster, hiding
from tests.engines.dask.test_work import grid, on
from tests.processes import Project, end, end_together, until

SAYS_WHERE = """
import os, time
def train(params, task):
    name = f"{os.environ['MARKS']}/{task.name}-{task.attempt}"
    with open(name + ".part", "w") as file:
        file.write(os.environ["DASK_NAME"])
    os.rename(name + ".part", name)
    while params["x"] in (0, 1) and task.attempt == 1 and not os.path.exists(os.environ["MARKS"] + "/go"):
        time.sleep(0.01)
    return {"y": params["x"]}
"""


def _has_one_ended(processes: Sequence["subprocess.Popen[Any]"]) -> bool:
    return any(process.poll() is not None for process in processes)


def add(cluster: Cluster, name: str, marks: Path, *more: str, hides: Path | None = None) -> None:
    marks.mkdir(exist_ok=True)
    cluster.add(name, *more, hides=hides, MARKS=str(marks), DASK_NAME=name)


def test_a_killed_worker_costs_its_attempt_and_no_task_a_retry(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    add(cluster, "one", marks)
    add(cluster, "two", marks)
    project.declare("kill", grid(12, "max_retries: 0"), SAYS_WHERE)
    worker = project.start("work", "kill", *on(cluster))
    first = marks / "t000000-1"
    second = marks / "t000001-1"
    until(lambda: first.exists() and second.exists(), "the start of two tasks")
    cluster.kill(first.read_text())
    (marks / "go").touch()
    ended = end(worker)
    assert ended.code == 0, ended.err
    # t000000, or one before it in its handout, whose result had not arrived yet.
    assert "runs again: its Dask worker tcp://127.0.0.1:" in ended.err
    attempts = {row["task"]: row["attempt"] for row in project.results("kill")}
    assert sorted(attempts.values()) == [1] * 11 + [2]
    counts = project.status("kill")
    assert (counts["done"], counts["failed"], counts["duplicates"]) == (12, 0, 0)


@pytest.mark.slow
def test_a_task_that_kills_its_workers_ends_by_the_count_of_the_ledger(
    project: Project, cluster: Cluster
) -> None:
    program = """
import os, signal
def train(params, task):
    if params["x"] == 1:
        os.kill(os.getppid(), signal.SIGKILL)
        signal.pause()
    return {"y": params["x"]}
"""
    project.declare("poison", grid(3), program)
    worker = project.start("work", "poison", *on(cluster))
    for number in range(11):
        added = cluster.add(f"w{number}")
        ends = (added, worker)
        until(partial(_has_one_ended, ends))
        if worker.poll() is not None:
            break
    ended = end(worker)
    assert number == 10
    assert ended.code == 1
    status = project.status("poison")
    assert (status["done"], status["failed"]) == (2, 1), ended.err
    assert "its worker was lost" in project.run("failures", "poison").out


@pytest.mark.slow
def test_a_dead_scheduler_ends_the_coordinator_with_one_line_and_the_next_one_goes_on(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    add(cluster, "one", marks)
    project.declare("sched", grid(7).replace("[0, 1,", "[8, 9,").replace("6]", "0]"), SAYS_WHERE)
    worker = project.start("work", "sched", *on(cluster))
    until((marks / "t000006-1").exists)
    before = len(list(marks.glob("*-1"))) - 1  # all that started have ended, but for this one
    until(lambda: project.status("sched")["done"] == before)
    assert cluster.scheduler is not None
    cluster.scheduler.kill()
    ended = end(worker)
    assert ended.code == 1
    assert "does not answer any more" in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    status = project.status("sched")
    assert (status["done"], status["running"], status["claimed"]) == (before, 0, 0)
    cluster.end()
    cluster.start()
    (marks / "go").touch()
    add(cluster, "again", marks)
    worked = project.run("work", "sched", *on(cluster))
    assert worked.code == 0, worked.err
    status = project.status("sched")
    assert (status["done"], status["total"], status["duplicates"]) == (7, 7, 0)


@pytest.mark.slow
def test_a_killed_coordinator_leaves_no_task_behind_and_two_share_a_cluster(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    add(cluster, "one", marks)
    add(cluster, "two", marks)
    project.declare("two", grid(30), SAYS_WHERE)
    killed = project.start("work", "two", *on(cluster), COLABCTL_LEASE="4s")
    until((marks / "t000001-1").exists)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    (marks / "go").touch()
    workers = [
        project.start("work", "two", *on(cluster), member=member, COLABCTL_LEASE="4s")
        for member in ("ana", "ben")
    ]
    end_together(workers)
    status = project.status("two")
    assert (status["done"], status["failed"], status["duplicates"]) == (30, 0, 0)


@pytest.mark.slow
@hiding
def test_workers_without_the_project_get_code_and_saves_and_send_files_back(
    project: Project, cluster: Cluster, tmp_path: Path
) -> None:
    program = """
import os, time, pathlib
import helper
def train(params, task):
    assert not os.path.exists("data/raw/table.csv")
    found = task.resume()
    start = 0 if found is None else found.state["n"]
    if start == 0 and params["x"] == 0:
        task.save({"n": 41}, step=41)
        open(os.environ["MARKS"] + "/saved", "w").close()
        time.sleep(600)
    (task.folder / "small.txt").write_text("small")
    (task.folder / "big.bin").write_bytes(bytes(9_000_000))
    pathlib.Path("results").mkdir(exist_ok=True)
    pathlib.Path("results/stray.txt").write_text("stray")
    return {"n": start, "answer": helper.answer()}
"""
    project.write("helper.py", "def answer():\n    return 42\n")
    project.write("data/raw/table.csv", "a,b\n")
    marks = tmp_path / "marks"
    add(cluster, "one", marks, hides=project.root)
    project.declare("blind", grid(2), program)
    worker = project.start("work", "blind", *on(cluster))
    until((marks / "saved").exists)
    until(lambda: list(project.root.glob("sweeps/blind/runs/**/*saves*/**/*")), "the save")
    until(lambda: not list(project.root.glob("sweeps/blind/runs/**/*.part")))
    cluster.kill("one")
    add(cluster, "two", marks, hides=project.root)
    ended = end(worker)
    assert ended.code == 0, ended.err
    assert "does not see" in ended.err
    assert "data/raw/table.csv" in ended.err
    rows = project.results("blind")
    assert [(row["metrics"]["n"], row["metrics"]["answer"]) for row in rows] == [(41, 42), (0, 42)]
    runs = project.root / "sweeps/blind/runs"
    assert len(list(runs.glob("**/small.txt"))) == 2
    assert [file.stat().st_size for file in runs.glob("**/big.bin")] == [9_000_000] * 2
    assert len(list(runs.glob("**/results/stray.txt"))) == 2
    assert not (project.root / "results/stray.txt").exists()
