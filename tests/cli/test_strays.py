"""Files that no one meant to be in a sweep stop no worker, and those of people are named."""

import json
import shutil

import pytest

from tests.cli.conftest import SWEEP, TRAIN, Say
from tests.processes import Project

DROPPINGS = [
    *(".DS_Store", "._train.py", "desktop.ini", "Thumbs.db", "Icon\r", ".nfs000001", "~$train.py"),
    *(".~lock.train.py#", ".train.py.swp", "train.py~", "#train.py#", "notes.gdoc"),
    *("__pycache__/train.cpython-311.pyc", ".ipynb_checkpoints/train-checkpoint.py"),
]
SOMEBODYS = ["train (1).py", "Copy of train.py", "train.py.conflict"]
OTHERS = ["notes.txt", "mine/train.py"]
FOLDERS = [
    *("sweeps", "sweeps/first", "sweeps/first/code", "sweeps/first/tasks", "sweeps/first/runs"),
    *("sweeps/first/journal", "sweeps/first/journal/ana-vm-1", ".colabctl", ".colabctl/members"),
    *("notebooks", "notebooks/ana", "notebooks/workers", "results", "checkpoints"),
]


@pytest.mark.parametrize("folder", FOLDERS)
def test_strays_stop_nothing(declared: Project, say: Say, folder: str) -> None:
    declared.journal("first")
    for name in (*DROPPINGS, *SOMEBODYS, *OTHERS):
        declared.write(f"{folder}/{name}", "raise SystemExit('a stray was run') \0")
    assert declared.run("work").code == 0
    assert declared.status("first")["done"] == 2
    said = say("status", "--json")
    assert (said.code, [each["sweep"] for each in said.json]) == (0, ["first"])
    assert "note:" not in said.err
    assert say("trust", "first").code == 0
    assert len(say("results", "first", "--format", "json").json) == 2
    assert say("member", "list", "--json").json == ["ana", "ben"]
    assert say("sweep", "--dry-run", "s.yaml").code == 1  # there is none, and no stray is taken
    shown = say("doctor").out
    for name in DROPPINGS:
        assert f"{folder}/{name.split('/')[0]} " not in shown
    is_in_sweep = folder.startswith("sweeps/first") and not folder.endswith(("runs", "ana-vm-1"))
    for name in ("notes.txt", "mine") if is_in_sweep else ():
        is_journal = folder.endswith("journal") and name == "mine"
        assert (f"{folder}/{name} is not part of the sweep" in shown) != is_journal
    if folder.endswith("code"):
        assert "sweeps/first/code/train (1).py is a second train.py" in shown
        assert "sweeps/first/code/Copy of train.py is a second train.py" in shown


@pytest.mark.parametrize("name", ["first (1)", "Copy of first", "first.conflict"])
def test_a_copy_of_a_sweep_is_no_sweep(declared: Project, say: Say, name: str) -> None:
    shutil.copytree(declared.root / "sweeps/first", declared.root / "sweeps" / name)
    said = say("status", "--json")
    assert [each["sweep"] for each in said.json] == ["first"]
    assert said.err == ""
    assert declared.run("work").code == 0
    assert declared.status("first")["done"] == 2
    assert f"sweeps/{name} is a second first" in say("doctor").out


def test_a_sweep_may_be_called_like_a_copy(project: Project, say: Say) -> None:
    project.write("train.py", "def train(params, task):\n    return {'y': 1}\n")
    project.write("s.yaml", "method: grid\nprogram: train.py:train\nparameters: {x: {value: 1}}\n")
    assert say("sweep", "s.yaml", "--name", "first (1)").code == 0
    assert [each["sweep"] for each in say("status", "--json").json] == ["first (1)"]


def test_a_copy_of_a_journal_counts_no_result_twice(declared: Project) -> None:
    done = {"event": "done", "task": 0, "attempt": 1, "metrics": {"y": 1}}
    journal = declared.journal("first", {"event": "claim", "tasks": [[0, 1]]}, done).parent
    shutil.copytree(journal, journal.with_name(f"{journal.name} (1)"))
    status = declared.status("first")
    assert (status["done"], status["duplicates"], len(status["workers"])) == (1, 0, 1)


@pytest.mark.slow  # heartbeats of a minute
def test_strays_stop_nothing_on_an_eventual_folder(project: Project, say: Say) -> None:
    project.declare("late", SWEEP, TRAIN, COLABCTL_CONSISTENCY="eventual")
    for folder in ("sweeps/late/journal", "sweeps/late/code", "sweeps/late/tasks"):
        for name in (*DROPPINGS, *SOMEBODYS, *OTHERS):
            project.write(f"{folder}/{name}", "raise SystemExit('a stray was run')")
    assert project.run("work", "late", "--max-tasks", "1").code == 0
    own = next((project.root / "sweeps/late/journal").glob("ana-*"))
    shutil.copytree(own, own.with_name(f"{own.name} (1)"))
    for name in (*DROPPINGS, *SOMEBODYS, *OTHERS):
        inside = own.relative_to(project.root)
        project.write(f"{inside}/{name}", "")
        project.write(f"{inside}/00000000/{name}", "")
    assert project.run("work", "late").code == 0
    status = project.status("late")
    assert (status["done"], status["duplicates"], len(status["workers"])) == (2, 0, 2)


def test_only_the_files_that_were_frozen_run(declared: Project, say: Say) -> None:
    """A module that someone adds to the code neither runs nor hides an installed one."""
    declared.write("sweeps/first/code/json.py", "raise SystemExit('a stray was run')")
    declared.write("sweeps/first/code/sitecustomize.py", "raise SystemExit('a stray was run')")
    assert declared.run("work", "first").code == 0
    assert "json.py is not part of the sweep and has no effect" in say("doctor").out


def test_a_frozen_file_that_changes_or_goes_stops_the_sweep(declared: Project) -> None:
    code = declared.root / "sweeps/first/code/train.py"
    text = code.read_text()
    for change in (lambda: code.write_text(f"{text}#"), code.unlink):
        change()
        ended = declared.run("work", "first")
        assert ended.code == 1
        assert "sweeps/first/code is" in ended.err


@pytest.mark.parametrize("files", [["../../../train.py"], ["/etc/passwd"], "train.py", [""], [1]])
def test_a_list_of_code_that_leads_out_is_damage(
    declared: Project, say: Say, files: object
) -> None:
    plan = declared.root / "sweeps/first/plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), "code_files": files}))
    said = say("status", "first")
    assert said.code == 1 or declared.run("work", "first").code == 1
