"""Only what was listed is removed, only if it is unchanged, and never through a link."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from colabctl.space.files import list_files
from colabctl.space.removable import Removable
from colabctl.space.sweeps import SweepUse
from colabctl.space.tidy import remove, remove_unchanged


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "p" / "a" / "b").mkdir(parents=True)
    (tmp_path / "p" / "a" / "b" / "file").write_text("mine")
    return tmp_path / "p"


def test_an_unchanged_file_is_removed_and_its_folders_stay(root: Path) -> None:
    (file,) = list_files(root).files
    remove_unchanged(root, file)
    assert list((root / "a" / "b").iterdir()) == []


def replaced(path: Path) -> None:
    """Put another file of the same size and time in its place."""
    status = path.stat()
    other = path.with_name("other")
    other.write_text("MINE")
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


def linked_file(path: Path) -> None:
    outside = path.parents[3] / "outside"
    path.rename(outside)
    path.symlink_to(outside)


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "change",
    [
        lambda path: path.write_text("more than before"),
        lambda path: os.utime(path, (1e9, 1e9)),
        replaced,
        linked_file,
        made_a_folder,
    ],
)
def test_a_file_that_changed_after_it_was_listed_stays(root: Path, change: object) -> None:
    (file,) = list_files(root).files
    path = root / "a" / "b" / "file"
    assert callable(change)
    change(path)
    with pytest.raises(OSError, match="changed since it was listed"):
        remove_unchanged(root, file)
    assert os.path.lexists(path)


@pytest.mark.parametrize("folder", ["a", "a/b"])
def test_a_folder_that_became_a_link_is_not_followed(root: Path, folder: str) -> None:
    (file,) = list_files(root).files
    outside = root.parent / "outside"
    shutil.move(root / folder, outside)  # the same file, with the same inode
    (root / folder).symlink_to(outside)
    with pytest.raises(OSError, match="in the place of a folder") as caught:
        remove_unchanged(root, file)
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR)
    assert [path.read_text() for path in outside.rglob("file")] == ["mine"]


def test_a_file_that_has_gone_is_said(root: Path) -> None:
    (file,) = list_files(root).files
    (root / file.path).unlink()
    with pytest.raises(FileNotFoundError):
        remove_unchanged(root, file)


def test_the_others_are_removed_and_each_problem_is_told(root: Path) -> None:
    (root / "second\nline").write_text("2")
    files = list_files(root).files
    (root / "a" / "b" / "file").write_text("changed")
    items = [Removable("leftovers", file, "ana", None) for file in files]
    problems = {each.item.file.path: each.problem for each in remove(root, items, lambda _: None)}
    assert problems == {"a/b/file": "has changed since it was listed", "second\nline": ""}


@pytest.mark.parametrize(
    ("use", "problem"),
    [
        (None, "its sweep cannot be read"),
        (SweepUse("s", ("s",), in_use="ana-vm works on it"), "ana-vm works on it"),
        (SweepUse("s", ("s",)), "its sweep is not archived any more"),
        (SweepUse("s", ("s",), is_archived=True), ""),
    ],
)
def test_a_sweep_that_came_into_use_meanwhile_keeps_its_files(
    root: Path, use: SweepUse | None, problem: str
) -> None:
    (file,) = list_files(root).files
    asked: list[str] = []

    def use_of(folder: str) -> SweepUse | None:
        asked.append(folder)
        return use

    items = [Removable("archived", file, "ana", "s")]
    assert [each.problem for each in remove(root, items, use_of)] == [problem]
    assert asked == ["s"]
    assert (root / file.path).exists() == bool(problem)
