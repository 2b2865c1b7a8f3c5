"""One walk finds every file once, and says what it could not look at."""

import os
from pathlib import Path

import pytest

from colabctl.space.files import list_files


def test_each_file_is_found_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.bin").write_bytes(b"12345")
    (tmp_path / "two.bin").write_bytes(b"")
    listing = list_files(tmp_path)
    assert {file.path: file.size for file in listing.files} == {"a/one.bin": 5, "two.bin": 0}
    assert (listing.unread, listing.links) == ([], [])


def test_hard_links_count_once(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"12345")
    os.link(tmp_path / "a.bin", tmp_path / "b.bin")
    assert [file.path for file in list_files(tmp_path).files] == ["a.bin"]


def test_links_are_named_and_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "project", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "big.bin").write_bytes(b"x" * 1000)
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "big.bin")
    (root / "circle").symlink_to(root)
    listing = list_files(root)
    assert listing.files == []
    assert sorted(listing.links) == ["circle", "file", "folder"]


def test_a_pipe_uses_no_room_and_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert list_files(tmp_path).files == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    try:
        listing = list_files(tmp_path)
    finally:
        (tmp_path / "closed").chmod(0o700)
    assert [(each.path, each.reason) for each in listing.unread] == [
        ("closed", "Permission denied")
    ]


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    assert [each.path for each in list_files(tmp_path / "gone").unread] == ["."]


def test_names_with_newlines_and_invalid_bytes_are_files_too(tmp_path: Path) -> None:
    for name in (b"new\nline", b"\xff\xfe", b"-rf"):
        (tmp_path / os.fsdecode(name)).write_bytes(b"1")
    assert sorted(os.fsencode(file.path) for file in list_files(tmp_path).files) == [
        b"-rf",
        b"new\nline",
        b"\xff\xfe",
    ]


def test_progress_is_called_with_the_number_of_files(tmp_path: Path) -> None:
    for number in range(2500):
        (tmp_path / str(number)).touch()
    seen: list[int] = []
    list_files(tmp_path, seen.append)
    assert seen == [1000, 2000, 2500]
