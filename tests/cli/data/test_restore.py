"""`restore`: raw data comes back, also when all of it is gone."""

import os
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Project


@pytest.fixture
def data(project: Project, say: Say) -> Path:
    """Return a protected file of raw data."""
    file = project.write("data/raw/a.csv", "1,2\n")
    project.write("data/raw/b.csv", "3,4\n")
    assert say("protect").code == 0
    return file


def test_a_deleted_folder_comes_back_with_all_its_files(
    project: Project, say: Say, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data.parent, tmp_path / "copy")
    shutil.rmtree(data.parent)
    refused(say("verify"), "the folder data/raw is gone", "colabctl restore data/raw")
    refused(say("restore", "--from", "nosuch.zip"), "the copy nosuch.zip does not exist")
    place = ("--from", str(tmp_path / "copy"), "--yes")
    waits = say("restore", *place, COLABCTL_CONSISTENCY="eventual")
    refused(waits, "data/raw is not listed; wait", "--trust-listing")
    assert not data.parent.exists()
    for make in (False, True):  # also when `init` has made an empty one
        if make:
            shutil.rmtree(data.parent)
            data.parent.mkdir()
        assert say("restore", *place).code == 0
        assert (data.parent / ".colabctl-sentinel").exists()
        assert say("verify").code == 0


def test_files_that_may_only_not_be_listed_come_back_if_someone_says_so(
    project: Project, say: Say, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data.parent, tmp_path / "copy")
    for name in (".colabctl-sentinel", "b.csv"):
        (data.parent / name).unlink()
    place = ("--from", str(tmp_path / "copy"), "--yes")
    refused(say("restore", *place), "this listing is not complete", "--trust-listing")
    assert say("restore", *place, "--trust-listing").code == 0
    assert (data.parent / ".colabctl-sentinel").exists()
    assert say("verify").code == 0


def test_restore_shows_what_has_taken_the_place_of_a_file(
    project: Project, say: Say, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data.parent, tmp_path / "copy")
    data.unlink()
    os.mkfifo(data)
    (data.parent / "b.csv").unlink()
    (data.parent / "b.csv").mkdir()
    restored = say("restore", "--from", str(tmp_path / "copy"), "--yes")
    assert restored.code == 0, restored
    assert "a folder is in its place, and is kept as NAME.bad-00000000: b.csv" in restored.err
    assert "not a regular file any more; kept as NAME.bad-00000000: a.csv" in restored.err
    assert say("verify").code == 0


def test_a_backup_in_the_place_of_the_folder_is_understood(
    project: Project, say: Say, data: Path, tmp_path: Path
) -> None:
    (project.root / "backup.zip").write_bytes(b"")
    refused(say("restore", "backup.zip"), "run: colabctl restore --from backup.zip")
