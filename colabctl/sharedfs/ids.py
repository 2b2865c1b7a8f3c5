"""Reads a file's Drive id from the mount."""

import os
from pathlib import Path

_ATTRIBUTE = "user.drive.id"
_LOCAL = "local-"  # starts an id that the mount invents until the file is uploaded


def drive_id(path: Path) -> str | None:
    """Return a file's Drive id; None on another file system, or before the file is uploaded."""
    try:
        drive_id = os.getxattr(path, _ATTRIBUTE).decode("ascii").strip("\0 ")
    except (AttributeError, OSError, UnicodeDecodeError):  # the system or the mount has no such ids
        return None
    return None if not drive_id or drive_id.startswith(_LOCAL) else drive_id
