"""The pretended Drive on real mounts. Nothing moves until told, unless a test says otherwise."""

import contextlib
import errno
import fcntl
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drive.drive import Drive
from tests.drive.fixtures import drive_or_skip
from tests.drive.mounted import MountRefusedError

SOURCES = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drive]:
    """Three machines for all tests that leave them whole; mounting is the slow part."""
    folder = tmp_path_factory.mktemp("drive")
    with drive_or_skip(folder, machines=3, manual=True) as drive:
        yield drive


@pytest.fixture
def places(drive: Drive, request: pytest.FixtureRequest) -> list[Path]:
    """Make a folder of the drive and give it as each of the machines sees it."""
    name = request.node.name.replace("/", "-")
    (drive.machine(0).path / name).mkdir()
    drive.deliver()
    return [machine.path / name for machine in drive.machines]


def uncommitted(path: Path) -> str:
    return os.getxattr(path, "user.drive.uncommitted").decode()


def drive_id(path: Path) -> str:
    return os.getxattr(path, "user.drive.id").decode()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mount_types(folder: Path) -> list[str]:
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [kind for _, path, kind, *_ in lines if Path(path).is_relative_to(folder)]


def processes(folder: Path) -> list[str]:
    """Return the command lines of what serves mounts below a folder."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            commands.append((process / "cmdline").read_bytes().decode(errors="replace"))
    return [
        command for command in commands if str(folder) in command and "drive.process" in command
    ]


def test_the_mount_table_shows_it_as_it_shows_drive_on_colab(drive: Drive) -> None:
    assert [mount_types(machine.path) for machine in drive.machines] == [["fuse.drive"]] * 3
    assert all(machine.path.is_mount() for machine in drive.machines)


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


def test_another_machine_sees_a_file_when_it_has_arrived_and_not_before(
    drive: Drive, places: list[Path]
) -> None:
    (places[0] / "note").write_text("hello")
    with pytest.raises(FileNotFoundError):
        (places[1] / "note").read_text()

    drive.upload()
    assert names(places[1]) == set()

    drive.deliver(drive.machine(1))
    assert (places[1] / "note").read_text() == "hello"
    assert names(places[2]) == set()


def test_files_can_be_let_through_by_name(drive: Drive, places: list[Path]) -> None:
    for name in ("1.json", "2.json", "3.json"):
        (places[0] / name).touch()

    drive.deliver(names="2.*")

    assert names(places[1]) == {"2.json"}
    assert [uncommitted(places[0] / name) for name in ("1.json", "2.json", "3.json")] == [
        "1",
        "0",
        "1",
    ]


def test_a_file_is_uncommitted_and_has_a_local_id_until_it_is_uploaded(
    drive: Drive, places: list[Path]
) -> None:
    (places[0] / "note").write_text("hello")
    assert uncommitted(places[0] / "note") == "1"
    assert drive_id(places[0] / "note").startswith("local-")

    drive.upload()
    assert uncommitted(places[0] / "note") == "0"
    assert not drive_id(places[0] / "note").startswith("local-")

    drive.deliver()
    assert drive_id(places[0] / "note") == drive_id(places[1] / "note")


def test_other_attributes_do_not_exist_and_none_can_be_set(places: list[Path]) -> None:
    with pytest.raises(OSError, match=os.strerror(errno.ENODATA)):
        os.getxattr(places[0], "user.drive.colour")
    with pytest.raises(OSError, match=os.strerror(errno.EOPNOTSUPP)):
        os.setxattr(places[0], "user.drive.id", b"x")


def test_a_file_that_is_held_open_is_not_uploaded(drive: Drive, places: list[Path]) -> None:
    with (places[0] / "log").open("w") as log:
        log.write("line")
        log.flush()
        os.fsync(log.fileno())
        drive.deliver()
        assert names(places[1]) == set()
        assert (places[0] / "log").read_text() == "line"

    drive.deliver()
    assert (places[1] / "log").read_text() == "line"


def test_one_name_made_on_two_machines_gives_two_files(drive: Drive, places: list[Path]) -> None:
    for number, place in enumerate(places[:2]):
        with (place / "claim.json").open("x") as file:
            file.write(f"machine {number}")

    drive.deliver()

    assert names(places[0]) == names(places[1]) == {"claim.json", "claim (1).json"}
    assert (places[0] / "claim.json").read_text() == "machine 0"
    assert (places[1] / "claim.json").read_text() == "machine 1"
    assert drive_id(places[0] / "claim.json") == drive_id(places[1] / "claim (1).json")


def test_one_name_made_on_two_machines_gives_two_folders(drive: Drive, places: list[Path]) -> None:
    for number, place in enumerate(places[:2]):
        (place / "run.1").mkdir()
        (place / "run.1" / str(number)).touch()

    drive.deliver()

    assert names(places[1]) == {"run.1", "run (1).1"}
    assert names(places[1] / "run.1") == {"1"}
    assert names(places[1] / "run (1).1") == {"0"}


def test_the_last_upload_of_one_file_wins(drive: Drive, places: list[Path]) -> None:
    (places[0] / "state").write_text("first")
    drive.deliver()
    (places[0] / "state").write_text("from 0")
    (places[1] / "state").write_text("from 1")

    drive.upload(drive.machine(1))
    drive.upload(drive.machine(0))
    drive.deliver()

    assert [(place / "state").read_text() for place in places] == ["from 0"] * 3


def test_an_append_uploads_the_whole_file_again(drive: Drive, places: list[Path]) -> None:
    before = drive.machine(0).counts()
    (places[0] / "log").write_bytes(b"x" * 1000)
    drive.upload()
    with (places[0] / "log").open("ab") as log:
        log.write(b"y")
    drive.deliver()

    spent = drive.machine(0).counts() - before
    assert (spent.uploads, spent.bytes) == (2, 2001)
    assert (places[1] / "log").read_bytes() == b"x" * 1000 + b"y"


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


def test_what_is_removed_goes_to_the_trash_and_vanishes_elsewhere(
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
    assert "folder" not in {known.name for known in drive.objects()}


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


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOTCONN, errno.ETIMEDOUT])
def test_a_failing_mount_answers_everything_with_its_errno_until_mended(
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

    drive.machine(0).mend()
    os.close(descriptor)
    assert note.read_text() == "before"


def test_a_full_drive_takes_no_more_than_its_room(drive: Drive, places: list[Path]) -> None:
    drive.machine(0).fill(room=10)
    (places[0] / "small").write_bytes(b"x" * 10)
    with pytest.raises(OSError, match="No space left"):
        (places[0] / "note").write_bytes(b"x")
    assert shutil.disk_usage(places[0]).free == 0
    assert (places[0] / "small").read_bytes() == b"x" * 10
    (places[1] / "note").write_bytes(b"x")

    drive.machine(0).mend()
    (places[0] / "note").write_bytes(b"x")
    assert shutil.disk_usage(places[0]).free > 0


def test_nothing_passes_to_or_from_a_machine_that_is_cut_off(
    drive: Drive, places: list[Path]
) -> None:
    drive.machine(0).cut()
    (places[0] / "from 0").touch()
    (places[1] / "from 1").touch()
    drive.deliver()
    assert [names(place) for place in places] == [{"from 0"}, {"from 1"}, {"from 1"}]
    assert uncommitted(places[0] / "from 0") == "1"

    drive.machine(0).rejoin()
    drive.deliver()
    assert [names(place) for place in places] == [{"from 0", "from 1"}] * 3


def test_a_killed_machine_takes_its_unsent_files_with_it(drives: Callable[..., Drive]) -> None:
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


def test_where_a_mount_was_taken_away_lies_a_bare_folder(drives: Callable[..., Drive]) -> None:
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


def test_everything_arrives_of_itself_in_time(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=3, median=0.01, worst=0.05, partial=0.3, cost=(0.0001, 0.0005))
    for machine, number in itertools.product(drive.machines, range(5)):
        (machine.path / f"{machine.number}-{number}").touch()

    drive.settle()

    everything = {f"{machine}-{number}" for machine in range(3) for number in range(5)}
    for machine in drive.machines:
        assert all((machine.path / name).exists() for name in everything)
        assert any(names(machine.path) == everything for _ in range(100))
        assert {uncommitted(machine.path / name) for name in everything} == {"0"}


def test_a_machine_that_rejoins_catches_up_of_itself(drives: Callable[..., Drive]) -> None:
    drive = drives(machines=2, median=0.01, worst=0.02)
    drive.machine(0).cut()
    (drive.machine(0).path / "note").touch()
    drive.settle()
    assert names(drive.machine(1).path) == set()

    drive.machine(0).rejoin()
    drive.settle()
    assert names(drive.machine(1).path) == {"note"}


def test_no_mount_and_no_process_outlives_a_test_that_is_killed(
    drives: Callable[..., Drive], tmp_path: Path
) -> None:
    drives(machines=1, manual=True)  # where none can be mounted, skip here
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
def test_where_fuse_is_missing_a_test_skips_but_fails_in_ci(
    in_ci: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true") if in_ci else monkeypatch.delenv("CI", raising=False)

    expected = MountRefusedError if in_ci else pytest.skip.Exception
    with pytest.raises(expected, match="fuse"), drive_or_skip(tmp_path / "drive"):
        pass


def test_where_fuse_may_not_be_opened_a_test_skips_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.drive.mounted.DEVICE", tmp_path)  # root cannot open it either
    monkeypatch.delenv("CI", raising=False)

    why = f"{tmp_path} cannot be opened by this user: Is a directory"
    with pytest.raises(pytest.skip.Exception, match=why), drive_or_skip(tmp_path / "drive"):
        pass
