"""Lists the files in a folder of raw data."""

import os
import re
import stat
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.sharedfs.droppings import is_dropping, is_google_document
from colabctl.sharedfs.rights import make_folder

SENTINEL = ".colabctl-sentinel"
"""A file in every protected folder. A listing without it is not complete."""

OWN = ".colabctl-"
"""How the names of colabctl's own files in a folder of raw data start."""

REPLACED = re.compile(r".+\.bad-[0-9a-f]{8}(-\d+)?", re.DOTALL)
"""The names of files that `restore` put aside."""


class File(NamedTuple):
    """A file or a symbolic link.

    Attributes:
        place: its path as text; a Path takes longer to make, and most need none
        real: its path from the folder, as on the disk
        size: in bytes
        link: whether it is a symbolic link
        mtime_ns: when it was last changed, as its file system says

    """

    place: str
    real: bytes
    size: int
    link: bool
    mtime_ns: int

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.place)


@dataclass(frozen=True)
class Listing:
    """What is in a folder and below; names are paths from it.

    Attributes:
        files: regular files and links
        unreadable: folders that cannot be listed, and recorded files that are not files any more
        without_bytes: what is passed over because it holds no data: documents of Google, pipes
        replaced: files that `restore` put aside
        has_sentinel: whether the sentinel is among them

    """

    files: dict[str, File] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    without_bytes: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    has_sentinel: bool = False


def protected_folder(layout: Layout, folder: Path, *, make: bool = False) -> Path:
    """Return `folder` as a path under the project's root.

    Raises UserError if it does not exist, unless it can be made and `make` says so.
    """
    root = Path(os.path.normpath(layout.root.absolute()))
    path = Path(os.path.normpath(root / folder))
    if not path.is_relative_to(root):  # or reached through a link
        root, path = root.resolve(), path.resolve()
    if not path.is_relative_to(root):
        raise UserError(f"{folder} is not in the project {layout.root}; give a folder inside it")
    path = layout.root / path.relative_to(root)
    if make and not os.path.lexists(path):
        make_folder(path, parents=True)
    with suppress(OSError):
        if path.is_dir():
            return path
    name = layout.relative(path)
    if layout.manifest(path).is_file() and not os.path.lexists(path):
        raise UserError(
            f"the folder {name} is gone, but its manifest is there; bring the data back with "
            f"colabctl restore {name}, or mount the Drive"
        )
    raise UserError(
        f"no folder {name} in {layout.root}; run colabctl init to create missing"
        " folders, or mount the Drive"
    )


def list_files(folder: Path, recorded: Collection[str]) -> Listing:
    """List the files in `folder` and below; symbolic links are listed but not followed.

    What programs left behind, and what has no bytes, counts only if it is `recorded`.
    """
    start = len(os.fspath(folder)) + 1
    above = _folders_of(recorded)
    listing = Listing(has_sentinel=os.path.lexists(folder / SENTINEL))
    waiting = [os.fspath(folder)]
    while waiting:
        here = waiting.pop()
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    real = os.fsencode(entry.path[start:])
                    name = shared_form(real)
                    is_recorded = name in recorded or name in above
                    if not is_recorded and _passes_over(listing, name, entry.name):
                        continue
                    try:
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
                        else:
                            _add(listing, name, real, entry, is_recorded=is_recorded)
                    except OSError:
                        listing.unreadable.append(name)
        except OSError:
            listing.unreadable.append(shared_form(os.fsencode(here[start:])) or ".")
    for names in (listing.unreadable, listing.without_bytes, listing.replaced):
        names.sort()
    files = dict(sorted(listing.files.items()))
    listing.files.clear()
    listing.files.update(files)
    return listing


def shared_form(path: bytes) -> str:
    """Return a path from the folder in the form that all systems share: POSIX, UTF-8, NFC."""
    text = path.decode("utf-8", "replace")
    if os.name == "nt":
        text = text.replace("\\", "/")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def target_of(link: Path) -> bytes:
    """Return the path that a link leads to, as it is recorded."""
    return os.fsencode(link.readlink().as_posix())


def case_twins(names: Collection[str]) -> list[tuple[str, ...]]:
    """Return the names that only case tells apart; Windows and macOS show one of each group."""
    groups: dict[str, list[str]] = {}
    if len(set(map(str.casefold, names))) == len(names):
        return []
    for name in names:
        groups.setdefault(name.casefold(), []).append(name)
    return sorted(tuple(sorted(group)) for group in groups.values() if len(group) > 1)


def _passes_over(listing: Listing, name: str, last: str) -> bool:
    if is_google_document(last):
        listing.without_bytes.append(name)
    elif REPLACED.fullmatch(last):
        listing.replaced.append(name)
    else:
        return last.startswith(OWN) or is_dropping(last)
    return True


def _add(
    listing: Listing, name: str, real: bytes, entry: "os.DirEntry[str]", *, is_recorded: bool
) -> None:
    if name in listing.files:
        raise UserError(f"two files are called {name!r}, in different Unicode forms; rename one")
    status = entry.stat(follow_symlinks=False)
    link = stat.S_ISLNK(status.st_mode)
    if link or stat.S_ISREG(status.st_mode):
        size = len(target_of(Path(entry.path))) if link else status.st_size
        listing.files[name] = File(entry.path, real, size, link, status.st_mtime_ns)
    elif is_recorded:
        listing.unreadable.append(name)
    else:  # a pipe or a device: reading it might never end
        listing.without_bytes.append(name)


def _folders_of(names: Collection[str]) -> set[str]:
    """Return the folders that files of these names are in."""
    folders: set[str] = set()
    for name in names:
        folder = name.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders
