"""Machines on which notebooks are run, and projects for their Drives."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colabctl.project.wheel import place_wheel
from tests.processes import Project, new_project
from tests.worker_notebooks.machine import Machine, bare_python

SWEEP = "method: grid\nprogram: train.py:train\nmax_retries: 0\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params, task):\n    return {'y': params['x']}\n"

Share = Callable[..., Project]


@pytest.fixture
def share() -> Iterator[Share]:
    """Make projects with a sweep and all that their notebooks need."""
    projects: list[Project] = []

    def make(root: Path, sweep: str = "first", program: str = TRAIN) -> Project:
        project = new_project(root)
        projects.append(project)
        place_wheel(project.config({}).layout)
        project.declare(sweep, SWEEP, program)
        return project

    yield make
    for project in projects:
        project.end_all()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a Python in which a notebook has installed colabctl."""
    place = tmp_path_factory.mktemp("installed")
    machine = Machine(place / "disk", bare_python(place / "python"))
    project = new_project(machine.drive / "MyDrive" / "churn")
    place_wheel(project.config({}).layout)
    done = machine.run(project.root / "notebooks/ana/start.ipynb")
    assert not done.failed, done.error
    return machine.python


@pytest.fixture
def colab(tmp_path: Path, installed: Path) -> Machine:
    """Give a machine in Colab on which colabctl is installed, with an empty Drive."""
    return Machine(tmp_path / "colab", installed)
