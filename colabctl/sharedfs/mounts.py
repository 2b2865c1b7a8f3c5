"""Finds the mount under a folder, and whether machines see each other's writes there at once."""

import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colabctl.errors import UserError

Consistency = Literal["coherent", "eventual", "created"]
ConsistencyChoice = Literal["auto", Consistency]

# File systems on which a write that has returned is visible to every later open on any machine,
# and on which a lock excludes everyone who shares the folder.
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
    "created": "claims are a shared log in the project's store, so no task runs twice",
}
"""The promise of each guard, in a sentence for people."""

# Folders that a desktop client syncs with a cloud. They are on an ordinary local disk, or behind a
# driver that the mount table does not name.
_SYNCED_PARTS = ("googledrive-", "my drive", "shared drives", "google drive", "dropbox", "onedrive")

_TABLE = Path("/proc/self/mounts")


@dataclass(frozen=True)
class Mount:
    """A mount point and the type of its file system."""

    point: Path
    type: str


@dataclass(frozen=True)
class Guard:
    """What guards the claims in a folder, which follows from its consistency, and why."""

    consistency: Consistency
    reason: str


def mount_of(folder: Path, table: Path = _TABLE) -> Mount | None:
    """Return the mount that `folder` is on, or None if the system has no mount table."""
    try:
        lines = table.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    real = Path(os.path.realpath(folder))
    mount: Mount | None = None
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(fields[1].encode().decode("unicode_escape"))  # spaces are written \040
        # A later mount hides an earlier one at the same point.
        if real.is_relative_to(point) and (
            mount is None or len(point.parts) >= len(mount.point.parts)
        ):
            mount = Mount(point, fields[2])
    return mount


def guard_for(
    folder: Path, choice: ConsistencyChoice, table: Path = _TABLE, stored: Guard | None = None
) -> Guard:
    """Return the guard for `folder`: `choice`, or for "auto" what the mount table suggests.

    A file system that is not known to be coherent counts as eventual, which is always safe. In a
    mirror, `stored` is the guard of its store. Raises UserError if only a store can give what was
    chosen, and this folder has none that does.
    """
    if choice == "created" and (stored is None or stored.consistency != "created"):
        why = "this folder is not the mirror of one" if stored is None else stored.reason
        raise UserError(
            f"consistency: created needs a store that refuses to create a file twice, but {why}; "
            "remove `consistency:` from colabctl.yaml (and COLABCTL_CONSISTENCY)"
        )
    if stored is not None and choice in ("auto", stored.consistency):
        return stored
    if choice != "auto":
        return Guard(choice, "the configuration says so")
    synced = [part for part in folder.absolute().parts if part.lower().startswith(_SYNCED_PARTS)]
    if synced:
        return Guard("eventual", f"{synced[0]!r} is synced by a desktop client")
    mount = mount_of(folder, table)
    if mount is None:
        return Guard("coherent", f"a local folder ({sys.platform} has no mount table)")
    if mount.type in COHERENT_TYPES:
        return Guard("coherent", f"{mount.point} is {mount.type}")
    return Guard("eventual", f"{mount.point} is {mount.type}, which may show files late")


class Anchor:
    """Remembers which mount a folder is on, to notice when that mount is gone.

    After a Drive mount dies or is unmounted, its path leads to an empty folder on the machine's own
    disk. Files written there never reach other machines.
    """

    def __init__(self, folder: Path, table: Path = _TABLE) -> None:
        self.folder = folder
        self._table = table
        self._mount = mount_of(folder, table)
        self._device = folder.stat().st_dev

    def check(self) -> None:
        """Raise OSError (ENOTCONN) if the folder is no longer on its mount.

        Unmounting and mounting the same file system again is fine.
        """
        try:
            device = self.folder.stat().st_dev
        except FileNotFoundError:  # the folder below the mount is empty
            device = None
        if device == self._device:
            return
        mount = None if device is None else mount_of(self.folder, self._table)
        if device is None or mount is None or mount != self._mount:
            raise OSError(errno.ENOTCONN, "is no longer mounted", str(self.folder))
        self._device = device
