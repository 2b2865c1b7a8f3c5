"""Files with the same content are found without reading files that cannot be the same."""

import os
from pathlib import Path

from colabctl.space.duplicates import duplicates
from colabctl.space.files import list_files

BIG = 300_000  # bytes; more than both ends


def test_the_same_content_is_found_whatever_the_names(tmp_path: Path) -> None:
    content = os.urandom(BIG)
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "other").write_bytes(os.urandom(BIG))
    found, unread = duplicates(tmp_path, list_files(tmp_path).files, 1, whole=True)
    assert [(each.paths, each.is_proved, each.extra) for each in found] == [
        (("a", "b", "c"), True, 2 * BIG)
    ]
    assert unread == []


def test_files_that_differ_only_in_the_middle_are_not_the_same(tmp_path: Path) -> None:
    content = bytearray(os.urandom(BIG))
    (tmp_path / "a").write_bytes(content)
    content[BIG // 2] ^= 1
    (tmp_path / "b").write_bytes(content)
    files = list_files(tmp_path).files
    assert duplicates(tmp_path, files, 1, whole=True)[0] == []
    (likely,) = duplicates(tmp_path, files, 1, whole=False)[0]
    assert not likely.is_proved


def test_small_files_and_hard_links_are_no_duplicates(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * 999)
    (tmp_path / "big").write_bytes(b"y" * 2000)
    os.link(tmp_path / "big", tmp_path / "same")
    assert duplicates(tmp_path, list_files(tmp_path).files, 1000, whole=True) == ([], [])


def test_only_files_of_the_same_size_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 1000)
    (tmp_path / "b").write_bytes(b"x" * 1001)
    files = list_files(tmp_path).files
    (tmp_path / "a").unlink()  # to read it would be an error
    assert duplicates(tmp_path, files, 1, whole=True) == ([], [])


def test_a_file_that_has_gone_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"x" * 1000)
    files = list_files(tmp_path).files
    (tmp_path / "a").unlink()
    found, unread = duplicates(tmp_path, files, 1, whole=True)
    assert found == []
    assert [each.path for each in unread] == ["a"]


def test_a_file_that_became_a_link_is_not_read(tmp_path: Path) -> None:
    root, private = tmp_path / "p", tmp_path / "private"
    root.mkdir()
    for file in (root / "a", root / "b", private):
        file.write_bytes(b"x" * 1000)
    files = list_files(root).files
    (root / "a").unlink()
    (root / "a").symlink_to(private)
    found, unread = duplicates(root, files, 1, whole=True)
    assert found == []
    assert [each.path for each in unread] == ["a"]
