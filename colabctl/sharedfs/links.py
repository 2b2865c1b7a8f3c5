"""Follows no symbolic link out of the project, for reading code or for writing anything.

Anyone who can write in the shared folder can place a link in it that leads to someone else's
private files. A link from one place in the project to another is followed.

`read_file` with a root is free of races. Elsewhere a folder is checked once, when a command starts
to use it; a link that replaces it after that, while the command runs, is followed. A hard
link looks like a file.
"""

import errno
import os
from pathlib import Path

from colabctl.errors import UserError

# Windows has none of these. There, links are looked for by name.
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
_MOST_LINKS = 40  # on the way to one file, as on Linux
_FIX = "remove the link, or replace it by a copy of what it leads to"


def check_inside(path: Path, root: Path, fix: str = _FIX) -> None:
    """Raise UserError, which suggests `fix`, if a link in `root` leads `path` out of it.

    A path that never enters `root` is the user's own choice, and allowed.
    """
    link = way_out(path, root)
    if link is not None:
        raise UserError(f"{description(link, root)}; {fix}")


def description(link: Path, root: Path) -> str:
    """Return a sentence on a link that `way_out` found: where it is and where it leads."""
    target = os.readlink(link)  # noqa: PTH115 - as it is written
    shown = target if target.isprintable() else ascii(target)
    if _is_in(os.path.realpath(link), os.path.realpath(root)):
        return f"{link} is a link to {shown} and leads in a circle"
    return f"{link} is a link to {shown} and leads out of the project, so it is not followed"


def way_out(path: Path, root: Path) -> Path | None:
    """Return the link in the folder `root` by which `path` leaves it; None if it does not.

    It goes from link to link as the system does, so it also finds a link that another one leads to.
    A link that leads in a circle counts as one that leads out.
    """
    inside = os.path.realpath(root)
    here, left = _start(path, root, inside)
    followed: list[str] = []
    while left:
        name = left.pop()
        if name == os.pardir:
            here = os.path.dirname(here)  # noqa: PTH120 - text, as all paths in this function
            continue
        full = os.path.join(here, name)  # noqa: PTH118
        try:
            target = os.readlink(full)  # noqa: PTH115
        except OSError:  # not a link, or nothing
            here = full
            continue
        followed.append(full)
        leaves = _is_in(here, inside) and not _is_in(os.path.realpath(full), inside)
        if leaves or len(followed) > _MOST_LINKS:
            if not leaves:  # name a link of the circle, not one that only leads to it
                full = next((link for link in followed if not os.path.exists(link)), full)  # noqa: PTH110
            return Path(root, os.path.relpath(full, inside)) if _is_in(full, inside) else Path(full)
        parts = Path(target).parts
        if Path(target).is_absolute():
            here, parts = parts[0], parts[1:]
        left.extend(reversed(parts))
    return None


def _start(path: Path, root: Path, inside: str) -> tuple[str, list[str]]:
    """Return the real folder to start from, and the names that follow, the last one first."""
    if path.is_relative_to(root):
        return inside, list(reversed(path.relative_to(root).parts))
    first, *names = Path(Path.cwd(), path).parts
    return first, list(reversed(names))


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def open_inside(path: str, flags: int, *, root: Path) -> int:
    """Open a file in the folder `root`, and none elsewhere: an opener, as open() takes it.

    Each folder is opened from the one above it, so a link that appears meanwhile is not followed.
    Raises OSError (ELOOP) for a path that leads out.
    """
    inside, real = os.path.realpath(root), os.path.realpath(path)
    if real == inside or not _is_in(real, inside):
        raise OSError(errno.ELOOP, "leads out of the project", path)
    if os.open not in os.supports_dir_fd:
        return os.open(real, flags)
    *folders, name = Path(real).relative_to(inside).parts
    here = os.open(inside, os.O_RDONLY | _FOLDER)
    try:
        for folder in folders:
            above, here = here, os.open(folder, os.O_RDONLY | _FOLDER | _NO_FOLLOW, dir_fd=here)
            os.close(above)
        return os.open(name, flags | _NO_FOLLOW, dir_fd=here)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        os.close(here)


def open_itself(path: str, flags: int) -> int:
    """Open or create a file, but not through a link in its place: an opener, as open() takes it."""
    if not _NO_FOLLOW and os.path.islink(path):  # noqa: PTH114
        raise link_error(path)
    try:
        return os.open(path, flags | _NO_FOLLOW, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):  # EMLINK on FreeBSD
            raise link_error(path) from None
        raise


def link_error(path: str) -> OSError:
    """Return the error for a link in the place of a file or folder that colabctl writes."""
    return OSError(errno.ELOOP, "is a link, which colabctl does not follow here; remove it", path)
