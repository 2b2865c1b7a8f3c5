"""Promoting from a notebook or script."""

from pathlib import Path

import pytest

import colabctl
from colabctl.errors import UserError
from tests.cli.see.test_status import claim, done
from tests.processes import Project

SWEEP = "method: grid\nmetric: {name: y, goal: maximize}\nparameters: {x: {values: [10, 20, 30]}}\n"


def test_a_notebook_promotes_a_file_and_can_run_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root / "notebooks")
    ours = colabctl.open(project.root, "ana")
    (ours.mine / "model.pt").write_text("one")
    final = ours.promote("results/ana/model.pt", note="agreed on Monday")  # from the project
    assert final == ours.final / "model.pt"
    assert ours.promote(ours.mine / "model.pt") == final
    (ours.mine / "model.pt").write_text("two")
    with pytest.raises(UserError, match=r"exists, promoted by ana on .*replace=True"):
        ours.promote(ours.mine / "model.pt")
    ours.promote(ours.mine / "model.pt", replace=True)
    assert final.read_text() == "two"
    with pytest.raises(UserError, match=r"no file or folder nothing.pt, here or in the project"):
        ours.promote("nothing.pt")


def test_files_that_a_final_result_would_lose_are_named(project: Project) -> None:
    ours = colabctl.open(project.root, "ana")
    project.write("results/ana/run/a.txt", "a")
    project.write("results/ana/run/b.txt", "b")
    ours.promote("results/ana/run")
    (project.root / "results/ana/run/a.txt").unlink()
    with pytest.raises(UserError, match=r"the new one lacks a\.txt; give another name="):
        ours.promote("results/ana/run")


def test_a_notebook_promotes_the_best_task_or_a_named_one(project: Project) -> None:
    project.declare("first", SWEEP)
    project.journal("first", claim(0, 1), done(0, y=1.0), done(1, y=2.0))
    sweep = colabctl.open(project.root, "ana").sweep("first")
    assert sweep.promote(best=True).name == "first-best"
    assert sweep.promote("t000000", name="zero") == project.root / "results/final/zero"
    for arguments in ({}, {"task": "0", "best": True}):
        with pytest.raises(UserError, match=r"which task of first\?"):
            sweep.promote(**arguments)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="choose the best task, not a named one"):
        sweep.promote("0", where="x < 2")


def test_the_folders_of_results_are_there_when_someone_deleted_them(project: Project) -> None:
    ours = colabctl.open(project.root, "ana")
    (project.root / "results/ana").rmdir()
    (project.root / "results/final").rmdir()
    outside = Path(project.root.parent / "w.bin")
    outside.write_text("w")
    assert ours.promote(outside).read_text() == "w"
