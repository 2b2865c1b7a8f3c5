"""How the Google Drive id of a folder is known: a link, the mount, or names below a known one."""

import os
from pathlib import Path

import pytest

from colabctl.drive.locations import id_in
from colabctl.errors import UserError
from tests.cli.conftest import refused
from tests.drive_api.cloud import SHORTCUT
from tests.drive_api.conftest import Group, NewGroup

ID = "1AbC-d_E23456789012345"


@pytest.mark.parametrize(
    "text",
    [
        ID,
        f" {ID}\n",
        f"https://drive.google.com/drive/folders/{ID}",
        f"https://drive.google.com/drive/folders/{ID}?usp=sharing",
        f"https://drive.google.com/drive/u/1/folders/{ID}?resourcekey=x#y",
        f"https://drive.google.com/open?id={ID}",
        f"https://drive.google.com/open?usp=x&id={ID}",
    ],
)
def test_a_link_or_an_id_names_a_folder(text: str) -> None:
    assert id_in(text) == ID


@pytest.mark.parametrize(
    "text",
    [
        "",
        "churn",
        "x' or 'y' in parents",
        f"https://example.org/drive/folders/{ID}",
        f"http://drive.google.com/drive/folders/{ID}",
        "https://drive.google.com/drive/my-drive",
        f"https://drive.google.com/file/d/{ID}/view",
    ],
)
def test_other_texts_are_refused_with_what_to_give(text: str) -> None:
    with pytest.raises(UserError, match="give its link"):
        id_in(text)


def test_without_a_mount_it_asks_for_the_link(group: Group) -> None:
    said = group.run("share", "--list")
    refused(said, "not on a mounted Drive", "--folder-id LINK")


def test_the_mount_knows_the_id(group: Group) -> None:
    try:
        os.setxattr(group.project.root, "user.drive.id", group.folder.id.encode())
    except OSError:
        pytest.skip("the file system keeps no attributes")
    assert group.run("share", "--list").code == 0
    assert group.run("protect", "--drive", "--yes").code == 0
    os.setxattr(group.project.root, "user.drive.id", b"local-12")  # not uploaded yet
    refused(group.run("share", "--list"), "--folder-id LINK")


def test_a_folder_of_shortcuts_has_the_id_in_its_path(group: Group, tmp_path: Path) -> None:
    above = group.cloud.add("holder", group.folder.owner)
    group.folder.parent = above.id
    place = tmp_path / ".shortcut-targets-by-id" / above.id
    place.mkdir(parents=True)
    root = group.project.root.rename(place / "churn")
    done = group.run("protect", "--drive", "--yes", cwd=root)
    assert done.code == 0, done.err
    assert group.cloud["holder/churn/data/raw"].limited


def test_a_shortcut_to_a_folder_is_followed(new_group: NewGroup) -> None:
    group = new_group()
    elsewhere = group.cloud.add("originals", group.folder.owner)
    group.raw.name = "old"
    shortcut = group.cloud.add("churn/data/raw", type=SHORTCUT, target=elsewhere.id)
    assert shortcut.type == SHORTCUT
    assert group("protect", "--drive", "--yes").code == 0
    assert elsewhere.limited


def test_two_folders_of_one_name_are_refused(group: Group) -> None:
    group.cloud.add("churn/data/raw")
    refused(group("protect", "--drive", "--yes"), "2 folders called 'raw'")


def test_a_folder_that_is_not_uploaded_is_named(group: Group) -> None:
    (group.project.root / "la'b\\els").mkdir()
    said = group("protect", "la'b\\els", "--drive", "--yes")
    refused(said, "Google Drive has no folder", "wait until the folder is uploaded")
    group.cloud.add("churn/la'b\\els")
    assert group("protect", "la'b\\els", "--drive", "--yes").code == 0
