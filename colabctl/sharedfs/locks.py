"""A lock that excludes every other process, on any machine, or raises an error."""

import errno
import os
import random
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs.rights import share

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_PATIENCE = 2.0  # seconds; a claim holds the lock for less than a millisecond
# Each process waits a random time between two attempts, so none is favoured. The mean starts at
# about the time of one claim, and a lock that is held for long costs 64 waiting processes little.
_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.02
_NO_LOCKS = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK})
_BUSY = frozenset({errno.EAGAIN, errno.EACCES, errno.EDEADLK})
_FAR = 1 << 30  # where Windows locks a byte; it refuses to read a byte that is locked
_OPEN = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_LONGEST_COMMAND = 80  # characters of a command that a message shows


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Hold the lock on a file, which is created if needed, and yield the descriptor of that file.

    The system releases the lock if this process dies. Like flock, it does not exclude threads of
    one process from each other if they share the descriptor. Raises UserError if the file system
    has no locks, and BlockingIOError if another process holds the lock for seconds, so that the
    caller can look at signals and time limits before it tries again.
    """
    handle = _acquire(path)
    try:
        yield handle
    finally:
        _release(handle)
        os.close(handle)


def _acquire(path: Path) -> int:
    until, longest = time.monotonic() + _PATIENCE, _FIRST_WAIT
    while True:
        handle = _open(path)
        try:
            while not _try_lock(handle):
                if time.monotonic() >= until:
                    message = f"{_holder(handle)} has held this lock for long"
                    raise BlockingIOError(errno.EAGAIN, message, str(path))
                time.sleep(random.uniform(0.0, longest))  # noqa: S311 - not for secrets
                longest = min(2 * longest, _LONGEST_WAIT)
            if _is_at(path, handle):
                return handle
        except BaseException as error:
            os.close(handle)
            if isinstance(error, OSError) and error.errno in _NO_LOCKS:
                raise UserError(
                    f"{path.parent}: this file system has no locks; write `consistency: eventual` "
                    "in colabctl.yaml"
                ) from None
            raise
        os.close(handle)  # someone deleted the file: others will lock the new one


def _open(path: Path) -> int:
    while True:
        try:
            return os.open(path, _OPEN)
        except IsADirectoryError:
            raise _no_file(path) from None
        except FileNotFoundError:
            pass
        with suppress(FileExistsError):
            handle = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o666)
            share(path, handle)
            return handle


def _is_at(path: Path, handle: int) -> bool:
    """Whether the open file is still the one at `path`; raise OSError if it is not a file."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise _no_file(path)
    try:
        return os.path.samestat(status, os.lstat(path))
    except FileNotFoundError:
        return False


def _no_file(path: Path) -> OSError:
    return OSError(
        errno.EINVAL, "is not a file; remove it, and the next claim makes one", str(path)
    )


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(handle, _FAR, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _BUSY:
            return False
        raise
    return True


def _release(handle: int) -> None:
    """Release the lock, even if a process that is being started shares the descriptor."""
    if sys.platform == "win32":
        os.lseek(handle, _FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(handle, fcntl.LOCK_UN)


def _holder(handle: int) -> str:
    """Return who holds the lock on an open file: a process of this machine, if Linux names it."""
    unknown = "another process"
    status = os.fstat(handle)
    device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            # 1: FLOCK  ADVISORY  WRITE 4242 fe:00:393225 0 EOF; "1: ->" is a process that waits
            words = line.split()
            if words[1] != "->" and words[5] == device and int(words[4]) > 0:
                return _described(int(words[4]))
    return unknown


def _described(pid: int) -> str:
    process, is_stopped, command = Path(f"/proc/{pid}"), False, ""
    with suppress(OSError):  # it may have ended, or belong to another user
        is_stopped = process.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "T"
        text = process.joinpath("cmdline").read_bytes().decode(errors="replace")
        command = " ".join(text.replace("\0", " ").split())[:_LONGEST_COMMAND]
    name = f"process {pid}" + (f" ({command})" if command else "")
    if is_stopped:
        name += f", which is stopped (`kill -CONT {pid}` continues it),"
    return name
