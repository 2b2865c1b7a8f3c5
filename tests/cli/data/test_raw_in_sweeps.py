"""Sweeps and raw data: it is checked before work starts, and no task changes it."""

from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Project

CHANGING = """
import os, pathlib, subprocess, sys

def train(params, task):
    raw = pathlib.Path(os.environ["COLABCTL_ROOT"], "data/raw/a.csv")
    if params["x"] == 1:
        raw.write_text("changed")
    if params["x"] == 2:
        subprocess.run([sys.executable, "-c", f"open({str(raw)!r}, 'w')"], check=True)
    if params["x"] == 3:
        open("data/raw/a.csv", "a")
    return {"y": 1}
"""
PROGRAM = """
import os
open(os.environ["COLABCTL_ROOT"] + "/data/raw/a.csv", "w")
"""
SWEEP = "method: grid\nprogram: {}\nparameters: {{x: {{values: [{}]}}}}\nmax_retries: 0\n"


@pytest.fixture
def data(project: Project, say: Say) -> Path:
    """Return a protected file of raw data, which can be written, as on a Drive."""
    file = project.write("data/raw/a.csv", "1,2\n")
    project.write("data/raw/b.csv", "3,4\n")
    assert say("protect").code == 0
    file.chmod(0o644)
    return file


def test_a_task_that_writes_in_raw_data_fails_with_the_reason(project: Project, data: Path) -> None:
    project.declare("first", SWEEP.format("train.py:train", "1, 2, 3, 4"), CHANGING)
    ended = project.run("work", "first")
    assert "1 done, 3 failed" in ended.err, ended
    shown = project.run("failures", "first")
    assert "raw data must not be changed" in shown.out
    assert data.read_text() == "1,2\n"


def test_a_program_that_writes_in_raw_data_fails_with_the_reason(
    project: Project, data: Path
) -> None:
    project.declare("first", SWEEP.format("train.py", "1"), PROGRAM)
    ended = project.run("work", "first")
    assert "0 done, 1 failed" in ended.err, ended
    assert "raw data must not be changed" in project.run("failures", "first").out
    assert data.read_text() == "1,2\n"


def test_work_does_not_start_on_damaged_raw_data_unless_told(
    project: Project, say: Say, data: Path
) -> None:
    project.declare("first", SWEEP.format("train.py:train", "4"), CHANGING)
    data.write_text("changed\n")
    (data.parent / "b.csv").unlink()
    parts = ("changed: a.csv", "missing: b.csv", "colabctl restore data/raw", "--damaged-raw")
    refused(say("work", "first"), *parts)
    assert "not as it was recorded" in say("doctor").out
    ended = project.run("work", "first", "--damaged-raw")
    assert (ended.code, "1 done" in ended.err, "note: data/raw is not as" in ended.err) == (
        0,
        True,
        True,
    )


def test_work_starts_on_a_listing_that_is_not_complete_and_with_new_files(
    project: Project, data: Path
) -> None:
    project.declare("first", SWEEP.format("train.py:train", "4"), CHANGING)
    for name in (".colabctl-sentinel", "b.csv"):
        (data.parent / name).unlink()
    project.write("data/raw/new.csv", "1")
    ended = project.run("work", "first")
    assert (ended.code, "1 done" in ended.err) == (0, True), ended
    assert "note: the listing of data/raw is not complete" in ended.err


def test_declaring_a_sweep_says_that_raw_data_is_damaged(
    project: Project, say: Say, data: Path
) -> None:
    data.write_text("changed\n")
    project.write("train.py", CHANGING)
    file = project.write("first.yaml", SWEEP.format("train.py:train", "4"))
    declared = say("sweep", str(file))
    assert declared.code == 0, declared
    assert "note: data/raw is not as it was recorded (changed: a.csv)" in declared.err


def test_restore_asks_first_and_a_second_place_is_named_once(
    project: Project, say: Say, data: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy/a.csv"
    copy.parent.mkdir()
    copy.write_text("1,2\n")
    data.write_text("changed\n")
    refused(say("restore"), "no backup is named", "raw_copy")
    place = {"COLABCTL_RAW_COPY": str(copy.parent)}
    asked = say("restore", **place)
    assert (asked.code, data.read_text()) == (1, "changed\n")
    assert "changed, the file here is kept as NAME.bad-DIGEST: a.csv\n" in asked.err
    assert "add --yes" in asked.err
    restored = say("restore", "--yes", "--json", **place)
    assert (restored.code, data.read_text()) == (0, "1,2\n"), restored
    assert restored.json[0]["restored"] == ["a.csv"]
    assert say("verify").code == 0
    assert "nothing to restore" in say("restore", **place).err
    copy.chmod(0o644)
    copy.write_text("other copy, which is bad")
    data.chmod(0o644)
    data.write_text("changed\n")
    bad = say("restore", "--yes", **place)
    assert bad.code == 1
    assert "data/raw/a.csv is not restored: its copy in" in bad.err
    assert data.read_text() == "changed\n"


def test_verify_with_only_new_files_suggests_plain_protect(
    project: Project, say: Say, data: Path
) -> None:
    project.write("data/raw/new.csv", "1")
    said = say("verify")
    assert (said.code, said.out) == (3, "added: data/raw/new.csv\n")
    assert "colabctl protect data/raw" in said.err
    assert "--accept-changes" not in said.err


def test_verify_checks_every_folder_that_has_a_manifest(
    project: Project, say: Say, data: Path
) -> None:
    project.write("labels/l.csv", "1")
    say("protect", "labels")
    assert "labels: 1 file, all unchanged\n" in say("verify").out


def test_more_and_quick_exclude_each_other(say: Say, data: Path) -> None:
    refused(say("verify", "--quick", "--more", "1m"), "choose one")
    assert "data/raw: 2 files read, all unchanged" in say("verify", "--more", "1m").out
    assert say("verify", "--quick").out == "data/raw: 2 files, same size and time\n"
