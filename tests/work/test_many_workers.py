"""Many workers on one coherent folder, and workers that are killed while they run short tasks."""

import random
import signal
import time
from collections import Counter

import pytest

from tests.processes import Project, end, end_together, until

SWEEP = """
method: grid
program: train.py:train
parameters: {{x: {{min: 1, max: {tasks}}}}}
"""
# Each run adds a line to a file in the project, in one write.
NOTES = """
import os, time

def train(params, task):
    file = os.open({file!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, b"%d\\n" % task.index)
    os.close(file)
    time.sleep({seconds})
    return {{"y": params["x"]}}
"""
LOOP = """
import colabctl, os

for task in colabctl.open().sweep("s").tasks():
    with task:
        file = os.open({file!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, b"%d\\n" % task.index)
        os.close(file)
        task.done(y=1.0)
"""


def declare(project: Project, tasks: int, seconds: float) -> None:
    program = NOTES.format(file=str(project.root / "runs.txt"), seconds=seconds)
    project.declare("s", SWEEP.format(tasks=tasks), program)


def runs(project: Project) -> list[int]:
    """Return the tasks that have started, in order."""
    file = project.root / "runs.txt"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def check_all_once(project: Project, tasks: int) -> None:
    assert Counter(runs(project)) == dict.fromkeys(range(tasks), 1)
    assert Counter(event["task"] for event in project.events("s", "done")) == dict.fromkeys(
        range(tasks), 1
    )


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_twelve_workers_run_each_task_once(project: Project, seconds: float) -> None:
    declare(project, 240, seconds)
    end_together([project.start("work", "s") for _ in range(12)])
    check_all_once(project, 240)


@pytest.mark.slow
def test_sixty_four_workers_run_each_task_once(project: Project) -> None:
    declare(project, 1280, 0.5)
    end_together([project.start("work", "s") for _ in range(64)])
    check_all_once(project, 1280)


@pytest.mark.parametrize(("jobs", "seconds"), [(1, 0.0), (1, 0.004), (3, 0.002)])
def test_a_killed_worker_repeats_at_most_what_it_was_running(
    project: Project, jobs: int, seconds: float
) -> None:
    declare(project, 100_000, seconds)
    rng = random.Random(0)
    for _ in range(5):
        before = len(runs(project))
        worker = project.start("work", "s", "-j", str(jobs))
        until(lambda before=before: len(runs(project)) > before + 20 * jobs)  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.3))  # anywhere in its work
        worker.kill()
        end(worker)
        until(lambda: not project.processes())
        ended = {event["task"] for event in project.events("s", "done")}
        started = set(runs(project)[before:])
        unrecorded = 0 if seconds else 8  # of tasks that take less than a millisecond
        assert len(started - ended) <= jobs * (1 + unrecorded)


def test_a_killed_loop_repeats_at_most_the_task_that_it_was_running(project: Project) -> None:
    project.declare("s", "method: grid\nparameters: {x: {min: 1, max: 100000}}\n")
    script = project.write(
        "notebooks/ana/loop.py", LOOP.format(file=str(project.root / "runs.txt"))
    )
    rng = random.Random(0)
    for _ in range(5):
        before = len(runs(project))
        loop = project.start_python(str(script))
        until(lambda before=before: len(runs(project)) > before + 20)  # type: ignore[misc]
        time.sleep(rng.uniform(0.0, 0.3))
        loop.send_signal(signal.SIGKILL)
        end(loop)
        ended = {event["task"] for event in project.events("s", "done")}
        assert len(set(runs(project)[before:]) - ended) <= 1
