"""Reads and writes files on a shared folder so that readers never see half a file as all of it."""

import errno
import glob
import os
import re
import socket
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path

from colabctl.sharedfs.faults import naming
from colabctl.sharedfs.links import open_inside
from colabctl.sharedfs.names import slug
from colabctl.sharedfs.rights import share

_ABANDONED = 3600.0  # seconds after which no process still writes a file
_TEMPORARY = re.compile(r"\.(?P<host>[a-z0-9]+)\.(?P<pid>\d+)\.[0-9a-f]{8}\.tmp")
_NAMED = re.compile(r"\..+" + _TEMPORARY.pattern, re.DOTALL)

# Without this flag, opening a pipe that no process writes to blocks forever. Files ignore it.
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


def read_file(path: Path, limit: int, root: Path | None = None) -> bytes:
    """Return the content of a file of at most `limit` bytes.

    Raises OSError for a larger file, and for a pipe, a device or a folder that someone put in its
    place: reading from it might never end. With a `root`, also for a file that is not in that
    folder, as a link can lead out of it.
    """
    with open(path, "rb", opener=partial(_open_nonblocking, root=root)) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        data = file.read(limit + 1) if status.st_size <= limit else b""
    if len(data) > limit or status.st_size > limit:
        raise OSError(errno.EFBIG, f"has more than {limit:,} bytes", str(path))
    return data


def holds_part(path: Path, data: bytes) -> bool:
    """Whether `data` starts with the file's content, as it does while the file is written."""
    try:
        return data.startswith(read_file(path, len(data)))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EFBIG):  # not a regular file, or a larger one
            return False
        raise


def _open_nonblocking(path: str, flags: int, root: Path | None) -> int:
    if root is not None:
        return open_inside(path, flags | _NONBLOCK, root=root)
    return os.open(path, flags | _NONBLOCK)


def write_once(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a new file in place, without renaming or deleting anything, as a Drive mount needs.

    `data` is the content, whole or in pieces. For names that only one writer uses. Raises
    FileExistsError if the name was used before. After any other OSError, part of the file may be
    there.
    """
    with naming(path), path.open("xb") as file:
        share(path, file.fileno())
        file.writelines([data] if isinstance(data, bytes) else data)
        file.flush()
        os.fsync(file.fileno())


def write_new(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a new file; after any other OSError than FileExistsError, there is no file."""
    try:
        write_once(path, data)
    except FileExistsError:
        raise
    except BaseException:
        path.unlink(missing_ok=True)  # ours, and incomplete
        raise


def write_whole(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write or replace a file; a reader on this machine sees all old or all new content.

    The new content is first a file `.<name>.<host>.<pid>.<random>.tmp` in the same folder. One that
    a killed process left behind is removed.
    """
    _remove_leftovers(path)
    writer = f"{slug(socket.gethostname())}.{os.getpid()}"
    temporary = path.with_name(f".{path.name}.{writer}.{os.urandom(4).hex()}.tmp")
    write_new(temporary, data)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_abandoned(name: str, changed_at: float, now: float) -> bool:
    """Whether this is a temporary file of `write_whole` that no process writes any more.

    `changed_at` is when the file was last changed, and `now` the time, in seconds since 1970. Two
    machines can have one name, so only the time counts here.
    """
    return _NAMED.fullmatch(name) is not None and now - changed_at > _ABANDONED


def _remove_leftovers(path: Path) -> None:
    """Remove the temporary files of this path whose process has ended or which are old."""
    host = slug(socket.gethostname())
    for file in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        match = _TEMPORARY.fullmatch(file.name, len(path.name) + 1)
        if match is None:  # of a path whose name is longer
            continue
        with suppress(OSError):
            is_old = time.time() - file.lstat().st_mtime > _ABANDONED
            if is_old or (match["host"] == host and _has_ended(int(match["pid"]))):
                file.unlink()


def _has_ended(pid: int) -> bool:
    if os.name == "nt":  # os.kill would end it there
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return False
