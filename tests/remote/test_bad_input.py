"""Wrong URLs, missing credentials and other projects: one line, at once, and an exit code of 1."""

import os
from pathlib import Path

import pytest

from tests.processes import Finished, new_project
from tests.remote.conftest import Mirrors


def check_told(ended: Finished, *words: str) -> None:
    """Check that a command failed with one line on standard error that has these words."""
    assert ended.code == 1, ended
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert line.startswith("colabctl: ")
    for each in words:
        assert each in line


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("gdrive:churn", ["gdrive:churn is not the URL of a store", "rclone:gdrive:churn"]),
        ("rclone:nope:churn", ["rclone knows no remote named nope", "rclone config makes one"]),
        ("s3://lab/churn?endpoint=http://127.0.0.1:9", ["needs credentials, and there are none"]),
    ],
)
def test_a_url_that_leads_nowhere_is_told(
    url: str, words: list[str], tmp_path: Path, without_credentials: None
) -> None:
    project = new_project(tmp_path / "churn")
    mirror = tmp_path / "mirror"
    check_told(project.run("remote", "add", url, RCLONE_CONFIG=os.devnull), *words)
    check_told(project.run("clone", url, str(mirror), RCLONE_CONFIG=os.devnull), *words)
    assert not mirror.exists()


def test_a_bucket_with_other_files_or_another_project_is_told(
    mirrors: Mirrors, tmp_path: Path
) -> None:
    second = new_project(tmp_path / "second")
    check_told(second.run("remote", "add", mirrors.url), "holds another project; use another path")
    bucket = mirrors.url.removesuffix("/churn")
    check_told(second.run("remote", "add", bucket), "is not empty; give a path of its own")
    empty = str(tmp_path / "mirror")
    check_told(mirrors.run("clone", f"{bucket}/none", empty), "holds no project (no colabctl.yaml)")
    check_told(mirrors.run("clone", mirrors.url, str(second.root)), "is not an empty folder")
    assert mirrors.run("clone", mirrors.url, empty).code == 0
    check_told(mirrors.run("clone", mirrors.url, empty), "run colabctl sync in it")


def test_a_store_that_holds_another_project_by_now_gets_and_gives_nothing(tmp_path: Path) -> None:
    """As after a bucket was emptied, and someone else has put a project there."""
    projects = [new_project(tmp_path / name) for name in ("first", "second")]
    for project, name in zip(projects, ("store", "other"), strict=True):
        (tmp_path / name).mkdir()
        assert project.run("remote", "add", str(tmp_path / name)).code == 0
    (tmp_path / "store").rename(tmp_path / "earlier")
    (tmp_path / "other").rename(tmp_path / "store")
    first = projects[0]
    first.write("new.py", "x = 1\n")
    for command in ("sync", "status"):
        told = first.run(command)
        check_told(told, "holds another project by now, so nothing was carried", "remote remove")
    assert not (tmp_path / "store/new.py").exists()
