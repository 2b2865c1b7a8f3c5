"""Lists the files in a folder of raw data."""

import os
import stat
import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.sharedfs.droppings import is_dropping


@dataclass(frozen=True)
class File:
    """A file or a symbolic link; `size` is in bytes."""

    path: Path
    size: int
    link: bool


@dataclass(frozen=True)
class Listing:
    """The files in a folder and below, by path from it, and the paths that cannot be read."""

    files: dict[str, File]
    unreadable: list[str]


def protected_folder(layout: Layout, folder: Path) -> Path:
    """Return `folder` as a path under the project's root; raise UserError if it does not exist."""
    root = Path(os.path.normpath(layout.root.absolute()))
    path = Path(os.path.normpath(root / folder))
    if not path.is_relative_to(root):  # or reached through a link
        root, path = root.resolve(), path.resolve()
    if not path.is_relative_to(root):
        raise UserError(f"{folder} is not in the project {layout.root}; give a folder inside it")
    path = layout.root / path.relative_to(root)
    with suppress(OSError):
        if path.is_dir():
            return path
    raise UserError(
        f"no folder {layout.relative(path)} in {layout.root}; run colabctl init to create missing"
        " folders, or mount the Drive"
    )


def list_files(folder: Path, recorded: Collection[str]) -> Listing:
    """List the files in `folder` and below; symbolic links are listed but not followed.

    What programs left behind counts only if it is `recorded`.
    """
    scan = Listing({}, [])
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except OSError:
            scan.unreadable.append(name_of(here, folder))
            continue
        for entry in entries:
            path = Path(entry.path)
            if is_dropping(entry.name) and not _is_recorded(name_of(path, folder), recorded):
                continue
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    _add(scan, name_of(path, folder), path, entry.stat(follow_symlinks=False))
            except OSError:
                scan.unreadable.append(name_of(path, folder))
    return Listing(dict(sorted(scan.files.items())), sorted(scan.unreadable))


def _add(scan: Listing, name: str, path: Path, status: os.stat_result) -> None:
    if name in scan.files:
        raise UserError(f"two files are called {name!r}, in different Unicode forms; rename one")
    link = stat.S_ISLNK(status.st_mode)
    if link or stat.S_ISREG(status.st_mode):
        scan.files[name] = File(path, len(target_of(path)) if link else status.st_size, link)
    else:  # a pipe or a device: reading it might never end
        scan.unreadable.append(name)


def name_of(path: Path, folder: Path) -> str:
    """Return the path from `folder` in the form that all systems share: POSIX, UTF-8, NFC."""
    text = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text)


def target_of(link: Path) -> bytes:
    """Return the path that a link leads to, as it is recorded."""
    return os.fsencode(link.readlink().as_posix())


def _is_recorded(name: str, recorded: Collection[str]) -> bool:
    return name in recorded or any(each.startswith(f"{name}/") for each in recorded)
