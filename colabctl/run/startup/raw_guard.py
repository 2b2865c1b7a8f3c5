"""Stops Python code that is about to change raw data, with the reason and what to do instead.

It is an audit hook (PEP 578), so it sees what `open`, `os`, `shutil` and `pathlib` do, from any
code in this process and in those that it forks. It does not see libraries in other languages that
open files themselves, such as HDF5, nor other programs, nor `os.open` with `dir_fd`. It guards
against accidents, not against code that wants to get around it.

This file is loaded on its own, into any Python 3 that a task starts, so it imports nothing from
colabctl.
"""

from __future__ import annotations  # for the oldest Python that a task may start

import os
import stat
import sys
from collections.abc import Callable, Iterable
from typing import Any

from .paths import system

VARIABLE = "COLABCTL_GUARDED"
"""The environment variable with the guarded folders, one to a line, for a task's processes."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_MODES = frozenset("wax+")
_MOST_LINKS = 40  # on the way to one file, as on Linux

# For each event: which arguments are paths that it changes, and which one is the folder, as an open
# file, that a path starts at. See "Audit events table" in Python's documentation.
_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.remove": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.mkdir": ((0, 2),),
    "os.rmdir": ((0, 1),),
    "os.truncate": ((0, None),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.utime": ((0, 3),),
    "shutil.rmtree": ((0, None),),
    "shutil.move": ((0, None), (1, None)),
    "shutil.copyfile": ((1, None),),
    "shutil.copytree": ((1, None),),
    "shutil.unpack_archive": ((1, None),),
}
# These are about what a link leads to. The others are about the link itself.
_FOLLOWING = frozenset(("open", "os.truncate", "os.utime", "shutil.copyfile", "shutil.copytree",
                        "shutil.unpack_archive"))  # fmt: skip
_ON_FOLDERS = frozenset(("os.mkdir", "os.utime"))  # these change nothing if the folder is there

_RAW = (
    "raw data must not be changed: in this project, Python only reads %s. Write to "
    "project.interim or project.processed instead. To add new originals, put them "
    "there outside Python, or inside `with project.adding_raw():`; then run: colabctl "
    "protect"
)
STAGED = (
    "staged data must not be changed: %s is a copy that all tasks on this machine read. Write to "
    "task.folder or project.processed instead"
)

_folders: dict[str, str] = {}  # real paths of the guarded folders, and why they are guarded
_added: list[frozenset[str]] = []  # one item for each block that adds files: what it must not touch
_installed: list[bool] = []


class RawDataError(PermissionError):
    """Raised where code is about to change raw data."""


def guard(folders: Iterable[str], why: str = _RAW) -> None:
    """Guard these folders in this process, from now on; they need not exist.

    `why` is the message, with %s in the place of the folder.
    """
    for folder in folders:
        _folders[_real(folder)] = why % folder
    if _folders and not _installed:
        _installed.append(True)
        sys.addaudithook(_hook)


def adding(recorded: Iterable[str]) -> Callable[[], None]:
    """Allow new files, but no change of the `recorded` ones, until the returned function is called.

    `recorded` are absolute paths.
    """
    paths = frozenset(_real(path) for path in recorded)
    _added.append(paths)
    return lambda: _added.remove(paths)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    """Look at one event; most are about something else, so this returns at once."""
    if event == "open":
        if len(arguments) == 3 and _writes(arguments[1], arguments[2]):
            _check(arguments[0], (), event)
    elif event in _CHANGES:
        for position, folder in _CHANGES[event]:
            if position < len(arguments):
                start = arguments[folder : folder + 1] if folder is not None else ()
                _check(arguments[position], start, event)


def _writes(mode: Any, flags: Any) -> bool:
    if isinstance(flags, int) and flags & _WRITES:
        return True
    return isinstance(mode, str) and not _MODES.isdisjoint(mode)


def _check(path: Any, start: tuple[Any, ...], event: str) -> None:
    """Raise RawDataError if a path is in a guarded folder."""
    if isinstance(path, int):
        return  # a file that is open already
    try:
        text = os.fsdecode(path)
        if start and isinstance(start[0], int) and start[0] >= 0 and not os.path.isabs(text):
            text = os.path.join(system.readlink("/proc/self/fd/%d" % start[0]), text)
        real = _real(text, follow=event in _FOLLOWING)
    except (OSError, ValueError, TypeError):
        return  # the call itself says what is wrong
    for folder, why in _folders.items():
        if _is_in(real, folder):
            if event in _ON_FOLDERS and _is_folder(real):
                continue
            if _added and (event.startswith("shutil.") or not _is_recorded(real)):
                continue
            raise RawDataError(13, why, text)


def _is_recorded(real: str) -> bool:
    """Whether a path is a recorded file, or holds one."""
    return any(old == real or old.startswith(real + os.sep) for each in _added for old in each)


def _is_folder(path: str) -> bool:
    try:
        return stat.S_ISDIR(system.stat(path).st_mode)
    except OSError:
        return False


def _is_in(path: str, folder: str) -> bool:
    """Whether a real path is a folder or in it; macOS and Windows ignore case."""
    size = len(folder)
    if path == folder or (path.startswith(folder) and path[size : size + 1] == os.sep):
        return True
    start = path[:size]
    if start.casefold() != folder.casefold() or path[size : size + 1] not in ("", os.sep):
        return False
    try:
        one, other = system.stat(start), system.stat(folder)
    except OSError:
        return False
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _real(path: str, *, follow: bool = True) -> str:
    """Return an absolute path without links; if not `follow`, the last part may be one.

    os.path.realpath would not do: in a workspace, a link looks like what it leads to.
    """
    if os.name == "nt":
        folder, name = os.path.split(os.path.abspath(path))
        return os.path.realpath(path) if follow else os.path.join(os.path.realpath(folder), name)
    if not path.startswith(os.sep):
        path = os.path.join(system.getcwd(), path)
    here, left, links = "", [part for part in reversed(path.split(os.sep)) if part], 0
    while left:
        part = left.pop()
        if part == os.curdir:
            continue
        if part == os.pardir:
            here = here[: here.rfind(os.sep)] if here else ""
            continue
        here = "%s%s%s" % (here, os.sep, part)
        if not left and not follow:
            break
        try:
            target = system.readlink(here)
        except OSError:  # not a link, or nothing
            continue
        links += 1
        if links > _MOST_LINKS:
            break
        left.extend(reversed([step for step in target.split(os.sep) if step]))
        here = "" if target.startswith(os.sep) else here[: here.rfind(os.sep)]
    return here or os.sep
