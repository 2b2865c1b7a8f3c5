"""Looks at files and folders as one machine's mount shows them."""

import os
from pathlib import Path


def names(folder: Path) -> set[str]:
    """Return the names in a folder."""
    return {path.name for path in folder.iterdir()}


def drive_id(path: Path) -> str:
    """Return a file's Drive id, which starts with "local-" until the file is uploaded."""
    return os.getxattr(path, "user.drive.id").decode()


def uncommitted(path: Path) -> str:
    """Return "1" for a file that is not uploaded yet, else "0"."""
    return os.getxattr(path, "user.drive.uncommitted").decode()
