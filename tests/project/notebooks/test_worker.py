"""Worker notebooks: which ones are written, and their text."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.notebooks.rendering import constants
from colabctl.project.notebooks.wheel import wheel
from colabctl.project.notebooks.worker import TERMS, Job, WorkerNotebooks, worker, write_workers
from colabctl.version import VERSION
from tests.project.conftest import everything

JOB = Job(
    sweep="first",
    tasks=1234,
    program="train.py:train",
    digest="ab" * 32,
    declared_by="ben",
    declared_at=1_767_225_600.0,
    made_with=VERSION,
)
MOST_LINES = 36  # what a screen shows of a cell


def texts(content: bytes) -> list[str]:
    return ["".join(cell["source"]) for cell in json.loads(content)["cells"]]


def names(paths: "tuple[Path, ...] | frozenset[Path]") -> list[str]:
    return sorted(path.name for path in paths)


def written(project: Layout, number: int, job: Job = JOB) -> WorkerNotebooks:
    return write_workers(project, "ana", job, number)


def change(path: Path, edit: Any) -> bytes:
    """Change a notebook, as a person or Colab does; return what it is then."""
    notebook = json.loads(path.read_bytes())
    edit(notebook)
    path.write_text(json.dumps(notebook))
    return path.read_bytes()


def test_the_first_cell_says_what_runs_who_declared_it_and_what_colab_allows() -> None:
    title, *_ = texts(worker("churn", "ana", JOB, "first-ana-1"))
    assert title.startswith("# Worker for first\n")
    for part in ("**churn**", "**ana**", "11h", "1,234", "train.py:train", JOB.digest, TERMS):
        assert part in title
    assert "by ben, 2026-01-01 00:00 UTC" in title
    assert f"colabctl {VERSION}" in title


def test_the_notebook_is_valid_and_its_cells_fit_on_a_screen() -> None:
    content = worker("churn", "ana", JOB, "first-ana-1")
    nbformat.validate(json.loads(content))
    assert max(len(text.splitlines()) for text in texts(content)) <= MOST_LINES
    assert max(len(line) for text in texts(content)[1:] for line in text.splitlines()) <= 100


def test_the_form_has_a_field_for_each_choice_and_constants_below() -> None:
    job = replace(JOB, max_time="90m", release=True)
    form = texts(worker("churn", "ana", job, "n"))[1]
    assert form.startswith("#@title 1. ")
    assert 'member = "ana"  #@param {type: "string"}' in form
    assert 'max_time = "90m"  #@param {type: "string"}' in form
    assert 'release_machine = True  #@param {type: "boolean"}' in form
    fixed = {"PROJECT": "churn", "SWEEP": "first", "DIGEST": JOB.digest, "WHEEL": wheel().name}
    assert constants(**fixed, SHA256=wheel().digest) in form


def test_names_are_not_interpreted_as_markdown() -> None:
    title, *_ = texts(worker("<b>*churn*</b>", "ana|ben", JOB, "n"))
    assert r"**\<b\>\*churn\*\</b\>**" in title
    assert r"**ana\|ben**" in title


def test_the_requested_notebooks_are_written_with_the_wheel(project: Layout) -> None:
    done = written(project, 3)
    assert names(done.paths) == names(done.new) == [f"first-ana-{n}.ipynb" for n in (1, 2, 3)]
    assert {path.parent for path in done.paths} == {project.worker_notebooks}
    assert (project.records / wheel().name).read_bytes() == wheel().data


def test_writing_them_again_changes_nothing(project: Layout) -> None:
    written(project, 2)
    before = everything(project.root)
    again = written(project, 2)
    assert (names(again.paths), names(again.new)) == (
        ["first-ana-1.ipynb", "first-ana-2.ipynb"],
        [],
    )
    assert everything(project.root) == before
    assert names(written(project, 3).new) == ["first-ana-3.ipynb"]


def test_a_notebook_that_was_run_still_counts(project: Layout) -> None:
    def run(notebook: Any) -> None:
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])  # as some write it
            if cell["cell_type"] == "code":
                cell["execution_count"] = 1
                cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "done\n"}]
        notebook["metadata"]["colab"]["collapsed_sections"] = []

    [path] = written(project, 1).paths
    after = change(path, run)
    done = written(project, 1)
    assert (done.paths, names(done.new), done.other) == ((path,), [], ())
    assert path.read_bytes() == after


def test_an_edited_notebook_is_skipped_and_another_is_written(project: Layout) -> None:
    [path] = written(project, 1).paths
    after = change(path, lambda notebook: notebook["cells"][1]["source"].append("\nx = 1"))
    done = written(project, 1)
    assert (names(done.paths), done.other) == (["first-ana-2.ipynb"], (path,))
    assert path.read_bytes() == after


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"cells": 1}', b"[" * 100_000, b"\xff"])
def test_other_files_are_unchanged(project: Layout, content: bytes) -> None:
    there = project.worker_notebooks / "first-ana-1.ipynb"
    there.write_bytes(content)
    assert written(project, 1).other == (there,)
    assert there.read_bytes() == content


def test_other_limits_give_other_notebooks(project: Layout) -> None:
    written(project, 1)
    assert names(written(project, 1, replace(JOB, max_time="5h")).new) == ["first-ana-2.ipynb"]


@pytest.mark.parametrize("number", [-1, 0, 101])
def test_an_impossible_number_is_refused(project: Layout, number: int) -> None:
    before = everything(project.root)
    with pytest.raises(
        UserError, match=f"-n is {number}; give a number of notebooks from 1 to 100"
    ):
        written(project, number)
    assert everything(project.root) == before


def test_a_sweep_of_another_version_is_refused(project: Layout) -> None:
    before = everything(project.root)
    with pytest.raises(UserError, match=rf"declared with colabctl 9\.9\.9, and this is {VERSION}"):
        written(project, 1, replace(JOB, made_with="9.9.9"))
    assert everything(project.root) == before
