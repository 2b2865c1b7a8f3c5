"""A project with files of two members."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from colabctl.space.survey import Survey, survey
from tests.processes import Project

WRITER = "ben-vm-20260102T030405-abcdef"
SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params, task):\n    return {'y': params['x']}\n"


def look(project: Project) -> Survey:
    config = project.config({})
    return survey(config.layout, config)


def grow_old(path: Path, seconds: float = 7200.0) -> Path:
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def leftover(project: Project, folder: str = "results/ana", name: str = "m.json") -> Path:
    """Write the temporary file of a process that was killed two hours ago."""
    return grow_old(project.write(f"{folder}/.{name}.vm.123.deadbeef.tmp", "half"))


@pytest.fixture
def swept(project: Project) -> Project:
    """Return a project with a finished sweep of which ben's worker kept files."""
    project.declare("first", SWEEP, TRAIN)
    done: list[dict[str, Any]] = [{"event": "claim", "tasks": [[0, 1], [1, 1]]}]
    done += [{"event": "done", "task": n, "attempt": 1, "metrics": {"y": n}} for n in (0, 1)]
    project.journal("first", *done, {"event": "end", "reason": "finished"}, writer=WRITER)
    runs = f"sweeps/first/runs/{WRITER}"
    project.write(f"{runs}/00/00/000000-1-{WRITER}/model.bin", "weights")
    project.write(f"{runs}/00/00/000000-1-{WRITER}/executed.ipynb", "{}")
    project.write(f"{runs}/output/0000.jsonl", "printed")
    return project
