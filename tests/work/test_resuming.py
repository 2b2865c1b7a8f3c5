"""Half-trained models: a task that another worker takes over continues from its last save."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.notebook.notebooks import content
from tests.processes import Project, until

EVERY = 5  # steps between two saves
TOTAL = 30

TRAIN = """
import os, pathlib, sys

def train(task):
    steps = pathlib.Path(os.environ["STEPS"])
    resumed = task.resume()
    state = resumed.state if resumed else {"w": 0.0, "best": float("inf"), "history": []}
    first = resumed.step if resumed else 0
    for step in range(first, TOTAL * task.rounds):
        state["w"] += step
        state["history"].append((step, state["w"]))
        with steps.open("a") as file:
            file.write(f"{task.attempt} {step}\\n")
        if (step + 1) % EVERY == 0:
            assert task.save(state, step=step + 1)
        if task.attempt == 1 and step == STOP:
            CRASH
    return {"w": state["w"], "n": len(state["history"])}
""".replace("EVERY", str(EVERY)).replace("TOTAL", str(TOTAL))
FUNCTION = "\ndef run(params, task):\n    return train(task)\n"
PROGRAM = "\nimport colabctl\ntask = colabctl.task()\ntask.done(**train(task))\n"
SWEEP = "method: grid\nmetric: {name: w, goal: maximize}\nparameters: {x: {values: [1]}}\n"
EXPECTED = {"w": float(sum(range(TOTAL))), "n": TOTAL}


def program(kind: str, stop: int = 22, crash: str = "os.kill(os.getpid(), 9)") -> str:
    text = TRAIN.replace("STOP", str(stop)).replace("CRASH", crash)
    return text + {"function": FUNCTION, "program": PROGRAM}[kind]


def steps(file: Path) -> dict[int, list[int]]:
    """Return the steps that each attempt ran."""
    ran: dict[int, list[int]] = {}
    for line in file.read_text().splitlines():
        attempt, step = map(int, line.split())
        ran.setdefault(attempt, []).append(step)
    return ran


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "steps.txt"


def declare(project: Project, kind: str, **more: Any) -> None:
    key = {"function": "train.py:run", "program": "train.py"}[kind]
    project.write("train.py", program(kind, **more))
    project.write("s.yaml", f"program: {key}\nmax_retries: 1\n{SWEEP}")
    said = project.run("sweep", "s.yaml")
    assert said.code == 0, said.err


@pytest.mark.parametrize("kind", ["function", "program"])
def test_a_killed_attempt_repeats_at_most_the_steps_since_its_save(
    project: Project, file: Path, kind: str
) -> None:
    declare(project, kind)
    assert project.run("work", "s", STEPS=str(file)).code == 0
    ran = steps(file)
    assert ran[1] == list(range(23))
    assert ran[2] == list(range(20, TOTAL))  # steps 20 to 22 again
    [row] = project.results("s")
    assert (row["metrics"], row["attempt"]) == (EXPECTED, 2)


def test_a_task_of_a_killed_worker_goes_on_with_another_member_and_can_be_trained_longer(
    project: Project, file: Path
) -> None:
    declare(project, "function", crash="import time; time.sleep(600)")
    worker = project.start("work", "s", STEPS=str(file))
    until(lambda: file.exists() and 22 in steps(file)[1], "step 22")
    for pid in project.processes():  # the machine goes: the worker and its task at once
        os.kill(pid, signal.SIGKILL)
    worker.wait()
    assert project.run("retry", "s", "--worker", "ana").code == 0
    assert project.run("work", "s", member="ben", STEPS=str(file)).code == 0
    assert steps(file)[2] == list(range(20, TOTAL))
    [row] = project.results("s")
    assert (row["metrics"], row["member"]) == (EXPECTED, "ben")
    [folder] = (project.root / "sweeps/s/runs").glob("ben-*/*/*/*/saves")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["000001.json", "000001.saved.json", "000002.json", "000002.saved.json"]

    refused = project.run("retry", "s", "--task", "0")
    assert "to train it longer: colabctl retry s --continue --task t000000" in refused.err
    assert "say which tasks" in project.run("retry", "s", "--continue").err
    said = project.run("retry", "s", "--continue", "--task", "0", "--yes", member="ben")
    assert (said.code, project.results("s")) == (0, [])
    assert "1 task of s continues; run: colabctl work s" in said.err
    assert project.run("work", "s", STEPS=str(file)).code == 0
    assert steps(file)[3] == list(range(TOTAL, 2 * TOTAL))
    [row] = project.results("s")
    assert row["metrics"] == {"w": float(sum(range(2 * TOTAL))), "n": 2 * TOTAL}

    assert project.run("discard", "s", "--task", "0", "--yes").code == 0  # from the start again
    assert project.run("work", "s", STEPS=str(file)).code == 0
    assert steps(file)[4] == list(range(TOTAL))
    assert project.results("s")[0]["metrics"] == EXPECTED


def test_a_notebook_is_resumed(project: Project, file: Path) -> None:
    train = program("function").replace("def run", "def unused")
    cells = [
        "# parameters\nx = 1",
        train,
        "import colabctl\ntask = colabctl.task()\ntask.done(**train(task))",
    ]
    project.write("train.ipynb", content(*cells).decode())
    project.write("s.yaml", f"program: train.ipynb\nmax_retries: 1\n{SWEEP}")
    said = project.run("sweep", "s.yaml")
    assert said.code == 0, said.err
    project.run("work", "s", STEPS=str(file))
    assert steps(file)[2] == list(range(20, TOTAL))
    assert project.results("s")[0]["metrics"] == EXPECTED


def test_a_loop_is_resumed(project: Project, file: Path) -> None:
    train = program("function", crash="raise ValueError")
    script = (
        f"{train}\nimport colabctl\nsweep = colabctl.open().sweep('s', {{'x': [1]}}, max_retries=1)\n"
        "for task in sweep.tasks():\n    with task:\n        task.done(**train(task))\n"
    )
    ended = project.python(script, STEPS=str(file))
    assert ended.code == 0, ended.err
    assert steps(file)[2] == list(range(20, TOTAL))
    assert project.results("s")[0]["metrics"] == EXPECTED


def test_try_saves_outside_the_project_and_starts_from_scratch(
    project: Project, file: Path
) -> None:
    declare(project, "function", stop=-1)
    said = project.run("try", "s", "0", STEPS=str(file))
    assert said.code == 0, said.err
    assert steps(file)[1] == list(range(TOTAL))
    assert not list((project.root / "sweeps/s/runs").iterdir())
