"""Earlier versions of a notebook are found, and a hostile clone runs nothing."""

import os
import subprocess
from pathlib import Path

import pytest

from colabctl.project.layout import Layout
from colabctl.project.notebooks.ancestors import earlier_versions
from colabctl.project.notebooks.starter import write_starter
from tests.notebook.notebooks import content


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=ana", "-c", "user.email=ana@lab.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a clone in which notebooks/x [1].ipynb was committed twice."""
    folder = tmp_path / "clone"
    (folder / "notebooks").mkdir(parents=True)
    git(folder, "init")
    for source in ("a = 1", "a = 2"):
        (folder / "notebooks/x [1].ipynb").write_bytes(content(source))
        git(folder, "add", ".")
        git(folder, "commit", "-m", source)
    return folder


def versions(first: Path, second: Path) -> list[tuple[str, str]]:
    found = [each.notebook for each in earlier_versions(first, second)]
    return [(each.name, each.cells[-1].source) for each in found]


def test_committed_versions_come_newest_first(clone: Path) -> None:
    file = clone / "notebooks/x [1].ipynb"
    file.write_bytes(content("a = 3"))
    newest, oldest = git(clone, "log", "--format=%h", "--abbrev=7").split()
    assert versions(file, clone / "notebooks/other.ipynb") == [
        (f"x [1].ipynb of commit {newest}", "a = 2"),
        (f"x [1].ipynb of commit {oldest}", "a = 1"),
    ]


def test_the_versions_of_an_original_are_those_of_its_copy(clone: Path) -> None:
    copies = clone / "notebooks/Copy of x [1].ipynb", clone / "notebooks/x [1]-Copy1.ipynb"
    assert [source for _, source in versions(*copies)] == ["a = 2", "a = 1"]


def test_jupyters_checkpoint_is_found(tmp_path: Path) -> None:
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints/x-checkpoint.ipynb").write_bytes(content("a = 1"))
    found = versions(tmp_path / "x.ipynb", tmp_path / "x (1).ipynb")
    assert found == [("Jupyter's checkpoint of x.ipynb", "a = 1")]


def test_a_members_notebook_is_found_as_it_was_created(project: Layout) -> None:
    path = write_starter(project, "ana", "x")
    [version] = earlier_versions(path, project.root / "y.ipynb")
    assert (version.is_certain, version.notebook.name) == (True, "x.ipynb as it was created")
    project.notebook_template.write_bytes(content("a = 1"))
    assert not list(earlier_versions(path, project.root / "y.ipynb"))  # it may be newer


def test_a_damaged_or_missing_version_is_left_out(clone: Path) -> None:
    file = clone / "notebooks/x [1].ipynb"
    file.write_text("no notebook")
    git(clone, "commit", "-am", "damage")
    assert [source for _, source in versions(file, file)] == ["a = 2", "a = 1"]
    (clone / ".git/HEAD").write_text("nonsense")
    assert versions(file, file) == []


def test_a_hostile_clone_runs_nothing(clone: Path, tmp_path: Path) -> None:
    script, trace = tmp_path / "script", tmp_path / "it-ran"
    script.write_text(f"#!/bin/sh\ntouch '{trace}'\n")
    script.chmod(0o755)
    for name in (
        *("core.fsmonitor", "core.sshCommand", "core.pager", "core.editor", "diff.external"),
        *("diff.x.textconv", "filter.x.smudge", "credential.helper", "gpg.program"),
    ):
        git(clone, "config", name, str(script))
    for name, value in {
        "core.hooksPath": str(tmp_path),
        "remote.origin.url": f"ext::{script}",
        "remote.origin.promisor": "true",
        "extensions.partialClone": "origin",
        "protocol.ext.allow": "always",
        "log.showSignature": "true",
    }.items():
        git(clone, "config", name, value)
    (clone / ".gitattributes").write_text("*.ipynb filter=x diff=x\n")
    blob = git(clone, "rev-parse", "HEAD~1:notebooks/x [1].ipynb")
    Path(clone, ".git/objects", blob[:2], blob[2:]).chmod(0o644)
    Path(clone, ".git/objects", blob[:2], blob[2:]).unlink()  # git could fetch it
    trace.unlink(missing_ok=True)
    found = versions(clone / "notebooks/x [1].ipynb", clone / "y.ipynb")
    assert [source for _, source in found] == ["a = 2"]
    assert not os.path.lexists(trace)
