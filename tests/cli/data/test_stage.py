"""`colabctl stage`: what it prints, lists and removes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import Project


@pytest.fixture
def disk(project: Project, tmp_path: Path) -> dict[str, str]:
    for number in range(5):
        project.write(f"data/raw/images/{number}.txt", "x" * 1000)
    project.write("data/raw/table.csv", "a,b\n")
    return {"COLABCTL_STAGE": str(tmp_path / "disk")}


def test_the_path_is_all_that_stdout_gets(say: Say, disk: dict[str, str]) -> None:
    say("protect")
    said = say("stage", "data/raw/images", "data/raw/table.csv", **disk)
    assert said.code == 0
    folder, file = map(Path, said.out.splitlines())
    assert len(list(folder.iterdir())) == 5
    assert file.read_text() == "a,b\n"
    assert "staged data/raw/images: 5.0 kB copied in " in said.err
    again = say("stage", "data/raw/images", **disk)
    assert (again.out.strip(), again.err) == (
        str(folder),
        "data/raw/images was staged already; nothing copied\n",
    )


def test_a_shell_can_go_there(project: Project, disk: dict[str, str]) -> None:
    said = subprocess.run(
        f"cd $({sys.executable} -m colabctl stage data/raw/images) && ls",
        shell=True, cwd=project.root, capture_output=True, text=True, check=True,
        env={**os.environ, **disk},
    )  # fmt: skip
    assert said.stdout.split() == [f"{number}.txt" for number in range(5)]


def test_a_path_is_looked_up_here_first(say: Say, project: Project, disk: dict[str, str]) -> None:
    here = project.root / "data/raw"
    assert (
        say("stage", "images", cwd=here, **disk).out == say("stage", "data/raw/images", **disk).out
    )


def test_json_says_what_was_done(say: Say, disk: dict[str, str]) -> None:
    [report] = say("stage", "data/raw/images", "--json", **disk).json
    assert report["source"] == "data/raw/images"
    assert (report["files"], report["bytes"], report["copied"]) == (5, 5000, 5000)
    assert report["checked"] is False


def test_data_without_a_manifest_is_staged_with_a_note(say: Say, disk: dict[str, str]) -> None:
    said = say("stage", "data/raw/images", **disk)
    assert said.code == 0
    assert "note: no manifest records data/raw/images" in said.err


def test_copies_are_listed_and_removed_after_they_are_shown(
    say: Say, project: Project, disk: dict[str, str]
) -> None:
    folder = Path(say("stage", "data/raw/images", **disk).out.strip())
    say("stage", "data/raw/table.csv", **disk)
    listed = say("stage", "--list", **disk)
    assert "data/raw/images of churn" in listed.out
    assert "data/raw/table.csv of churn" in listed.out
    assert {each["source"] for each in say("stage", "--list", "--json", **disk).json} == {
        *("data/raw/images", "data/raw/table.csv")
    }
    unasked = say("stage", "--clear", **disk)
    assert unasked.code == 1
    assert "to remove: " in unasked.err
    assert folder.exists()
    cleared = say("stage", "--clear", "data/raw/images", "--yes", **disk)
    assert "removed 1 staged copy, " in cleared.err
    assert not folder.exists()
    assert "table.csv" in say("stage", "--list", **disk).out
    assert say("stage", "--clear", "--yes", **disk).code == 0
    assert "nothing is staged in " in say("stage", "--list", **disk).err
    assert "nothing to remove" in say("stage", "--clear", "--yes", **disk).err
    assert (project.root / "data/raw/images/1.txt").exists()


def test_a_copy_that_is_not_finished_is_listed_as_such(say: Say, disk: dict[str, str]) -> None:
    say("protect")
    folder = Path(say("stage", "data/raw/images", **disk).out.strip()).parent
    record = json.loads((folder / "staged.json").read_text())
    (folder / "staged.json").write_text(json.dumps({**record, "whole": False}))
    assert "data/raw/images of churn, not finished" in say("stage", "--list", **disk).out


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        ((), ("name what to stage", "--list")),
        (("--list", "--clear"), ("two commands",)),
        (("data/raw/none",), ("there is no data/raw/none",)),
        (("/etc/passwd",), ("is not in the project",)),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    say: Say, disk: dict[str, str], arguments: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    refused(say("stage", *arguments, **disk), *parts)


def test_a_damaged_source_ends_with_1_and_what_to_do(
    say: Say, project: Project, disk: dict[str, str]
) -> None:
    say("protect")
    file = project.root / "data/raw/images/3.txt"
    file.chmod(0o644)
    file.write_text("y" * 1000)
    refused(
        say("stage", "data/raw/images", **disk),
        *("images/3.txt is damaged", "colabctl verify data/raw"),
    )
    assert "not finished" in say("stage", "--list", **disk).out
