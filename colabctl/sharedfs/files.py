"""Reads and writes files the way a shared folder needs: whole, once, and never half-seen."""

import os
import secrets
from pathlib import Path


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
