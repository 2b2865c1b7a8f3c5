"""Tells by which id the Drive knows a file that lies on its mount."""

import os
from pathlib import Path

_ATTRIBUTE = "user.drive.id"
_LOCAL = "local-"  # how an id begins that the mount made up until the file is uploaded


def drive_id(path: Path) -> str | None:
    """Return the id of a file; None on another file system, or if it is not uploaded yet."""
    try:
        found = os.getxattr(path, _ATTRIBUTE).decode("ascii").strip("\0 ")
    except (AttributeError, OSError, UnicodeDecodeError):  # no such attributes, or not this one
        return None
    return None if not found or found.startswith(_LOCAL) else found
