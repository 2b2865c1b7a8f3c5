"""Doctor names copies of notebooks with commands that work, and notebooks that two people run."""

import json
import re
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from colabctl.doctor.check import Check
from colabctl.doctor.notebooks import notebooks
from tests.cli.notebook.test_diff import write
from tests.doctor.test_doctor import doctor
from tests.processes import Project

ANA, BEN = ("Ana Silva", "01"), ("Ben Ko", "02")


def ran(path: Path, *people: tuple[str, str], days: float = 1.0) -> None:
    """Write a notebook as Colab saves it, with a cell that each of the people was the last to run."""
    cells = [
        {
            "cell_type": "code", "source": ["x = 1"], "outputs": [], "execution_count": 1,
            "metadata": {
                "id": f"XU0o_w7y2B{number}",
                "executionInfo": {
                    "elapsed": 5, "status": "ok", "user_tz": -60,
                    "timestamp": int((time.time() - days * 86400) * 1000),
                    "user": {"displayName": name, "userId": account},
                },
            },
        }
        for number, (name, account) in enumerate(people)
    ]  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"nbformat": 4, "nbformat_minor": 0, "metadata": {}, "cells": cells})
    )


def checks(project: Project) -> list[Check]:
    return list(notebooks(project.config({}).layout))


def notes(project: Project) -> list[str]:
    return [check.what for check in checks(project) if check.level != "ok"]


@pytest.mark.parametrize(
    "copy",
    [
        *("x (1).ipynb", "Copy of x.ipynb", "Kopie von x.ipynb", "x - Copy.ipynb", "x-Copy1.ipynb"),
        *("x.sync-conflict-20260101-120000-ABCDEF.ipynb", "x (1) (1).ipynb", "Copy of x (1).ipynb"),
        *("x (Ben's conflicted copy 2026-01-31).ipynb", "x-DESKTOP-4AB2C3D.ipynb"),
    ],
)
def test_a_copy_is_named_with_commands_that_join_both(project: Project, copy: str) -> None:
    folder = project.root / "notebooks/ana"
    write(folder / "x.ipynb", "lr = 0.1", "plot()")
    write(folder / copy, "lr = 0.1", "save()")
    code, found = doctor(project.root)
    [check] = [each for each in found if each["level"] == "wrong"]
    assert code == 3
    assert check["what"] == f"notebooks/ana/{copy} is a second x.ipynb, and 2 cells differ"
    for command in re.findall(r"colabctl (notebook [^;]+)", check["fix"]):
        assert project.run(*shlex.split(command)).code in (0, 3)
    made = json.loads((folder / "x-merged.ipynb").read_text())
    assert ["".join(cell["source"]) for cell in made["cells"]] == ["lr = 0.1", "plot()", "save()"]


def test_a_copy_with_the_same_cells_is_a_note(project: Project) -> None:
    write(project.root / "x.ipynb", "lr = 0.1", ids="a")
    write(project.root / "x-Copy1.ipynb", "lr = 0.1", ids="b")
    code, found = doctor(project.root)
    assert code == 0
    assert "x-Copy1.ipynb is a copy of x.ipynb with the same cells" in [e["what"] for e in found]


def test_a_damaged_copy_is_named_as_any_other_file(project: Project) -> None:
    write(project.root / "x.ipynb", "lr = 0.1")
    project.write("x (1).ipynb", "{")
    found = doctor(project.root)[1]
    [check] = [each for each in found if each["level"] == "wrong"]
    assert check["what"].startswith("x (1).ipynb is a second x.ipynb, and colabctl reads only")


def test_a_notebook_that_two_people_run_is_named(project: Project) -> None:
    ran(project.root / "notebooks/ana/x.ipynb", ANA, ANA, BEN)
    [note] = notes(project)
    assert note.startswith(
        "notebooks/ana/x.ipynb was run by more than one person in the last 30 days"
    )
    assert re.search(r"Ana Silva \(2 cells, last on \d{4}-\d\d-\d\d\)", note)
    assert re.search(r"Ben Ko \(1 cell, last on ", note)


def test_long_ago_one_person_with_two_accounts_and_workers_are_no_problem(project: Project) -> None:
    ran(project.root / "notebooks/ana/old.ipynb", ANA, BEN, days=40)
    ran(project.root / "notebooks/ana/twice.ipynb", ANA, ("Ana Silva", "99"))
    ran(project.root / "notebooks/workers/first-ana-1.ipynb", ANA, BEN)
    ran(project.root / "notebooks/.ipynb_checkpoints/x-checkpoint.ipynb", ANA, BEN)
    assert notes(project) == []
    [ok] = checks(project)
    assert ok.what.endswith("(2 of 4 say who ran them)")


def test_a_notebook_in_anothers_folder_is_named(project: Project) -> None:
    ran(project.root / "notebooks/ana/own.ipynb", ANA)
    ran(project.root / "notebooks/ana/own2.ipynb", ANA)
    ran(project.root / "notebooks/ben/own.ipynb", BEN)
    ran(project.root / "notebooks/ana/guest.ipynb", BEN)
    [note] = notes(project)
    assert re.fullmatch(
        r"notebooks/ana/guest\.ipynb was last run by Ben Ko \(1 cell, last on [-\d]+\), whose "
        r"notebooks are in notebooks/ben",
        note,
    )


def test_conflicts_of_a_merge_are_named(project: Project) -> None:
    write(project.root / "a.ipynb", "lr = 0.1")
    write(project.root / "b.ipynb", "lr = 0.2")
    assert project.run("notebook", "merge", "a.ipynb", "b.ipynb", "-o", "c.ipynb").code == 3
    assert notes(project) == ["c.ipynb has conflicts that a merge marked: 1"]


@pytest.mark.parametrize(
    "info",
    [
        *(None, [], "x", {"user": None}, {"user": {"userId": 3}}, {"user": {"userId": ""}}),
        {"user": {"userId": "1", "displayName": ["x"]}, "timestamp": "soon"},
        {"user": {"userId": "1", "displayName": "x" * 10_000}, "timestamp": 1e300},
        {"user": {"userId": "1", "displayName": "\x1b[2J"}, "timestamp": True},
    ],
)
def test_nonsense_in_a_notebook_disturbs_no_check(project: Project, info: Any) -> None:
    cell = {"cell_type": "code", "source": "", "metadata": {"executionInfo": info, "tags": 3}}
    for number, each in enumerate([[cell], [None, 3, {}], "x", {}]):
        text = json.dumps({"nbformat": 4, "metadata": {}, "cells": each})
        project.write(f"notebooks/ana/n{number}.ipynb", text)
    project.write("notebooks/ana/broken.ipynb", '{"cells": [')
    (project.root / "notebooks/ana/link.ipynb").symlink_to("/etc/passwd")
    assert notes(project) == []
