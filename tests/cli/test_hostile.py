"""Hostile files in the shared folder are refused by name, and stop nothing else."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Project
from tests.project.conftest import everything

linux = pytest.mark.skipif(sys.platform != "linux", reason="names are bytes on Linux only")
pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no pipes")


def change_plan(project: Project, **changes: Any) -> None:
    plan = project.root / "sweeps/first/plan.json"
    plan.write_text(json.dumps({**json.loads(plan.read_text()), **changes}))


def test_a_plan_cannot_lead_a_command_out_of_its_sweep(declared: Project, say: Say) -> None:
    change_plan(declared, sweep="../../../elsewhere")
    above = declared.root.parent
    before = everything(above)
    for command in ("status", "work", "results", "workers", "trust", "retry", "pause"):
        refused(say(command, "first"), "sweeps/first/plan.json is the plan of another sweep")
    refused(say("export", "first", "--to", "csv"), "is the plan of another sweep")
    assert everything(above) == before


def test_a_program_outside_the_frozen_code_never_runs(
    declared: Project, say: Say, tmp_path: Path
) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text(f"def train(params, task):\n    open({str(tmp_path / 'ran')!r}, 'w')\n")
    for program in (f"{evil}:train", "../../../evil.py:train"):
        change_plan(declared, program=program)
        for command in ("trust", "work", "workers"):
            refused(say(command, "first"), "sweeps/first/plan.json is damaged (program is")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["-x", "con", ".y", pytest.param("\udcff", marks=linux)])
def test_a_folder_that_cannot_be_a_sweep_is_skipped(declared: Project, say: Say, name: str) -> None:
    folder = declared.root / "sweeps" / name
    folder.mkdir()
    (folder / "plan.json").write_bytes((declared.root / "sweeps/first/plan.json").read_bytes())
    assert say("doctor").code == 0
    assert [each["sweep"] for each in say("status", "--json").json] == ["first"]
    refused(say("status", "frist"), "did you mean first?")
    assert declared.run("work").code == 0
    assert declared.status("first")["done"] == 2


def test_a_journal_with_an_invalid_name_does_not_stop_a_retry(
    declared: Project,
) -> None:
    tried: list[dict[str, Any]] = [
        {"event": "claim", "tasks": [[0, 1]]},
        {"event": "failed", "task": 0, "attempt": 1, "seconds": 1.0, "error": "e", "output": ""},
    ]
    declared.journal("first", *tried, writer="-eve")
    assert declared.run("work", "first").code == 0
    assert declared.status("first")["done"] == 2


@linux
def test_a_file_with_an_invalid_name_in_the_code_stops_nothing(declared: Project, say: Say) -> None:
    (declared.root / "sweeps/first/code/\udcff.py").touch()
    assert say("status", "first").code == 0
    assert say("work", "first").code == 0
    assert "is no part of the sweep and has no effect" in say("doctor").out


@pipes
def test_pipes_in_the_folder_of_a_sweep_are_refused_at_once(declared: Project, say: Say) -> None:
    folder = declared.root / "sweeps/first"
    (folder / "tasks/00000.jsonl").unlink()
    os.mkfifo(folder / "tasks/00000.jsonl")
    refused(say("export", "first", "--to", "csv"), "00000.jsonl: is not a regular file")
    (declared.root / "train.py").unlink()
    os.mkfifo(declared.root / "train.py")
    assert say("status", "first").code == 0
    (folder / "sweep.yaml").unlink()
    os.mkfifo(folder / "sweep.yaml")
    refused(say("export", "first", "--to", "wandb"), "sweep.yaml: is not a regular file")
