"""Which project a command works on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from colabctl.errors import UserError
from colabctl.project.root import find_root, is_project, usual_drives
from tests.project.conftest import bound_by_permissions


def a_project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "colabctl.yaml").write_text("format: 1\n")
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


def never() -> Iterator[Path]:
    yield pytest.fail("a Drive was looked at")


def test_a_folder_with_a_configuration_is_a_project(tmp_path: Path) -> None:
    assert is_project(a_project(tmp_path / "churn"))
    assert not is_project(tmp_path)
    assert not is_project(tmp_path / "nowhere")


def test_the_option_overrides_the_environment_and_both_the_current_folder(tmp_path: Path) -> None:
    option, variable, here = (a_project(tmp_path / name) for name in "abc")
    environ = {"COLABCTL_ROOT": str(variable)}
    assert find_root(option, environ, here, never()) == option
    assert find_root(None, environ, here, never()) == variable
    assert find_root(None, {}, here, never()) == here


def test_the_project_is_found_from_a_folder_deep_inside(tmp_path: Path) -> None:
    root = a_project(tmp_path / "churn")
    deep = root / "notebooks" / "ana"
    deep.mkdir(parents=True)
    assert find_root(None, {}, deep, never()) == root


def test_the_only_project_on_a_drive_is_found_from_anywhere(
    tmp_path: Path, elsewhere: Path
) -> None:
    root = a_project(tmp_path / "MyDrive" / "churn")
    (tmp_path / "MyDrive" / "photos").mkdir()
    drives = [tmp_path / "not mounted", tmp_path / "MyDrive"]
    assert find_root(None, {}, elsewhere, drives) == root


def test_a_shared_drive_can_itself_be_the_project(tmp_path: Path, elsewhere: Path) -> None:
    root = a_project(tmp_path / "Shareddrives" / "churn")
    assert find_root(None, {}, elsewhere, [root]) == root


def test_a_drive_is_searched_only_one_level_deep(tmp_path: Path, elsewhere: Path) -> None:
    a_project(tmp_path / "MyDrive" / "work" / "churn")
    with pytest.raises(UserError, match="no project"):
        find_root(None, {}, elsewhere, [tmp_path / "MyDrive"])


def test_several_projects_are_listed_to_choose_from(tmp_path: Path, elsewhere: Path) -> None:
    one, two = (a_project(tmp_path / "MyDrive" / name) for name in ("churn", "prices"))
    with pytest.raises(UserError, match="--root") as refusal:
        find_root(None, {}, elsewhere, [tmp_path / "MyDrive"])
    assert str(one) in str(refusal.value)
    assert str(two) in str(refusal.value)


def test_a_project_and_a_shortcut_to_it_are_one_project(tmp_path: Path, elsewhere: Path) -> None:
    shared = a_project(tmp_path / ".shortcut-targets-by-id" / "1aB" / "churn")
    mine = tmp_path / "MyDrive"
    mine.mkdir()
    (mine / "churn").symlink_to(shared)
    assert find_root(None, {}, elsewhere, [mine, shared.parent]) == mine / "churn"


def test_without_a_project_the_error_says_how_to_create_or_choose_one(elsewhere: Path) -> None:
    with pytest.raises(UserError, match=r"colabctl init.*--root.*COLABCTL_ROOT"):
        find_root(None, {}, elsewhere, [])


def test_a_drive_that_cannot_be_read_is_named(open_folder: Path) -> None:
    drive, here = open_folder / "MyDrive", open_folder / "here"
    here.mkdir()
    drive.mkdir(mode=0o700)
    drive.chmod(0)
    with bound_by_permissions(), pytest.raises(UserError, match="MyDrive: Permission denied"):
        find_root(None, {}, here, [drive])


@pytest.mark.parametrize("kind", ["no folder", "a folder", "a file"])
def test_a_root_that_is_not_a_project_is_refused_with_its_source(tmp_path: Path, kind: str) -> None:
    root = tmp_path / "churn"
    if kind == "a folder":
        root.mkdir()
    elif kind == "a file":
        root.write_text("")
    with pytest.raises(UserError, match=r"^--root .*churn is "):
        find_root(root, {}, tmp_path, never())
    with pytest.raises(UserError, match=r"^COLABCTL_ROOT .*churn is "):
        find_root(None, {"COLABCTL_ROOT": str(root)}, tmp_path, never())


def test_the_usual_drives_are_those_of_colab_and_of_drive_for_desktop(tmp_path: Path) -> None:
    top, home = tmp_path / "top", tmp_path / "home"
    colab = top / "content/drive"
    desktop = home / "Library/CloudStorage/GoogleDrive-ana@example.org"
    places = [
        colab / "MyDrive",
        colab / "Shareddrives/team",
        colab / ".shortcut-targets-by-id/1aB",
        desktop / "My Drive",
        desktop / "Shared drives/team",
        home / "Google Drive",
    ]
    for place in places:
        place.mkdir(parents=True)
    assert [place for place in usual_drives(home, top) if place.exists()] == places


@pytest.mark.parametrize(
    "place", ["content/drive/MyDrive", "content/drive/Shareddrives/team", "home/Google Drive"]
)
def test_a_project_on_a_usual_drive_is_found(tmp_path: Path, elsewhere: Path, place: str) -> None:
    root = a_project(tmp_path / place / "churn")
    drives = usual_drives(tmp_path / "home", tmp_path)
    assert find_root(None, {}, elsewhere, drives) == root
