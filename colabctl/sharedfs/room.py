"""Tells how much room is left on the file system of a folder.

On a Drive mount of Colab, these are the numbers of the account that has mounted it: they match the
storage that Google shows (googlecolab/colabtools, issue 6051). Other mounts may show something
else, such as the disk of the machine.
"""

import shutil
from pathlib import Path
from typing import NamedTuple


class Room(NamedTuple):
    """How many bytes are free, of how many."""

    free: int
    total: int


def room_of(folder: Path) -> Room | None:
    """Return the room in a folder; None if the file system does not tell, or does not answer."""
    try:
        usage = shutil.disk_usage(folder)
    except (OSError, ValueError, OverflowError):
        return None
    return Room(max(0, usage.free), usage.total) if usage.total > 0 else None
