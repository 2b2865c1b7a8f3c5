"""Tells whether files that were written to a Drive mount have reached the Drive."""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

# Drive's own clients say per file, in an extended attribute, whether it waits to be uploaded.
_ATTRIBUTE = "user.drive.uncommitted"
_NOT_TOLD = frozenset({errno.ENODATA, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.ENOENT})


def waiting(files: Iterable[Path]) -> list[Path] | None:
    """Return the files that are not uploaded yet; None if the mount does not tell.

    Raises OSError for a mount that does not answer.
    """
    left: list[Path] = []
    told = False
    for file in files:
        try:
            value = os.getxattr(file, _ATTRIBUTE)
        except AttributeError:  # a system without extended attributes
            return None
        except OSError as error:
            if error.errno in _NOT_TOLD:
                continue
            raise
        told = True
        if value.strip(b"\0 ") == b"1":
            left.append(file)
    return left if told else None


def wait_until_uploaded(
    files: Iterable[Path],
    *,
    until: Callable[[], bool],
    sleep: Callable[[float], object],
) -> list[Path] | None:
    """Wait until the files are uploaded, at most until `until` says so.

    Returns those that are not, or None if the mount does not tell.
    """
    left = waiting(files)
    while left and not until():
        sleep(0.5)
        left = waiting(left) or []
    return left
