"""Which of a machine's folders is the project of a notebook."""

import os
from pathlib import Path

import pytest

from colabctl.project.create import create
from colabctl.project.notebooks.bootstrap import NotebookError, candidates
from colabctl.project.notebooks.find_project import find_project


@pytest.fixture
def drive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a mounted Drive with other files in it, for a process outside any project."""
    monkeypatch.delenv("COLABCTL_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    drive = tmp_path / "drive"
    for folder in ("MyDrive/photos/2024", "MyDrive/Colab Notebooks", ".Trash-0/churn"):
        (drive / folder).mkdir(parents=True)
    return drive


def project(folder: Path, name: str = "churn") -> Path:
    create(folder, name)
    return folder


def shortcut(link: Path, target: Path) -> None:
    """Put a shortcut to a folder into a Drive, as its mount shows one."""
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


@pytest.mark.parametrize(
    "place",
    [
        "MyDrive/churn",
        "MyDrive/it's [new] (1)",
        "MyDrive/a/b/c/d/e/f/churn",
        "Shareddrives/team/churn",
        "Shareddrives/team/ml/churn",
        ".shortcut-targets-by-id/1aB/churn",
        ".shortcut-targets-by-id/1aB/course/churn",
    ],
)
def test_a_project_is_found_anywhere_in_the_drive(drive: Path, place: str) -> None:
    root = project(drive / place)
    assert find_project("churn", "", drive) == root


def test_a_shortcut_anywhere_in_the_drive_leads_to_a_project(drive: Path) -> None:
    there = project(drive.parent / "on the owner's side")
    deep = drive / "MyDrive/study/term 3/link"
    shortcut(deep, there)
    assert find_project("churn", "", drive) == deep


def test_a_project_with_several_paths_is_one_project(drive: Path) -> None:
    there = project(drive / ".shortcut-targets-by-id/1aB/churn")
    shortcut(drive / "MyDrive/churn", there)
    shortcut(drive / "MyDrive/other/churn", there)
    assert find_project("churn", "", drive) == drive / "MyDrive/churn"


def test_a_cycle_of_shortcuts_is_followed_once(drive: Path) -> None:
    shortcut(drive / "MyDrive/photos/all", drive / "MyDrive")
    shortcut(drive / "MyDrive/photos/self", drive / "MyDrive/photos")
    with pytest.raises(NotebookError, match="project 'churn' was not found"):
        find_project("churn", "", drive)
    looked_at = [folder for level in candidates("", drive) for folder in level]
    assert sum(folder.is_relative_to(drive) for folder in looked_at) == 4


def test_a_project_is_known_by_its_name_and_not_by_its_folder(drive: Path) -> None:
    project(drive / "MyDrive/churn", "last year's")
    root = project(drive / "MyDrive/data/churn", "churn")
    assert find_project("churn", "", drive) == root
    renamed = drive / "MyDrive/anything"
    root.rename(renamed)
    assert find_project("churn", "", drive) == renamed


def test_two_projects_with_one_name_are_refused(drive: Path) -> None:
    places = [project(drive / "MyDrive/churn"), project(drive / "Shareddrives/team/churn")]
    with pytest.raises(NotebookError) as asked:
        find_project("churn", "", drive)
    assert str(asked.value).count("\n") == 0
    for place in places:
        assert str(place) in str(asked.value)
        assert find_project("churn", str(place), drive) == place


def test_a_second_project_on_a_deeper_level_counts_too(drive: Path) -> None:
    places = [project(drive / "MyDrive/churn"), project(drive / "MyDrive/photos/2024/old/churn")]
    with pytest.raises(NotebookError) as asked:
        find_project("churn", "", drive)
    assert all(str(place) in str(asked.value) for place in places)


def test_in_a_large_drive_the_search_stops_after_a_match(drive: Path) -> None:
    root = project(drive / "MyDrive/churn")
    for number in range(250):
        (drive / f"MyDrive/p{number}/q").mkdir(parents=True)
    project(drive / "MyDrive/p7/q/churn")
    assert find_project("churn", "", drive) == root


def test_the_chosen_folder_must_be_a_project(drive: Path) -> None:
    project(drive / "MyDrive/churn")
    with pytest.raises(NotebookError, match=r"photos is not a project: no colabctl\.yaml"):
        find_project("churn", str(drive / "MyDrive/photos"), drive)


def test_the_error_lists_projects_that_could_not_be_read(drive: Path) -> None:
    broken = project(drive / "MyDrive/churn")
    (broken / "colabctl.yaml").write_text("name: @")
    with pytest.raises(NotebookError) as missed:
        find_project("churn", "", drive)
    assert "add a shortcut to its folder to My Drive" in str(missed.value)
    assert f"{broken}: colabctl.yaml:1:" in str(missed.value)


def test_a_search_is_bounded_however_large_the_drive_is(drive: Path) -> None:
    for number in range(2100):
        (drive / f"MyDrive/photos/p{number}").mkdir()
    looked_at = [folder for level in candidates("", drive) for folder in level]
    assert sum(folder.is_relative_to(drive) for folder in looked_at) == 2000


def test_folders_in_projects_are_not_searched(drive: Path) -> None:
    other = project(drive / "MyDrive/other", "other")
    looked_at = [folder for level in candidates("", drive) for folder in level]
    assert other in looked_at
    assert other / "data" not in looked_at


def test_a_folder_that_cannot_be_listed_is_skipped(
    drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(drive / "MyDrive/courses/churn")
    scandir = os.scandir

    def broken(path: "str | os.PathLike[str] | int" = ".") -> object:
        if str(path).endswith("photos"):
            raise OSError(5, "Input/output error")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", broken)
    assert find_project("churn", "", drive) == root


def test_outside_colab_the_nearest_project_above_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLABCTL_ROOT", raising=False)
    root = project(tmp_path / "churn")
    monkeypatch.chdir(root / "notebooks/workers")
    assert find_project("churn", "", None) == root
    with pytest.raises(NotebookError, match="project 'other' was not found; set COLABCTL_ROOT"):
        find_project("other", "", None)


def test_the_environment_is_ignored_if_its_project_has_another_name(
    drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = project(drive.parent / "somewhere")
    monkeypatch.setenv("COLABCTL_ROOT", str(root))
    assert find_project("churn", "", None) == root
    assert find_project("churn", "", drive) == root
    mine = project(drive / "MyDrive/mine", "mine")
    assert find_project("mine", "", drive) == mine
