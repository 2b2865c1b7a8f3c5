"""Lists the files of a mirror, and reads again only folders that have changed."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from colabctl.remote.steps import Local

_SETTLED = 2_000_000_000  # nanoseconds after which a folder's time shows each new change


class _Folder(NamedTuple):
    changed: int
    files: list[str]
    folders: list[str]


class LocalFiles:
    """The files in a folder, by their POSIX paths from it. Links are no files."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._folders: dict[str, _Folder] = {}

    def below(self, folder: str, enter: Callable[[str], bool]) -> Iterator[str]:
        """Yield the names below a folder ("" for all), entering those that `enter` allows.

        Raises OSError if the mirror itself cannot be read.
        """
        if not folder:
            os.stat(self._root)  # noqa: PTH116 - as the others here
        listed = self._list(folder)
        start = f"{folder}/" if folder else ""
        for file in listed.files:
            yield start + file
        for each in listed.folders:
            if enter(start + each):
                yield from self.below(start + each, enter)

    def status(self, name: str) -> Local | None:
        """Return the size and time of a file; None if it has gone."""
        try:
            status = os.lstat(os.path.join(self._root, name))  # noqa: PTH118 - called very often
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Local(status.st_size, status.st_mtime_ns)

    def _list(self, folder: str) -> _Folder:
        path = os.path.join(self._root, folder)  # noqa: PTH118
        try:
            changed = os.lstat(path).st_mtime_ns
            seen = self._folders.get(folder)
            if seen is not None and seen.changed == changed:
                return seen
            files, folders = [], []
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.name)
                    elif entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return _Folder(0, [], [])
        listed = _Folder(changed, files, folders)
        if 0 < changed < time.time_ns() - _SETTLED:
            self._folders[folder] = listed
        return listed
