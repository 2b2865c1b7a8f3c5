"""Removes files that were listed, if they are still the same, and none that a link leads to.

Folders stay: on a Drive, one that looks empty here may hold files that have not arrived yet.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from colabctl.sharedfs.links import way_out
from colabctl.space.files import File
from colabctl.space.removable import Removable
from colabctl.space.sweeps import SweepUse

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_CHANGED = "has changed since it was listed"


class Removal(NamedTuple):
    """What happened to a file; `problem` says why it was not removed, "" if it was."""

    item: Removable
    problem: str = ""


def remove(
    root: Path, items: Iterable[Removable], use_of: Callable[[str], SweepUse | None]
) -> Iterator[Removal]:
    """Remove files, and yield what happened to each.

    Args:
        root: the project's folder.
        items: what was listed.
        use_of: returns how the sweep in a folder of this name is used now. It is asked once for
            each sweep, because someone may have started a worker since the files were listed.

    """
    uses: dict[str, SweepUse | None] = {}
    for item in items:
        if item.sweep is not None:
            if item.sweep not in uses:
                uses[item.sweep] = use_of(item.sweep)
            if problem := item.refusal(uses[item.sweep]):
                yield Removal(item, problem)
                continue
        try:
            remove_unchanged(root, item.file)
        except OSError as error:
            yield Removal(item, error.strerror or str(error))
        else:
            yield Removal(item)


def remove_unchanged(root: Path, file: File) -> None:
    """Remove a file if its size, time and inode are those that it was listed with.

    Raises OSError if they are not, if the file has gone, or if a link is on its way.
    """
    *folders, name = file.path.split("/")
    if os.unlink not in os.supports_dir_fd or os.open not in os.supports_dir_fd:  # Windows
        path = root / file.path
        if way_out(path, root) is not None:
            raise OSError(errno.ELOOP, "a link leads out of the project")
        _check(os.lstat(path), file)
        path.unlink()
        return
    # Each folder is opened from the one above it, so no link is followed, whenever it appears.
    here = os.open(root, os.O_RDONLY | _FOLDER)
    try:
        for folder in folders:
            above, here = here, os.open(folder, os.O_RDONLY | _FOLDER | _NO_FOLLOW, dir_fd=here)
            os.close(above)
        _check(os.stat(name, dir_fd=here, follow_symlinks=False), file)
        os.unlink(name, dir_fd=here)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise OSError(error.errno, "a link or file is in the place of a folder") from None
        raise
    finally:
        os.close(here)


def _check(status: os.stat_result, file: File) -> None:
    seen = (status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)
    listed = (file.size, file.mtime_ns, file.inode, file.device)
    if not stat.S_ISREG(status.st_mode) or seen != listed:
        raise OSError(errno.ESTALE, _CHANGED)
