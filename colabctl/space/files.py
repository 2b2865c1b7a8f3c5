"""Lists the files of a project in one walk, with sizes; links are not followed."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

Progress = Callable[[int], None]
"""Called with the number of files found so far."""

_OFTEN = 1000  # files between two calls of it


class File(NamedTuple):
    """A regular file as it was seen.

    Attributes:
        path: from the project's folder, with "/".
        size: bytes.
        mtime_ns: when it was last changed, in nanoseconds.
        inode, device: which file it is, whatever its name.
        names: how many names it has; more than one are hard links.

    """

    path: str
    size: int
    mtime_ns: int
    inode: int
    device: int
    names: int

    @property
    def folder(self) -> str:
        """The path of its folder, "" for the project's."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """Its name."""
        return self.path.rpartition("/")[2]


class Unread(NamedTuple):
    """A file or folder whose size is not known, and the reason of the system."""

    path: str
    reason: str


@dataclass
class Listing:
    """What a walk has found.

    Attributes:
        files: each file once; of several hard links, the first.
        unread: what could not be looked at, so that every total is too small.
        links: the symbolic links, which are not followed.

    """

    files: list[File] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


def list_files(root: Path, progress: Progress = lambda _: None) -> Listing:
    """Return the files in a folder and everything below it, in order of their paths.

    Each folder is listed once, and each file is looked at once: on a Drive, both take time.
    """
    listing = Listing()
    linked: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        here = waiting.pop()
        folders: list[str] = []
        for path, entry in _entries(root, here, listing):
            try:
                if entry.is_symlink():
                    listing.links.append(path)
                elif entry.is_dir(follow_symlinks=False):
                    folders.append(path)
                elif (file := _file(path, entry)) is not None:
                    is_new = file.names < 2 or (file.device, file.inode) not in linked
                    if file.names > 1:
                        linked.add((file.device, file.inode))
                    if is_new:
                        listing.files.append(file)
                        if not len(listing.files) % _OFTEN:
                            progress(len(listing.files))
            except OSError as error:
                listing.unread.append(Unread(path, error.strerror or str(error)))
        waiting += reversed(folders)
    progress(len(listing.files))
    return listing


def _entries(root: Path, here: str, listing: Listing) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
    try:
        with os.scandir(root / here) as entries:
            # In order: of several hard links, the same one counts each time.
            ordered = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        listing.unread.append(Unread(here or ".", error.strerror or str(error)))
        return
    for entry in ordered:
        yield f"{here}/{entry.name}" if here else entry.name, entry


def _file(path: str, entry: "os.DirEntry[str]") -> File | None:
    """Return a regular file; None for a pipe, a socket or a device, which use no room."""
    status = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode):
        return None
    if os.name == "nt":  # an entry there knows neither
        status = os.stat(entry.path, follow_symlinks=False)  # noqa: PTH116 - a path of the entry
    return File(
        path,
        status.st_size,
        status.st_mtime_ns,
        status.st_ino,
        status.st_dev,
        status.st_nlink,
    )
