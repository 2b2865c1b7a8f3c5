"""The notebooks as pages: nothing is cut, and nothing is longer than a screen."""

import os
from pathlib import Path

import nbformat
import pytest

from colabctl.project.notebooks.rendering import Cell, render
from colabctl.project.notebooks.starter import starter
from tests.processes import Project
from tests.worker_notebooks.browser import browser, shown
from tests.worker_notebooks.conftest import Share
from tests.worker_notebooks.machine import Machine

pytestmark = pytest.mark.skipif(
    browser() is None and "CI" not in os.environ, reason="needs Chromium"
)
SECRET = "\nsecrets: [A_KEY]\n"


def worker(project: Project) -> Path:
    return project.root / project.run("workers", "first").out.strip()


def test_a_cell_that_is_cut_or_too_long_would_be_seen(tmp_path: Path) -> None:
    cells = [
        Cell("good", "x = 1"),
        Cell("wide", f"x = '{'a' * 200}'"),
        Cell("long", "x = 1\n" * 80),
        Cell("table", f"| a |\n|---|\n| {'b' * 300} |", "markdown"),
    ]
    notebook = tmp_path / "faulty.ipynb"
    notebook.write_bytes(render("faulty", cells))
    good, wide, long, table = shown(notebook, tmp_path).faults
    assert (good, "wide" in wide, "longer than a screen" in long, "wide" in table) == (
        [], True, True, True,
    )  # fmt: skip


def test_a_worker_notebook_shows_all_of_its_code(tmp_path: Path, share: Share) -> None:
    faults = shown(worker(share(tmp_path / "churn")), tmp_path).faults
    assert faults == [[]] * 8


def test_a_worker_notebook_shows_all_of_its_output(
    tmp_path: Path, colab: Machine, share: Share
) -> None:
    project = share(colab.drive / "MyDrive" / "churn")
    notebook = worker(project)
    good = colab.run(notebook)
    with (project.root / "colabctl.yaml").open("a") as config:
        config.write(SECRET)
    bad = colab.run(notebook)
    assert (good.failed, bad.failed) == (False, True)
    for name, ran in (("good", good), ("bad", bad)):
        nbformat.write(ran.notebook, tmp_path / f"{name}.ipynb")  # type: ignore[no-untyped-call]
        assert shown(tmp_path / f"{name}.ipynb", tmp_path).faults == [[]] * 8


def test_a_starter_is_not_cut_and_only_what_is_folded_is_long(tmp_path: Path) -> None:
    notebook = tmp_path / "start.ipynb"
    notebook.write_bytes(starter("churn", "ana", "start"))
    assert shown(notebook, tmp_path).faults == [["longer than a screen"], []]
