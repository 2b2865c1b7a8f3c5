"""Lets what a task creates, renames and removes in its workspace happen in the project.

The links of the workspace look like the entries that they lead to. So `os.walk` and `Path.resolve`
stay inside, as in the project, and `shutil.rmtree` works. What others create in the project
meanwhile is found. What is created in other ways than through Python's functions is moved to the
project when the task ends.

This file is loaded on its own, into any Python 3 that a task starts, so it imports nothing from
colabctl.
"""

from __future__ import annotations  # for the oldest Python that a task may start

import builtins
import errno
import functools
import io
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from .patches import after_import
from .paths import Entry, Paths, is_code, link, system

# The functions of `os` that act on entries, and the names of the arguments with their paths.
_CHANGING = {
    "link": ("src", "dst"),
    "mkdir": ("path",),
    "mkfifo": ("path",),
    "remove": ("path",),
    "rename": ("src", "dst"),
    "replace": ("src", "dst"),
    "rmdir": ("path",),
    "unlink": ("path",),
}


def change_functions(paths: Paths) -> None:
    """Replace Python's functions for files in this process."""
    for name, arguments in _CHANGING.items():
        if hasattr(os, name):
            _replace(os, name, _changing(paths, getattr(os, name), arguments))
    _replace(os, "symlink", _symlink(paths, os.symlink))
    _replace(os, "readlink", _readlink(paths, os.readlink))
    _replace(os, "stat", _stat(paths, os.stat))
    _replace(os, "lstat", _lstat(paths, os.lstat))
    _replace(os, "scandir", _scandir(paths, os.scandir))
    _replace(os, "getcwd", _getcwd(paths, os.getcwd))
    _replace(os, "chdir", _chdir(paths, os.chdir))
    _replace(os, "open", _os_open(paths, os.open))
    _replace(io, "open", _open(io.open))
    builtins.open = io.open
    after_import("shutil", functools.partial(_change_shutil, paths))
    after_import("sqlite3.dbapi2", functools.partial(_change_sqlite, paths))


def _replace(module: Any, name: str, function: Any) -> None:
    """Put a function in the place of another one; Python must be able to pickle it there."""
    before = getattr(module, name)
    functools.update_wrapper(function, before)
    function.__module__ = module.__name__
    setattr(module, name, function)
    for owner in _classes("glob", "pathlib"):  # which keep functions, and may be imported already
        for attribute, value in list(vars(owner).items()):
            if getattr(value, "__func__", value) is before:
                setattr(owner, attribute, staticmethod(function))
    for kind in ("dir_fd", "effective_ids", "fd", "follow_symlinks"):
        supporting = getattr(os, "supports_" + kind)
        if before in supporting:  # shutil looks for the very function in there
            supporting.add(function)


def _classes(*modules: str) -> Iterator[type]:
    """Yield the classes of those modules that are imported."""
    for name in modules:
        for value in list(vars(sys.modules.get(name, object)).values()):
            if isinstance(value, type):
                yield value


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, bytes)) or hasattr(value, "__fspath__")


def _entry(paths: Paths, path: Any, options: dict[str, Any] | None = None) -> Entry | None:
    """Return the entry that a call is about; None if it concerns only the workspace, or none."""
    if not _is_path(path) or any(
        value is not None for name, value in (options or {}).items() if name.endswith("dir_fd")
    ):
        return None
    try:
        return paths.entry(path)
    except (OSError, ValueError):
        return None  # the call itself says what is wrong


def _changing(
    paths: Paths, function: Callable[..., Any], names: tuple[str, ...]
) -> Callable[..., Any]:
    """Let a function act on the project's entries, then let the links follow."""

    def changed(*arguments: Any, **options: Any) -> Any:
        wanted = [*arguments[: len(names)], *(options.pop(n) for n in names if n in options)]
        others = arguments[len(names) :]
        if len(wanted) < len(names):
            return function(*arguments, **options)  # which raises TypeError
        entries = [_entry(paths, path, options) for path in wanted]
        try:
            moved = [e.there if e else path for e, path in zip(entries, wanted)]
            return function(*moved, *others, **options)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and sum(_find(paths, p) for p in wanted):
                return changed(*wanted, *others, **options)
            if (
                len(wanted) == 2
                and error.errno == errno.EXDEV
                and _is_move(paths, function, wanted)
            ):
                _move_file(paths, function, *moved)
                return None
            error.filename = wanted[0]
            if len(wanted) == 2:
                error.filename2 = wanted[1]
            raise
        finally:
            for entry in filter(None, entries):
                paths.settle(entry)

    return changed


def _is_move(paths: Paths, function: Any, wanted: list[Any]) -> bool:
    """Whether two paths are on different disks only because the workspace is on its own."""
    return function.__name__ != "link" and any(paths.inside(paths.full(path)) for path in wanted)


def _move_file(paths: Paths, function: Callable[..., Any], source: Any, target: Any) -> None:
    """Rename a file across disks, at once: a part of it is never there under the new name."""
    import shutil  # noqa: PLC0415 - slow, and rarely needed

    full = paths.full(target)
    if paths.is_real(os.path.dirname(full)):
        part = "%s%srenamed-%d" % (os.path.dirname(paths.workspace), os.sep, os.getpid())
    else:
        full = paths.outward(full)
        part = full + ".part"
    if os.path.isdir(source):
        shutil.copytree(source, part, symlinks=True)
        function(part, full)
        shutil.rmtree(source)
    else:
        shutil.copy2(source, part)
        function(part, full)
        system.unlink(source)


def _symlink(paths: Paths, function: Callable[..., Any]) -> Callable[..., Any]:
    def symlink(src: Any, dst: Any, *arguments: Any, **options: Any) -> None:
        entry = _entry(paths, dst, options)
        if isinstance(src, str) and paths.inside(src):
            src = paths.outward(src)  # the link outlives the workspace
        function(src, entry.there if entry else dst, *arguments, **options)
        if entry:
            paths.settle(entry)

    return symlink


def _readlink(paths: Paths, function: Callable[..., Any]) -> Callable[..., Any]:
    def readlink(path: Any, **options: Any) -> Any:
        entry = _entry(paths, path, options)
        if entry is None:
            if not options and _is_staged(paths, path):  # no link, as in the project
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
            return function(path, **options)
        target = function(entry.there)
        folder = os.path.dirname(entry.there)
        full = os.path.normpath(os.path.join(folder, target))
        relative = not target.startswith(os.sep)
        leaves = relative and not full.startswith(paths.project + os.sep)
        return full if leaves else target

    return readlink


def _getcwd(paths: Paths, function: Callable[[], str]) -> Callable[[], str]:
    def getcwd() -> str:
        return paths.inward(function())

    return getcwd


def _chdir(paths: Paths, function: Callable[..., None]) -> Callable[..., None]:
    def chdir(path: Any) -> None:
        if not _is_path(path):
            return function(path)
        inward = paths.inward(paths.full(path))
        return function(inward if paths.inside(inward + os.sep) and os.path.isdir(inward) else path)

    return chdir


def _is_staged(paths: Paths, path: Any) -> bool:
    """Whether a path leads to a staged copy, and not to an entry of the project."""
    return bool(paths.staged) and _is_path(path) and paths.full(path) in paths.staged


def _find(paths: Paths, path: Any) -> bool:
    return _is_path(path) and paths.find(path)


def _retrying(paths: Paths, function: Callable[..., Any], path: Any, *arguments: Any) -> Any:
    """Call a function; if nothing has the path, look for what others have created since."""
    try:
        return function(path, *arguments)
    except FileNotFoundError:
        if _find(paths, path):
            return function(path, *arguments)
        raise


def _stat(paths: Paths, function: Callable[..., Any]) -> Callable[..., Any]:
    def stat(path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> Any:
        if dir_fd is not None or not _is_path(path):
            return function(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if not follow_symlinks:
            return os.lstat(path)
        return _retrying(paths, function, path)

    return stat


def _lstat(paths: Paths, function: Callable[..., Any]) -> Callable[..., Any]:
    def lstat(path: Any, *, dir_fd: int | None = None) -> Any:
        if dir_fd is not None:
            return function(path, dir_fd=dir_fd)
        entry = _entry(paths, path)
        if entry is None:
            if _is_staged(paths, path):
                return system.stat(path)
            return _retrying(paths, function, path)
        if not entry.exists:
            paths.settle(entry)
        try:
            return function(entry.there)
        except OSError as error:
            error.filename = path
            raise

    return lstat


def _scandir(paths: Paths, function: Callable[..., Any]) -> Callable[..., Any]:
    def scandir(path: Any = ".") -> Any:
        if _is_path(path) and paths.is_real(paths.full(path)):
            return _Entries(function(path))
        return function(path)

    return scandir


class _Entries:
    """What os.scandir returns for a folder of the workspace."""

    def __init__(self, entries: Any) -> None:
        self._entries = entries

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        entry = next(self._entries)
        return _Linked(entry) if entry.is_symlink() else entry

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._entries.close()


class _Linked:
    """An os.DirEntry for a link of the workspace, which looks like what it leads to."""

    def __init__(self, entry: Any) -> None:
        self._entry = entry
        self.name, self.path = entry.name, entry.path

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return repr(self._entry)

    def inode(self) -> int:
        return self.stat().st_ino

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return bool(self._entry.is_dir()) and (follow_symlinks or not self.is_symlink())

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return bool(self._entry.is_file()) and (follow_symlinks or not self.is_symlink())

    def is_symlink(self) -> bool:
        return os.path.islink(self.path)

    def is_junction(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return os.stat(self.path, follow_symlinks=follow_symlinks)


def _os_open(paths: Paths, function: Callable[..., int]) -> Callable[..., Any]:
    def os_open(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> Any:
        if dir_fd is not None or not _is_path(path):
            return function(path, flags, mode, dir_fd=dir_fd)
        if not flags & os.O_CREAT:
            return _retrying(paths, function, path, flags, mode)
        full = paths.full(path)
        if is_code(os.path.basename(full)):
            paths.unfold(os.path.dirname(full))
            return function(path, flags, mode)
        entry = _entry(paths, path)
        if entry is None:
            return _retrying(paths, function, path, flags, mode)
        try:
            return function(entry.there, flags, mode)
        except OSError as error:
            error.filename = path
            raise
        finally:
            if not entry.exists:
                paths.settle(entry)

    return os_open


def _open(function: Callable[..., Any]) -> Callable[..., Any]:
    def open_path(path: Any, flags: int) -> int:
        return os.open(path, flags, 0o666)

    def open_file(  # noqa: PLR0917 - as Python's own
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        if opener is None and _is_path(file):
            opener = open_path
        return function(file, mode, buffering, encoding, errors, newline, closefd, opener)

    return open_file


def _change_shutil(paths: Paths, shutil: Any) -> None:
    """Let shutil remove and move what a link of the workspace leads to, and not refuse links."""
    for name, arguments in {"rmtree": ("path",), "move": ("src",)}.items():
        _replace(shutil, name, _changing(paths, getattr(shutil, name), arguments))


def _change_sqlite(paths: Paths, dbapi2: Any) -> None:
    """Let sqlite3 create its files in the project: it does not use Python's `open`."""
    connect = dbapi2.connect

    def connecting(database: Any, *arguments: Any, **options: Any) -> Any:
        entry = _entry(paths, database) if database != ":memory:" else None
        if entry is not None and not entry.exists:
            link(entry.there, entry.here)
        return connect(database, *arguments, **options)

    _replace(dbapi2, "connect", connecting)
