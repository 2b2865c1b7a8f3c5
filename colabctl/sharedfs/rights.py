"""Gives new files and folders the group rights of their folder, whatever the umask.

A folder is shared with its group if the group may write in it, or if it passes on its group
(set-gid). What colabctl creates there gets the folder's group and that group's rights, and so does
what is created below. Elsewhere, as on a Drive mount, it is only looked at, once.
"""

import os
import re
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from colabctl.sharedfs.links import link_error

_GIT_SHARES = re.compile(r"^\s*sharedRepository\s*=\s*[\"']?(\w+)", re.IGNORECASE | re.MULTILINE)
_GIT_PRIVATE = frozenset({"umask", "false", "no", "off", "0"})
_GIT_OCTAL = re.compile(r"0[0-7]{3}")
_LARGEST_CONFIG = 1 << 20  # bytes


class _Rights(NamedTuple):
    """What new files in a folder get: its group, and the bits of a mode for that group."""

    group: int
    bits: int


def make_folder(path: Path, *, parents: bool = False, follow: bool = True) -> None:
    """Create a folder unless it exists, and with `parents` those above it.

    Unless `follow`, raises OSError for a link in its place.
    """
    if parents and not path.parent.exists():
        make_folder(path.parent, parents=True)
    try:
        path.mkdir()
    except FileExistsError:
        mode = (path.stat() if follow else path.lstat()).st_mode
        if stat.S_ISLNK(mode):
            raise link_error(str(path)) from None
        if not stat.S_ISDIR(mode):
            raise
        return
    share(path)


def share(path: Path, handle: int | None = None) -> None:
    """Give a file or folder that this process has just created the rights of its folder's group.

    `handle` is that of the file, if it is open. If the system refuses, it stays as it is.
    """
    rights = _rights_in(path.parent)
    if rights is None:
        return
    target = path if handle is None else handle
    with suppress(OSError):
        status = os.stat(target)  # noqa: PTH116 - of a path or a handle
        foreign = status.st_gid != rights.group
        if foreign:
            with suppress(OSError):
                os.chown(target, -1, rights.group)
        mode = stat.S_IMODE(status.st_mode)
        bits = rights.bits
        if stat.S_ISDIR(status.st_mode):
            bits |= stat.S_ISGID
        elif not mode & stat.S_IXUSR:
            bits &= ~stat.S_IXGRP
        if foreign or mode | bits != mode:
            os.chmod(target, mode | bits)  # noqa: PTH101 - of a path or a handle


def share_tree(folder: Path) -> None:
    """Share the files and folders in a folder, which a task's own code has created."""
    if is_shared(folder):
        for parent, folders, files in os.walk(folder):
            for name in (*folders, *files):
                path = Path(parent, name)
                if not path.is_symlink():
                    share(path)


def share_as_git_does(root: Path) -> None:
    """Share a folder with its group if it is in a clone that git shares (core.sharedRepository)."""
    for folder in (root, *root.parents):
        config = folder / ".git" / "config"
        with suppress(OSError):
            setting = _GIT_SHARES.search(config.read_text("utf-8", "replace")[:_LARGEST_CONFIG])
            if setting is None or setting[1].lower() in _GIT_PRIVATE:
                return
            bits = int(setting[1], 8) & 0o060 if _GIT_OCTAL.fullmatch(setting[1]) else 0o060
            _open(root, bits | 0o010)
            return


def pass_on_group(root: Path) -> None:
    """Let a folder in which its group may write give that group to what is created in it.

    Programs that know nothing of groups then do the same. It stays as it is if it is not this
    user's, or if the system refuses.
    """
    with suppress(OSError):
        if is_shared(root) and root.stat().st_mode & stat.S_IWGRP:
            _open(root, 0)


def share_existing(folder: Path, root: Path) -> bool:
    """Let the group that shares `root` write in a folder there too; return whether that is new.

    What is in the folder keeps its rights. It stays as it is if it is not this user's.
    """
    rights = _rights_in(root)
    if rights is None or not rights.bits & stat.S_IWGRP:
        return False
    with suppress(OSError):
        status = folder.lstat()
        is_shared_too = status.st_gid == rights.group and not rights.bits & ~status.st_mode
        if is_shared_too or not stat.S_ISDIR(status.st_mode):
            return False
        if status.st_gid != rights.group:
            os.chown(folder, -1, rights.group)
        _open(folder, rights.bits)
        return True
    return False


def _open(root: Path, bits: int) -> None:
    """Give a folder's group more rights, and let it pass on its group."""
    root.chmod(stat.S_IMODE(root.stat().st_mode) | bits | stat.S_ISGID)
    _look_at.cache_clear()


def umask_for(folder: Path) -> int:
    """Return the umask for a process that works in a folder; -1 to leave it, as Popen takes it.

    What the process creates has the rights of the folder's group, if it is shared with it.
    """
    rights = _rights_in(folder)
    if rights is None:
        return -1
    mask = os.umask(0o077)  # the only way to read it
    os.umask(mask)
    return mask & ~rights.bits


def is_shared(folder: Path) -> bool:
    """Whether a folder is shared with its group."""
    return _rights_in(folder) is not None


def _rights_in(folder: Path) -> _Rights | None:
    """Return the rights of new files in a folder, None if it is not shared with a group."""
    try:
        return _look_at(folder)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _look_at(folder: Path) -> _Rights | None:
    status = folder.stat()
    is_everyones = status.st_mode & stat.S_ISVTX and status.st_mode & stat.S_IWOTH  # as /tmp is
    if is_everyones or not status.st_mode & (stat.S_IWGRP | stat.S_ISGID) or os.name != "posix":
        return None
    return _Rights(status.st_gid, status.st_mode & stat.S_IRWXG)
