"""Moves what a task created in its workspace to the project, if Python's functions did not.

Only regular files, folders and links are moved. Code and files that configure programs are copied,
and also stay, because they are not used from the project. Where another task has written a file of
the same name meanwhile, both are kept.
"""

import filecmp
import itertools
import os
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from colabctl.run.startup.paths import (
    DROPPINGS,
    Paths,
    is_code,
    is_linked,
    link,
    list_folder,
    mode_of,
    remove,
    system,
)
from colabctl.sharedfs.mounts import Anchor
from colabctl.sharedfs.rights import make_folder, share

# A folder that changes twice in one tick of its clock keeps the time of the first change.
_TICK = 50_000_000  # nanoseconds


class _Seen(NamedTuple):
    """A folder of the workspace at the last look.

    Attributes:
        changed: the time of its last change, in nanoseconds; -1 if it may have changed since.
        folders: its folders that are no links.
        code: files that a task created and that stay here.
    """

    changed: int
    folders: list[str]
    code: list[str]


class NewFiles:
    """The files that tasks created in a workspace.

    Args:
        paths: the workspace and its project.
        frozen: paths of the frozen files, which stay.
    """

    def __init__(self, paths: Paths, frozen: Collection[str]) -> None:
        self._paths = paths
        self._frozen = frozen
        self._seen: dict[str, _Seen] = {}
        self._copied: dict[str, int] = {}  # when files were changed that are in the project
        self._since: float | None = None
        self._anchor = Anchor(Path(paths.project))

    def copy(self) -> None:
        """Copy the files to the project, while a task may be writing them."""
        self._copy_all(self._paths.workspace)

    def move(self, since: float | None) -> None:
        """Move the files to the project, and put links in their place.

        They replace files that were there at `since`, the time when the task started.
        """
        self._since = since
        self._move_all(self._paths.workspace)

    def _copy_all(self, folder: str) -> None:
        for entry in list(system.scandir(folder)):
            path: str = entry.path
            if entry.name in DROPPINGS or path in self._frozen or entry.is_symlink():
                continue
            if entry.is_dir():
                self._copy_all(path)
            elif entry.is_file():
                self._copy(path)

    def _move_all(self, folder: str) -> None:
        with suppress(FileNotFoundError):  # a process of the task is still removing something
            seen = self._look(folder)
            for name in seen.code:
                self._copy(f"{folder}/{name}")
            for name in seen.folders:
                self._move_all(f"{folder}/{name}")

    def _look(self, folder: str) -> _Seen:
        """Return what is here; first move new files to the project, unless nothing changed."""
        changed = system.stat(folder).st_mtime_ns
        seen = self._seen.get(folder)
        if seen is not None and seen.changed == changed:
            return seen
        folders, code = [], []
        for entry in list(system.scandir(folder)):
            path: str = entry.path
            if entry.name in DROPPINGS or path in self._frozen or path in self._paths.staged:
                continue
            if entry.is_symlink():
                self._adopt_link(path)
            elif entry.is_dir():
                if self._keeps(path) or self._adopt_folder(path):
                    folders.append(entry.name)
            elif is_code(entry.name):
                code.append(entry.name)
            elif entry.is_file():  # no socket, no pipe
                self._move(path)
                link(self._paths.outward(path), path)
        changed = system.stat(folder).st_mtime_ns
        still = time.time_ns() - changed > _TICK
        self._seen[folder] = seen = _Seen(changed if still else -1, folders, code)
        return seen

    def _keeps(self, folder: str) -> bool:
        """Whether a folder has frozen or staged files, or has been looked at before."""
        start, paths = f"{folder}/", (*self._frozen, *self._paths.staged)
        return folder in self._seen or any(file.startswith(start) for file in paths)

    def _adopt_folder(self, folder: str) -> bool:
        """Move a new folder's content to the project; return whether it stays, for its code."""
        there = self._paths.outward(folder)
        self._anchor.check()
        os.makedirs(there, exist_ok=True)
        stays = False
        for entry in list(system.scandir(folder)):
            path: str = entry.path
            if entry.name in DROPPINGS:
                continue
            if entry.is_symlink():
                self._adopt_link(path)
            elif entry.is_dir():
                stays = self._adopt_folder(path) or stays
            elif is_code(entry.name):
                self._copy(path)
                stays = True
            elif entry.is_file():
                self._move(path)
        stays = stays or not is_linked(os.path.basename(folder))
        if stays:
            self._paths.mirror(folder, list_folder(there))
        else:
            shutil.rmtree(folder)
            link(there, folder)
        return stays

    def _adopt_link(self, path: str) -> None:
        """Let a link that a task made or renamed here exist in the project."""
        there, target = self._paths.outward(path), system.readlink(path)
        if target == there:
            return
        self._anchor.check()
        renamed = self._paths.inward(target)
        if renamed != target and not mode_of(renamed) and os.path.lexists(target):
            os.replace(target, there)
        elif not os.path.lexists(there):
            os.symlink(self._paths.outward(target), there)
        remove(path)
        if is_linked(os.path.basename(path)):
            link(there, path)

    def _move(self, path: str) -> None:
        """Move a file to the project, under another name if another task has just written it."""
        there = self._target(path)
        if self._is_rival(path, there):
            stem, suffix = os.path.splitext(there)
            names = (f"{stem}-{number}{suffix}" for number in itertools.count(2))
            self._place(path, next(name for name in names if not os.path.lexists(name)))
        else:
            self._copy(path)
        remove(path)

    def _is_rival(self, path: str, there: str) -> bool:
        """Whether the project's entry was written since the task started, but not from this one."""
        with suppress(FileNotFoundError):
            changed = os.stat(there).st_mtime_ns
            return not os.path.isfile(there) or (
                self._since is not None
                and changed / 1e9 > self._since
                and self._copied.get(path) != changed
                and not filecmp.cmp(path, there, shallow=False)
            )
        return False

    def _copy(self, path: str) -> None:
        """Copy a file to the project, unless the one there is as new."""
        there, changed = self._target(path), os.stat(path).st_mtime_ns
        with suppress(FileNotFoundError):
            if os.stat(there).st_mtime_ns >= changed:
                return
        self._place(path, there)
        self._copied[path] = changed

    def _place(self, path: str, there: str) -> None:
        """Copy a file with its time, at once: a part of it is never there under the name."""
        self._anchor.check()
        make_folder(Path(there).parent, parents=True)
        part = f"{there}.{os.getpid()}.part"
        try:
            shutil.copy2(path, part)
            share(Path(part))
            os.replace(part, there)
        except BaseException:
            remove(part)
            raise

    def _target(self, path: str) -> str:
        """Return the project's file for one here; a link there is followed."""
        return os.path.realpath(self._paths.outward(path))
