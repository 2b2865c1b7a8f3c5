"""A mirror as Python sees it: colabctl.open() carries files too."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.processes import end_together
from tests.remote.conftest import Mirrors

LOOP = """
import colabctl
project = colabctl.open()
sweep = project.sweep("loop"{space})
{together}
for task in sweep.tasks():
    with task:
        with open({log!r}, "a") as log:
            print(project.root, task.params["x"], file=log)
        time.sleep(0.05)
        task.done(y=task.params["x"])
print(len(sweep.results()))
"""
TOGETHER = """
import os, pathlib, time
together = pathlib.Path({folder!r})
together.mkdir(exist_ok=True)
(together / str(os.getpid())).touch()
while len(list(together.iterdir())) < 2:
    time.sleep(0.01)
"""


def ran(log: Path) -> Counter[str]:
    """Return how often each task ran, after a check that both mirrors ran some."""
    lines = [line.split() for line in log.read_text().splitlines()]
    assert len({root for root, _ in lines}) == 2
    return Counter(x for _, x in lines)


def script(folder: Path, space: str = "") -> str:
    together = TOGETHER.format(folder=str(folder / "together"))
    return LOOP.format(log=str(folder / "log"), together=together, space=space)


def test_loops_in_two_mirrors_share_a_sweep(mirrors: Mirrors, tmp_path: Path) -> None:
    other = mirrors.clone()
    text = script(tmp_path, ', {"x": range(40)}, metric={"name": "y"}')
    loops = [
        each.start_python(str(each.write(f"notebooks/{member}/loop.py", text)), member=member)
        for each, member in ((mirrors.origin, "ana"), (other, "ben"))
    ]
    ended = end_together(loops)
    assert [(each.code, each.out) for each in ended] == [(0, "40\n")] * 2, ended
    assert ran(tmp_path / "log") == dict.fromkeys(map(str, range(40)), 1)


def test_workers_in_two_mirrors_run_a_notebook_with_a_loop(
    mirrors: Mirrors, tmp_path: Path
) -> None:
    origin, other = mirrors.origin, mirrors.clone()
    cell: dict[str, Any] = {
        "cell_type": "code", "id": "loop", "metadata": {}, "source": script(tmp_path),
        "execution_count": None, "outputs": [],
    }  # fmt: skip
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    origin.write("loop.ipynb", json.dumps(notebook))
    origin.write("loop.yaml", SWEEP)
    declared = origin.run("sweep", "loop.yaml")
    assert declared.code == 0, declared.err
    ended = end_together([each.start("work", "loop", member="ana") for each in (origin, other)])
    assert [each.code for each in ended] == [0, 0], ended
    assert ran(tmp_path / "log") == dict.fromkeys(map(str, range(40)), 1)


SWEEP = """\
program: loop.ipynb
method: grid
metric: {name: y}
parameters: {x: {min: 0, max: 39}}
"""
