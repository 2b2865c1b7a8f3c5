"""Reads a file's Drive id from the mount."""

import os
from pathlib import Path

_ATTRIBUTE = "user.drive.id"
_LOCAL = "local-"  # prefix of the mount's own id, which a file has until it is uploaded


def drive_id(path: Path) -> str | None:
    """Return a file's Drive id; None on another file system, or before the file is uploaded."""
    try:
        text = os.getxattr(path, _ATTRIBUTE).decode("ascii").strip("\0 ")
    except (AttributeError, OSError, UnicodeDecodeError):  # the system or the mount has no ids
        return None
    return None if not text or text.startswith(_LOCAL) else text
