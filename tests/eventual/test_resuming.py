"""A half-trained model on a Drive: a worker on another machine goes on with it."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.drive import Drive
from tests.eventual.group import Group, eventually
from tests.processes import PATIENCE

TRAIN = """
import os, pathlib, time

def run(params, task):
    resumed = task.resume()
    state = resumed.state if resumed else {"total": 0}
    for step in range(resumed.step if resumed else 0, 40):
        state["total"] += step
        with pathlib.Path(os.environ["STEPS"]).open("a") as file:
            file.write(f"{task.attempt} {step}\\n")
        if (step + 1) % 5 == 0:
            task.save(state, step=step + 1)
        if task.attempt == 1 and step == 27:
            time.sleep(600)
    return {"loss": state["total"]}
"""


def test_a_worker_on_another_machine_goes_on_from_a_whole_save(
    drives: Callable[..., Drive], tmp_path: Path
) -> None:
    group = Group(drives(machines=2, median=0.1, worst=0.5), tasks=1, program=TRAIN)
    steps = tmp_path / "steps.txt"
    worker = group.work(0, STEPS=str(steps))
    eventually(lambda: steps.exists() and "1 27\n" in steps.read_text())
    children = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(worker.pid)], capture_output=True, text=True, check=True
    ).stdout.split()
    for pid in (worker.pid, *map(int, children)):
        os.kill(pid, signal.SIGKILL)
    worker.wait()
    group.drive.deliver()
    freed = group.command(1, "retry", "nap", "--worker", "ana", "--root", str(group.root(1)))
    assert freed.returncode == 0, freed.stderr
    assert group.work(1, STEPS=str(steps)).wait(PATIENCE) == 0
    lines = [line.split() for line in steps.read_text().splitlines()]
    assert [int(step) for attempt, step in lines if attempt == "2"] == list(range(25, 40))
    group.drive.deliver()
    [row] = group.results(1)
    assert row["metrics"]["loss"] == sum(range(40))
