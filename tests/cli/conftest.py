"""Runs commands as they are typed, in this process where that is enough: it is faster."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from colabctl.cli import main
from tests.processes import Finished, Project, clean

Say = Callable[..., Finished]

SWEEP = "method: grid\nprogram: train.py:train\nparameters: {x: {values: [1, 2]}}\n"
TRAIN = "def train(params, task):\n    return {'y': params['x']}\n"
FILE = """# which is best?
method: grid
program: train.py:train
metric: {name: y}
parameters:
  x: {values: [1, 2, 3]}
"""


def refused(said: Finished, *parts: str, lines: int = 1) -> None:
    """Check that a command was refused in `lines` lines that contain all of `parts`."""
    assert (said.code, said.out) == (1, ""), said
    assert said.err.count("\n") == lines, said.err
    assert said.err.startswith("colabctl: ")
    for part in parts:
        assert part in said.err


@pytest.fixture
def file(project: Project) -> Path:
    project.write("notebooks/ana/train.py", TRAIN)
    return project.write("notebooks/ana/s.yaml", FILE)


@pytest.fixture
def say(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """Run `colabctl ARGUMENTS` in the project, as the member ana."""
    monkeypatch.chdir(project.root)
    for name in os.environ.keys() - clean(os.environ).keys():
        monkeypatch.delenv(name)

    def run(*arguments: str, cwd: Path = project.root, **environ: str) -> Finished:
        monkeypatch.chdir(cwd)
        with monkeypatch.context() as changed:
            changed.setattr(sys, "argv", ["colabctl", *arguments])
            for name, value in {"COLABCTL_MEMBER": "ana", **environ}.items():
                changed.setenv(name, value)
            code: object = 0
            try:
                main()
            except SystemExit as exit_:
                code = exit_.code
        out, err = capsys.readouterr()
        assert isinstance(code, int)
        return Finished(code, out, err)

    return run


@pytest.fixture
def declared(project: Project) -> Project:
    """Return a project with a sweep that ana declared."""
    project.declare("first", SWEEP, TRAIN)
    return project
