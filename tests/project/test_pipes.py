"""No command waits for a pipe in place of a file."""

import os
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.create import create
from colabctl.project.layout import Layout
from colabctl.project.members import members
from colabctl.project.notebooks.wheel import place_wheel, wheel
from colabctl.project.raw import protect, verify
from tests.project.notebooks.test_worker import written

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")


def test_a_pipe_is_not_a_members_record(project: Layout) -> None:
    os.mkfifo(project.member_records / "cleo.json")
    assert members(project, load(project.root, {})) == ("ana", "ben")


def test_a_pipe_is_not_a_manifest(project: Layout) -> None:
    os.mkfifo(project.manifest(project.raw))
    for command in (protect, verify):
        with pytest.raises(UserError, match=r"raw\.manifest\.json is not a file; move it away"):
            command(project, Path("data/raw"))


def test_a_pipe_is_not_the_wheel(project: Layout) -> None:
    os.mkfifo(project.records / wheel().name)
    with pytest.raises(UserError, match=r"py3-none-any\.whl is a pipe or a device"):
        place_wheel(project)


def test_a_pipe_is_not_a_worker_notebook(project: Layout) -> None:
    there = project.worker_notebooks / "first-ana-1.ipynb"
    os.mkfifo(there)
    assert written(project, 1).other == (there,)


def test_a_pipe_is_not_a_configuration(project: Layout) -> None:
    project.config.unlink()
    os.mkfifo(project.config)
    with pytest.raises(UserError, match=r"colabctl\.yaml is a pipe or a device"):
        create(project.root)
