"""Mounts of the simulated Drive: how they start, fail, vanish and end."""

import contextlib
import errno
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drive.drive import Drive
from tests.drive.fixtures import drive_or_skip
from tests.drive.look import names, uncommitted
from tests.drive.mounted import MountRefusedError

SOURCES = Path(__file__).parents[2]


def mount_types(folder: Path) -> list[str]:
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [kind for _, path, kind, *_ in lines if Path(path).is_relative_to(folder)]


def processes(folder: Path) -> list[str]:
    """Return the command lines of the processes that serve mounts below a folder."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            commands.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return [
        command
        for command in commands
        if str(folder) in command and "drive.filesystem.process" in command
    ]


def test_the_mount_table_lists_it_as_on_colab(drive: Drive) -> None:
    assert [mount_types(machine.path) for machine in drive.machines] == [["fuse.drive"]] * 3
    assert all(machine.path.is_mount() for machine in drive.machines)


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOTCONN, errno.ETIMEDOUT])
def test_a_failing_mount_answers_everything_with_its_errno_until_repaired(
    drive: Drive, places: list[Path], number: int
) -> None:
    note = places[0] / "note"
    note.write_text("before")
    descriptor = os.open(note, os.O_RDWR)
    drive.machine(0).fail(number)

    for operation in (
        note.stat,
        note.read_text,
        note.unlink,
        lambda: names(places[0]),
        (places[0] / "folder").mkdir,
        lambda: os.read(descriptor, 10),
        lambda: os.write(descriptor, b"x"),
        lambda: uncommitted(note),
    ):
        with pytest.raises(OSError) as failed:  # noqa: PT011 - the errno says which
            operation()
        assert failed.value.errno == number
    assert places[1].is_dir(), "other machines do not notice"

    drive.machine(0).repair()
    os.close(descriptor)
    assert note.read_text() == "before"


def test_a_full_drive_rejects_writes(drive: Drive, places: list[Path]) -> None:
    drive.machine(0).fill(room=10)
    (places[0] / "small").write_bytes(b"x" * 10)
    with pytest.raises(OSError, match="No space left"):
        (places[0] / "note").write_bytes(b"x")
    assert shutil.disk_usage(places[0]).free == 0
    assert (places[0] / "small").read_bytes() == b"x" * 10
    (places[1] / "note").write_bytes(b"x")

    drive.machine(0).repair()
    (places[0] / "note").write_bytes(b"x")
    assert shutil.disk_usage(places[0]).free > 0


def test_a_killed_machine_loses_its_unsent_files(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=2, manual=True)
    killed, other = drive.machine(0), drive.machine(1)
    (killed.path / "sent").touch()
    drive.upload()
    (killed.path / "unsent").touch()

    killed.kill()
    drive.deliver()

    assert names(other.path) == {"sent"}
    with pytest.raises(OSError, match=os.strerror(errno.ENOTCONN)):
        names(killed.path)
    assert killed.counts().creates == 2

    killed.mount()
    assert names(killed.path) == {"sent"}


def test_an_unmounted_path_is_an_empty_folder(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=2, manual=True)
    machine = drive.machine(0)
    (machine.path / "note").touch()

    machine.unmount()
    assert not machine.path.is_mount()
    assert names(machine.path) == set()
    (machine.path / "stray").touch()
    drive.deliver()
    assert names(drive.machine(1).path) == {"note"}

    machine.mount()
    assert names(machine.path) == {"note"}


def test_no_mount_or_process_outlives_a_killed_test(
    drives: Callable[..., Drive], tmp_path: Path
) -> None:
    drives(machines=1, manual=True)  # skips here if FUSE is missing
    folder = tmp_path / "victim"
    program = f"""
import pathlib
from tests.drive import Drive
with Drive(pathlib.Path({str(folder)!r}), machines=2, manual=True) as drive:
    drive.machine(1).kill()
    print("mounted", flush=True)
    input()
"""
    victim = subprocess.Popen(
        [sys.executable, "-c", program], cwd=SOURCES, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"mounted\n"
    assert len(mount_types(folder)) == 2
    assert processes(folder)

    victim.kill()
    victim.communicate()

    deadline = time.monotonic() + 60
    while mount_types(folder) or processes(folder):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("in_ci", [False, True])
def test_without_fuse_a_test_skips_but_fails_in_ci(
    in_ci: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true") if in_ci else monkeypatch.delenv("CI", raising=False)

    expected = MountRefusedError if in_ci else pytest.skip.Exception
    with pytest.raises(expected, match="fuse"), drive_or_skip(tmp_path / "drive"):
        pass


def test_without_access_to_fuse_a_test_skips_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.drive.mounted.DEVICE", tmp_path)  # root cannot open it either
    monkeypatch.delenv("CI", raising=False)

    why = f"{tmp_path} cannot be opened by this user: Is a directory"
    with pytest.raises(pytest.skip.Exception, match=why), drive_or_skip(tmp_path / "drive"):
        pass
