"""Reads and writes files the way a shared folder needs: whole, once, and never half-seen."""

import errno
import os
import secrets
import stat
from pathlib import Path

# Opening a pipe that nobody writes into would wait for ever; on a file the flag means nothing.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)


def read_file(path: Path, most: int) -> bytes:
    """Return what a file of at most `most` bytes holds.

    Others may have put anything in its place. Raises OSError for a pipe, a device or a folder,
    which might never end, and for a file that is larger.
    """
    with open(path, "rb", opener=_open_at_once) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        data = file.read(most + 1) if status.st_size <= most else b""
    if len(data) > most or status.st_size > most:
        raise OSError(errno.EFBIG, f"has more than {most:,} bytes", str(path))
    return data


def holds_part(path: Path, data: bytes) -> bool:
    """Whether the file at `path` holds `data` or a beginning of it, as while it is written."""
    try:
        return data.startswith(read_file(path, len(data)))
    except OSError as wrong:
        if wrong.errno in (errno.EINVAL, errno.EFBIG):  # it is something else, see above
            return False
        raise


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | _AT_ONCE)


def write_once(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet, and leave it alone for ever.

    For places where one name is made by one writer only: nothing is renamed or deleted, so it is
    right on a Drive mount. After an OSError a part of the file may be there; FileExistsError means
    that the name was used before.
    """
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_new(path: Path, data: bytes) -> None:
    """Write a file that does not exist yet; after an OSError there is none."""
    try:
        write_once(path, data)
    except FileExistsError:
        raise
    except BaseException:
        path.unlink(missing_ok=True)  # ours, and no more than a part of what it should be
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Make or replace `path` so that a local reader sees the old bytes or the new, never a part."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    write_new(beside, data)
    try:
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
