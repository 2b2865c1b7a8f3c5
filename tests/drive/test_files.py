"""File operations on a mount of the simulated Drive, and what other machines see of them."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drive.drive import Drive
from tests.drive.look import drive_id, names


def test_a_machine_reads_its_own_writes_at_once(places: list[Path]) -> None:
    here = places[0]
    (here / "a" / "b").mkdir(parents=True)
    content = os.urandom(300_000)
    (here / "a" / "b" / "data.bin").write_bytes(content)
    with (here / "a" / "b" / "data.bin").open("r+b") as file:
        file.seek(100)
        file.write(b"changed")
        file.truncate(200_000)

    assert (here / "a" / "b" / "data.bin").read_bytes() == content[:100] + b"changed" + content[
        107:200_000
    ]
    assert (here / "a" / "b" / "data.bin").stat().st_size == 200_000
    assert names(here / "a") == {"b"}


def test_other_attributes_do_not_exist_and_none_can_be_set(places: list[Path]) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENODATA)):
        os.getxattr(places[0], "user.drive.colour")
    with pytest.raises(OSError, match=os.strerror(errno.EOPNOTSUPP)):
        os.setxattr(places[0], "user.drive.id", b"x")


def test_a_file_that_is_open_for_reading_keeps_the_version_that_was_opened(
    drive: Drive, places: list[Path]
) -> None:
    (places[0] / "note").write_text("old")
    drive.deliver()
    with (places[1] / "note").open() as file:
        (places[0] / "note").write_text("and new")
        drive.deliver()
        assert file.read() == "old"

    assert (places[1] / "note").read_text() == "and new"


def test_a_file_that_is_removed_while_open_is_read_to_its_end(places: list[Path]) -> None:
    (places[0] / "note").write_text("still here")
    descriptor = os.open(places[0] / "note", os.O_RDONLY)
    (places[0] / "note").unlink()

    assert names(places[0]) == set()
    assert os.read(descriptor, 100) == b"still here"
    os.close(descriptor)


def test_a_removed_file_goes_to_the_trash_and_vanishes_elsewhere(
    drive: Drive, places: list[Path]
) -> None:
    (places[0] / "folder").mkdir()
    (places[0] / "folder" / "note").touch()
    drive.deliver()
    with pytest.raises(OSError, match="not empty"):
        (places[1] / "folder").rmdir()

    shutil.rmtree(places[1] / "folder")
    assert names(places[0]) == {"folder"}

    drive.deliver()
    assert names(places[0]) == set()
    assert "folder" not in {each.name for each in drive.objects()}


def test_a_rename_keeps_the_id_and_uploads_no_content(drive: Drive, places: list[Path]) -> None:
    (places[0] / "folder").mkdir()
    (places[0] / "old").write_text("content")
    drive.deliver()
    id_before, before = drive_id(places[0] / "old"), drive.machine(0).counts()

    (places[0] / "old").rename(places[0] / "folder" / "new")
    drive.deliver()

    assert drive_id(places[1] / "folder" / "new") == id_before
    assert names(places[1]) == {"folder"}
    spent = drive.machine(0).counts() - before
    assert (spent.changes, spent.uploads) == (1, 0)


def test_a_file_that_replaces_another_has_another_id(drive: Drive, places: list[Path]) -> None:
    (places[0] / "state").write_text("old")
    drive.deliver()
    id_before = drive_id(places[0] / "state")

    (places[0] / "state.tmp").write_text("new")
    (places[0] / "state.tmp").replace(places[0] / "state")
    drive.deliver()

    assert (places[0] / "state").read_text() == "new"
    assert drive_id(places[0] / "state") != id_before
    assert [path.read_text() for path in places[1].iterdir()] == ["new"]


def test_links_and_special_files_are_not_supported(places: list[Path]) -> None:
    (places[0] / "note").touch()
    attempts: list[Callable[[], None]] = [
        lambda: (places[0] / "link").symlink_to("note"),
        lambda: (places[0] / "link").hardlink_to(places[0] / "note"),
        lambda: os.mkfifo(places[0] / "pipe"),
    ]
    for make in attempts:
        with pytest.raises(OSError) as refused:  # noqa: PT011 - the errno says which
            make()
        assert refused.value.errno == errno.EOPNOTSUPP == 95


def test_modes_and_times_are_accepted_and_ignored(places: list[Path]) -> None:
    note = places[0] / "note"
    note.touch()
    before = note.stat()
    note.chmod(0o755)
    os.utime(note, (1.0, 1.0))

    assert (note.stat().st_mode, note.stat().st_mtime) == (before.st_mode, before.st_mtime)


def test_a_lock_excludes_on_its_own_machine_only(drive: Drive, places: list[Path]) -> None:
    (places[0] / "lock").touch()
    drive.deliver()
    with (places[0] / "lock").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with (places[0] / "lock").open() as same, pytest.raises(BlockingIOError):
            fcntl.flock(same, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with (places[1] / "lock").open() as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_operations_and_uploads_are_counted_for_each_machine(
    drive: Drive, places: list[Path]
) -> None:
    before = drive.counts()
    (places[0] / "new").write_bytes(b"x" * 10)
    (places[0] / "new").read_bytes()
    (places[0] / "new").stat()
    (places[0] / "folder").mkdir()
    (places[0] / "missing").exists()
    list(places[0].iterdir())
    drive.upload()

    spent, idle, _ = (after - then for after, then in zip(drive.counts(), before, strict=True))
    assert (spent.lists, spent.opens, spent.creates) == (1, 1, 2)
    assert (spent.changes, spent.uploads, spent.bytes) == (2, 1, 10)
    assert spent.operations >= 6
    assert idle.operations == idle.changes == 0
