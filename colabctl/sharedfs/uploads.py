"""Finds out whether files written to a Drive mount have been uploaded."""

import errno
import os
from collections.abc import Callable, Iterable
from pathlib import Path

# Drive's own clients mark each file that is not uploaded yet with an extended attribute.
_ATTRIBUTE = "user.drive.uncommitted"
_UNKNOWN = frozenset({errno.ENODATA, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.ENOENT})


def waiting(files: Iterable[Path]) -> list[Path] | None:
    """Return the files that are not uploaded yet; None if the mount does not report uploads.

    Raises OSError if the mount does not respond.
    """
    left: list[Path] = []
    reported = False
    for file in files:
        try:
            value = os.getxattr(file, _ATTRIBUTE)
        except AttributeError:  # a system without extended attributes
            return None
        except OSError as error:
            if error.errno in _UNKNOWN:
                continue
            raise
        reported = True
        if value.strip(b"\0 ") == b"1":
            left.append(file)
    return left if reported else None


def wait_until_uploaded(
    files: Iterable[Path],
    *,
    until: Callable[[], bool],
    sleep: Callable[[float], object],
) -> list[Path] | None:
    """Wait until the files are uploaded, or until `until` returns True.

    Returns the files that are not uploaded, or None if the mount does not report uploads.
    """
    left = waiting(files)
    while left and not until():
        sleep(0.5)
        left = waiting(left) or []
    return left
