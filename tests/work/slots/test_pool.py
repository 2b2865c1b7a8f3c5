"""The slots of a worker: a task does not wait for a long one while another slot is idle."""

import pytest

from tests.processes import Project

SWEEP = """
method: grid
program: train.py:train
parameters: {{x: {{values: {values}}}}}
max_retries: 0
"""
# The long tasks end when all others have ended and both have started.
PROGRAM = """
import pathlib, time

LONG, TASKS, SECONDS = {long}, {tasks}, {seconds}
here = pathlib.Path({folder!r})

def train(params, task):
    if task.index in LONG:
        (here / f"long-{{task.index}}").touch()
        until = time.monotonic() + 20
        while True:
            marks = len(list(here.iterdir()))
            if marks == TASKS:
                break
            if time.monotonic() > until:
                raise RuntimeError(f"only {{marks}} of {{TASKS}} tasks have started or ended")
            time.sleep(0.01)
        return {{"y": 1}}
    time.sleep(SECONDS)
    (here / f"ended-{{task.index}}").touch()
    return {{"y": 0}}
"""


@pytest.mark.parametrize(
    ("tasks", "long", "jobs", "seconds"),
    [(18, (2, 5), 3, 0.1), (18, (0, 1), 3, 0.05), (12, (3,), 2, 0.1), (600, (200, 410), 3, 0.0)],
)
def test_no_task_waits_for_a_long_one_while_a_slot_is_idle(
    project: Project, tasks: int, long: tuple[int, ...], jobs: int, seconds: float
) -> None:
    folder = project.root / "marks"
    folder.mkdir()
    program = PROGRAM.format(long=long, tasks=tasks, seconds=seconds, folder=str(folder))
    project.declare("s", SWEEP.format(values=list(range(tasks))), program)
    finished = project.run("work", "s", "-j", str(jobs))
    assert finished.code == 0, finished.err
    assert {result["status"] for result in project.results("s")} == {"done"}
