"""Says whose a file is that this user may not use, and what its owner can do."""

import errno
import os
import shlex
from pathlib import Path

_REFUSED = frozenset({errno.EACCES, errno.EPERM})


def advice(error: OSError) -> str:
    """Return who can lift a refusal and how, as in "it belongs to ana; ask ana to run: ...".

    Returns "" for another error, and where a mode is not the reason.
    """
    if os.name != "posix" or error.errno not in _REFUSED or not isinstance(error.filename, str):
        return ""
    path = refused(Path(error.filename))
    if path is not None and path.is_symlink():
        return ""  # chmod would change what it leads to
    return "" if path is None else f"{path} belongs to {owner(path)}; {fix(path)}"


def refused(path: Path, *, writes: bool = True) -> Path | None:
    """Return what keeps this user from using a path: itself or a folder above it; None if nothing.

    The folder of a file counts too: without the right to write in it, no file is replaced.
    """
    present = next((each for each in (path, *path.parents) if _exists(each)), None)
    if present is None:
        return None
    for each in (present, present.parent) if writes and not present.is_dir() else (present,):
        need = os.R_OK | (os.W_OK if writes else 0) | (os.X_OK if each.is_dir() else 0)
        if not os.access(each, need):
            return each
    return None


def fix(path: Path) -> str:
    """Return who should run which command so that this user can use a path."""
    status, quoted = path.stat(), shlex.quote(str(path))
    if status.st_uid == os.geteuid():
        return f"run: chmod -R u+rwX {quoted}"
    mine = {os.getegid(), *os.getgroups()}
    command = f"chmod -R g+rwX {quoted}"
    if status.st_gid not in mine:
        common = next((each for each in path.parents if each.stat().st_gid in mine - {0}), None)
        group = _group(common.stat().st_gid if common else os.getegid())
        command = f"chgrp -R {group} {quoted} && {command}"
    return f"ask {owner(path)} to run: {command}"


def owner(path: Path) -> str:
    """Return the name of a path's owner, or its number."""
    try:
        return path.owner()
    except (KeyError, OSError):
        return f"user {path.stat().st_uid}"


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except OSError:
        return False
    return True


def _group(number: int) -> str:
    import grp  # noqa: PLC0415 - Windows has none

    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
