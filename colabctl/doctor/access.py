"""Checks whether this user may use what the other members have created."""

import os
import shlex
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from colabctl.doctor.check import Check
from colabctl.project.layout import Layout
from colabctl.sharedfs.refusals import fix, owner, refused
from colabctl.sharedfs.rights import is_shared
from colabctl.sweeps import every_sweep

_MOST = 5  # checks to show
_MOST_ENTRIES = 20_000  # of sweeps to look at


def access(layout: Layout, *, thorough: bool) -> Iterator[Check]:
    """Yield a check for each folder or file that this user may not use, at most five.

    Unless `thorough`, it looks only at the folders where all members write.
    """
    used = ((*each, True) for each in _used(layout, thorough=thorough))
    others = ((*each, False) for each in (_others(layout) if thorough else ()))
    reported: list[Path] = []
    for path, writes, is_needed in chain(used, others):
        barred = refused(path, writes=writes)
        if (
            barred is None
            or barred.is_symlink()
            or any(barred.is_relative_to(each) for each in reported)
        ):
            continue
        reported.append(barred)
        if len(reported) > _MOST:
            yield Check("rights", "note", "there are more of them; check again after the fix")
            return
        verb = "read" if refused(path, writes=False) or not writes else "write in"
        yield Check(
            "rights",
            "wrong" if is_needed else "note",
            f"you cannot {verb} {barred}: it belongs to {owner(barred)}",
            fix(barred),
        )
    if not reported:
        yield Check("rights", "ok", "you can use all that the members share")
    yield from _keep_group(layout)


def _others(layout: Layout) -> Iterator[tuple[Path, bool]]:
    """Yield what is in the folders of the project, two levels deep, and whether all write there.

    All members read all of it. Where the project is a group's, they also write in its folders.
    """
    is_groups = is_shared(layout.root) and bool(layout.root.stat().st_mode & stat.S_IWGRP)
    passed = {layout.root, layout.sweeps, layout.archive}
    entries = 0
    for top in (folder for folder in layout.folders() if folder not in passed):
        is_raw = top.is_relative_to(layout.raw)
        yield top, is_groups and not is_raw
        for parent, folders, files in os.walk(top):
            here = Path(parent)
            for name in (*folders, *files):
                path = here / name
                yield path, is_groups and not is_raw and name in folders and path != layout.raw
            entries += len(folders) + len(files)
            if entries > _MOST_ENTRIES:
                return
            if here != top:
                folders.clear()


def _keep_group(layout: Layout) -> Iterator[Check]:
    """Yield a note on folders of a group that do not pass on that group to what is created there.

    colabctl gives its own files to the group; other programs leave them to their user's.
    """
    if os.name != "posix":
        return
    closed = [folder for folder in layout.folders() if _drops_group(folder)]
    if closed:
        more = f" and {len(closed) - 1} more folders" if closed[1:] else ""
        quoted = shlex.quote(str(layout.root))
        yield Check(
            "rights", "note",
            f"what programs create in {closed[0]}{more} is not given to the group, but to each "
            "user's own",
            f"ask {owner(closed[0])} to run: find {quoted} -type d -perm -g=w -exec chmod g+s {{}} "
            "+",
        )  # fmt: skip


def _drops_group(folder: Path) -> bool:
    try:
        status = folder.stat()
    except OSError:
        return False
    is_group_writable = status.st_mode & stat.S_IWGRP and not status.st_mode & stat.S_ISGID
    return bool(is_group_writable and status.st_gid != os.getegid())


def _used(layout: Layout, *, thorough: bool) -> Iterator[tuple[Path, bool]]:
    """Yield the paths that every member uses, and whether they write there."""
    for folder in (layout.root, layout.sweeps, layout.probes):
        yield folder, True
    seen = 0
    if refused(layout.sweeps, writes=False):
        return  # its content cannot be listed
    for sweep in every_sweep(layout):
        if refused(sweep.root):
            yield sweep.root, True
            continue
        yield from ((folder, True) for folder in (sweep.root, sweep.journal, sweep.runs))
        if sweep.lock.exists():
            yield sweep.lock, True
        for parent, folders, files in os.walk(sweep.root) if thorough else ():
            if Path(parent) == sweep.runs:  # the tasks' own files
                folders.clear()
            for entry in (*folders, *files):
                yield Path(parent, entry), False
            seen += len(folders) + len(files)
            if seen > _MOST_ENTRIES:
                return
