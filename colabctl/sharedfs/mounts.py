"""Tells what a folder is mounted on, and whether machines see each other's writes there at once."""

import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colabctl.errors import UserError

Consistency = Literal["coherent", "eventual"]

# File systems on which a write that has returned is seen by every later open, on any machine,
# and on which a lock excludes everybody who shares the folder.
COHERENT_TYPES = frozenset(
    {
        "apfs", "bcachefs", "btrfs", "ceph", "ext2", "ext3", "ext4", "f2fs", "gpfs", "hfs",
        "lustre", "nfs", "nfs4", "ntfs", "ntfs3", "overlay", "ramfs", "tmpfs", "xfs", "zfs",
    }
)  # fmt: skip

PROMISES = {
    "coherent": "claims are guarded by a lock, so no task runs twice",
    "eventual": "claims are guarded by leases, so a task may occasionally run twice; its result "
    "counts once",
}
"""What the guard of each kind of folder promises, in words for a person."""

# Folders that a desktop client keeps in step with a cloud: they lie on an ordinary local disk
# or behind a driver that the mount table does not name.
_SYNCED_PARTS = ("googledrive-", "my drive", "shared drives", "google drive", "dropbox", "onedrive")

_TABLE = Path("/proc/self/mounts")


@dataclass(frozen=True)
class Mount:
    """What lies under a folder: the mount point and the type of its file system."""

    point: Path
    type: str


@dataclass(frozen=True)
class Guard:
    """Which guard protects the claims in a folder, and the reason in words for a person."""

    consistency: Consistency
    reason: str


def mount_of(folder: Path, table: Path = _TABLE) -> Mount | None:
    """Return the mount that `folder` lies on, or None where the system has no mount table."""
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    place = Path(os.path.realpath(folder))
    found: Mount | None = None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].encode().decode("unicode_escape"))  # spaces are written \040
        # Of two mounts on one point the later one is in sight.
        if place.is_relative_to(point) and (
            found is None or len(point.parts) >= len(found.point.parts)
        ):
            found = Mount(point, fields[2])
    return found


def guard_for(folder: Path, choice: str = "auto", table: Path = _TABLE) -> Guard:
    """Return the guard for `folder`: `choice` if it names one, else by the mount table.

    Whatever is not known to be coherent is eventual, which is right everywhere.
    Raises UserError for a choice that is neither auto, coherent nor eventual.
    """
    if choice == "coherent":
        return Guard("coherent", "the configuration says so")
    if choice == "eventual":
        return Guard("eventual", "the configuration says so")
    if choice != "auto":
        raise UserError(f"consistency: {choice!r} is unknown; write auto, coherent or eventual")
    synced = [part for part in folder.absolute().parts if part.lower().startswith(_SYNCED_PARTS)]
    if synced:
        return Guard("eventual", f"{synced[0]!r} is a folder that a desktop client synchronises")
    mount = mount_of(folder, table)
    if mount is None:
        return Guard("coherent", f"a local folder ({sys.platform} has no mount table to ask)")
    if mount.type in COHERENT_TYPES:
        return Guard("coherent", f"{mount.point} is {mount.type}")
    return Guard("eventual", f"{mount.point} is {mount.type}, whose views may lag between machines")


class Anchor:
    """Remembers on which mount a folder lies, to notice when that has gone.

    When a Drive mount dies or is taken away, its path leads to the bare folder below, on the
    machine's own disk: what is written there is lost to everybody else.
    """

    def __init__(self, folder: Path, table: Path = _TABLE) -> None:
        self.folder = folder
        self._table = table
        self._mount = mount_of(folder, table)
        self._device = folder.stat().st_dev

    def check(self) -> None:
        """Raise OSError (ENOTCONN) if the folder does not lie on its mount.

        The same mount, taken away and mounted again, is in order.
        """
        try:
            device = self.folder.stat().st_dev
        except FileNotFoundError:  # the bare folder below the mount is empty
            device = None
        if device == self._device:
            return
        if (
            device is None
            or self._mount is None
            or mount_of(self.folder, self._table) != self._mount
        ):
            raise OSError(errno.ENOTCONN, "is no longer mounted", str(self.folder))
        self._device = device
