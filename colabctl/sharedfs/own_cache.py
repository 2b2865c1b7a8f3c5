"""Files that save time for this user on this machine, outside every shared folder.

They can be deleted at any time. The environment variable COLABCTL_CACHE holds another folder for
them, or "off".
"""

import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

_OFF = ("off", "0", "no", "false")


def cache_folder(kind: str) -> Path | None:
    """Return the folder for files of one kind, which need not exist; None if there is none."""
    setting = os.environ.get("COLABCTL_CACHE", "").strip()
    if setting.lower() in _OFF:
        return None
    if setting:
        base = Path(setting)
    else:
        from platformdirs import user_cache_path  # noqa: PLC0415 - most processes need it once

        base = user_cache_path("colabctl", appauthor=False)
    return base / kind if base.is_absolute() else None  # relative if there is no home folder


def open_own(path: str, flags: int) -> int:
    """Open a file in such a folder, but no link and no pipe: an opener, as open() takes it."""
    more = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.open(path, flags | more, 0o600)


def is_private(folder: Path) -> bool:
    """Whether this is a folder of this user that no one else can read or change.

    Raises OSError if there is none.
    """
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        return False
    if not hasattr(os, "getuid"):  # Windows: a profile is private
        return True
    return status.st_uid == os.getuid() and not status.st_mode & 0o077


def write_own(file: Path, parts: Iterable[Any]) -> None:
    """Write or replace a file that only this user can read; raise OSError if that fails."""
    temporary = file.with_name(f"{file.name}.{os.urandom(4).hex()}.tmp")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, 0o600), "wb") as stream:
            for part in parts:
                stream.write(part)
        temporary.replace(file)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
