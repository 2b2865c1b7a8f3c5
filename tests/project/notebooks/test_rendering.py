"""The format of generated notebooks, and the starter notebooks."""

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import pytest

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.notebooks import bootstrap
from colabctl.project.notebooks.rendering import Cell, colab_link, constants, render, source_of
from colabctl.project.notebooks.starter import starter, write_starter
from colabctl.project.notebooks.wheel import wheel
from tests.project.conftest import everything

Notebook = dict[str, Any]


def source(cell: Notebook) -> str:
    return "".join(cell["source"])


@pytest.fixture
def begun() -> Notebook:
    """Return the notebook that ana starts with."""
    content: Notebook = json.loads(starter("churn", "ana", "start"))
    return content


def test_a_notebook_is_valid_in_the_newest_format() -> None:
    notebook = json.loads(
        render("mine", [Cell("one", "# Hello", "markdown"), Cell("two", "x = 1")])
    )
    nbformat.validate(notebook)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["colab"]["name"] == "mine.ipynb"
    assert [cell["cell_type"] for cell in notebook["cells"]] == ["markdown", "code"]


def test_code_with_a_title_is_folded_under_it() -> None:
    [titled, plain] = json.loads(render("n", [Cell("a", "#@title Hi\nx = 1"), Cell("b", "x = 1")]))[
        "cells"
    ]
    assert titled["metadata"] == {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert plain["metadata"] == {}


def test_functions_are_copied_without_lint_comments() -> None:
    text = source_of(bootstrap.mount_drive, bootstrap.candidates)
    assert "    from google.colab import drive\n    except ImportError:" in text
    assert "noqa" not in text
    assert "type: ignore" not in text
    names: dict[str, Any] = {}
    exec("from __future__ import annotations\n" + text, names)
    assert names["mount_drive"]() is None


@pytest.mark.parametrize("text", ["plain", 'say "hi"', "it's", "back\\slash", "Zoë 😀", "{x} $y"])
def test_a_constant_can_be_any_text(text: str) -> None:
    names: dict[str, Any] = {}
    exec(constants(NAME=text), names)
    assert names["NAME"] == text


def test_the_first_cell_opens_the_project_from_the_wheel_that_it_names(begun: Notebook) -> None:
    cell = source(begun["cells"][0])
    assert constants(WHEEL=wheel().name, SHA256=wheel().digest) in cell
    assert "pip install" not in cell
    for name in (
        "project",
        "raw",
        "interim",
        "processed",
        "results",
        "mine",
        "final",
        "checkpoints",
    ):
        assert name in compile(cell, "cell", "exec").co_names


def test_the_second_cell_saves_slow_work_and_resumes(begun: Notebook) -> None:
    saved: dict[str, Any] = {}

    class Stored:
        def checkpoint(self, name: str, build: Any) -> Any:
            return saved.setdefault(name, build())

    for _ in range(2):
        exec(source(begun["cells"][1]), {"project": Stored()})
    assert saved == {"features.json": {"squares": [x * x for x in range(10)]}}


def test_the_same_build_gives_a_member_the_same_notebook() -> None:
    assert starter("churn", "ana", "start") == starter("churn", "ana", "start")


def test_a_new_notebook_is_in_its_members_folder(project: Layout) -> None:
    path = write_starter(project, "ana", "exploring")
    assert path == project.member_notebooks("ana") / "exploring.ipynb"
    assert write_starter(project, "ben", "exploring.ipynb").parent.name == "ben"
    notebook = json.loads(path.read_bytes())
    assert notebook["metadata"]["colab"]["name"] == "exploring.ipynb"
    assert constants(PROJECT="churn", MEMBER="ana") in source(notebook["cells"][0])


@pytest.mark.parametrize("name", ["start", "start.ipynb", "START"])
def test_a_name_that_is_taken_is_refused(project: Layout, name: str) -> None:
    before = everything(project.root)
    with pytest.raises(UserError, match=r"notebooks/ana/start\.ipynb already exists; choose"):
        write_starter(project, "ana", name)
    assert everything(project.root) == before


@pytest.mark.parametrize("name", ["", ".ipynb", "a/b", "..", "con", "what?", "x" * 100])
def test_a_name_that_is_not_safe_everywhere_is_refused(project: Layout, name: str) -> None:
    before = everything(project.root)
    with pytest.raises(UserError, match="notebook name"):
        write_starter(project, "ana", name)
    assert everything(project.root) == before


def test_the_link_has_the_id_from_the_mount(tmp_path: Path) -> None:
    notebook = tmp_path / "n.ipynb"
    notebook.touch()
    assert colab_link(notebook) is None
    assert colab_link(tmp_path / "missing.ipynb") is None
    try:
        os.setxattr(notebook, "user.drive.id", b"1aB_c-9")
    except (AttributeError, OSError):
        pytest.skip("needs extended attributes")
    assert colab_link(notebook) == "https://colab.research.google.com/drive/1aB_c-9"


def test_a_notebook_that_is_not_uploaded_has_no_link_yet(tmp_path: Path) -> None:
    notebook = tmp_path / "n.ipynb"
    notebook.touch()
    try:
        os.setxattr(notebook, "user.drive.id", b"local-1234")
    except (AttributeError, OSError):
        pytest.skip("needs extended attributes")
    assert colab_link(notebook) is None
