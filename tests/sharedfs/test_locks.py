"""The lock for claims: it excludes other processes, and says who holds it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from colabctl.sharedfs import locks
from colabctl.sharedfs.locks import locked
from tests.processes import linux

HOLD = """
import sys
from pathlib import Path
from colabctl.sharedfs.locks import locked
with locked(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "claims.lock"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_PATIENCE", 0.05)


def hold(lock: Path) -> "subprocess.Popen[str]":
    """Start a process that holds the lock until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "locked\n"
    return process


def test_a_lock_excludes_another_process_until_that_ends(lock: Path) -> None:
    holder = hold(lock)
    with pytest.raises(BlockingIOError, match="has held this lock for long"), locked(lock):
        pass
    holder.kill()
    holder.communicate()
    with locked(lock) as handle:
        assert os.path.samestat(os.fstat(handle), lock.stat())


@linux
def test_a_refusal_names_the_process_that_holds_the_lock(lock: Path) -> None:
    holder = hold(lock)
    command = rf"process {holder.pid} \({sys.executable} .*\)"
    with pytest.raises(BlockingIOError, match=f"^.Errno 11. {command} has held"), locked(lock):
        pass
    holder.communicate()


@linux
def test_a_refusal_says_if_that_process_is_stopped(lock: Path) -> None:
    holder = hold(lock)
    holder.send_signal(signal.SIGSTOP)
    os.waitpid(holder.pid, os.WUNTRACED)
    advice = f"which is stopped \\(`kill -CONT {holder.pid}` continues it\\), has held this lock"
    with pytest.raises(BlockingIOError, match=advice), locked(lock):
        pass
    holder.send_signal(signal.SIGCONT)
    holder.communicate()


def test_a_lock_file_that_was_deleted_is_made_again(lock: Path) -> None:
    holder = hold(lock)
    lock.unlink()
    with locked(lock) as handle:
        assert os.path.samestat(os.fstat(handle), lock.stat())
    holder.communicate()


def test_a_lock_does_not_follow_a_link(tmp_path: Path, lock: Path) -> None:
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), locked(lock):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_is_not_a_lock(lock: Path) -> None:
    os.mkfifo(lock)
    with pytest.raises(OSError, match="is not a file; remove it"), locked(lock):
        pass
