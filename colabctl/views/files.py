"""Writes files for the user, and replaces only those that colabctl wrote."""

import sqlite3
import stat
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs import rights
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.refusals import advice

_START = 4096  # bytes at the start of a file that show whether colabctl wrote it
_APPLICATION_ID = 0x6363746C  # "cctl", in every database that colabctl writes
_NO_FILES = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_SQLITE = b"SQLite format 3\0"


def refuse_foreign(file: Path, is_ours: Callable[[bytes], bool], what: str) -> None:
    """Raise UserError if a file exists that is neither empty nor ours, or as `check_regular` does.

    Args:
        file: the file
        is_ours: whether a file with these first bytes is ours
        what: the reason, for the message, as in "does not hold a task list from colabctl"

    """
    check_regular(file)
    if not file.exists():
        return
    try:
        with file.open("rb") as stream:
            start = stream.read(_START)
    except OSError as error:
        raise unwritable(file, error) from None
    if start and not is_ours(start):
        raise UserError(f"{file} exists and {what}; give another name, or --force")


def check_regular(file: Path) -> None:
    """Raise UserError for a link, a pipe, a device or a socket: nothing is written in its place."""
    try:
        mode = file.lstat().st_mode
    except OSError:  # writing says what is wrong, if anything is
        return
    kind = next((name for is_one, name in _NO_FILES if is_one(mode)), None)
    if kind is None:
        return
    fix = "give another name"
    if file.absolute().is_relative_to("/dev"):
        fix = "give a file; results also takes -o - to print"
    raise UserError(f"{file} is {kind}, not a file, so it is not replaced; {fix}")


def begins_with(text: str) -> Callable[[bytes], bool]:
    """Return a function that tells whether the first bytes of a file are those of `text`."""
    return lambda start: start.startswith(text.encode())


def mark_database(file: Path) -> None:
    """Mark an SQLite database as ours; a later change to it invalidates the mark."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        with file.open("rb") as header:
            changes = int.from_bytes(header.read(28)[24:])
        database.execute("BEGIN")
        database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        database.execute(f"PRAGMA user_version = {changes + 1}")  # this is a change, too
        database.execute("COMMIT")


def is_our_database(start: bytes) -> bool:
    """Whether a file with these first bytes is a marked database without later changes.

    The header has the number of changes at byte 24, the user version at 60 and the application id
    at 68 (sqlite.org/fileformat2.html, "The Database Header").
    """
    marked = start[:16] == _SQLITE and start[68:72] == _APPLICATION_ID.to_bytes(4)
    return marked and start[60:64] == start[24:28]


def write(file: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file completely or not at all; raise UserError if it cannot be written.

    `data` is the content, whole or in pieces. Raises also as `check_regular` does.
    """
    check_regular(file)
    try:
        write_whole(file, data)
    except OSError as error:
        raise unwritable(file, error) from None


def make_folder(folder: Path) -> None:
    """Create a folder unless it exists; raise UserError if it cannot be created."""
    try:
        rights.make_folder(folder)
    except OSError as error:
        raise unwritable(folder, error) from None


def unwritable(path: Path, error: OSError) -> UserError:
    """Return the error for a file or folder that cannot be written."""
    if isinstance(error, FileNotFoundError):
        return UserError(f"{path} cannot be written: there is no folder {path.parent}; create it")
    message = f"{path} cannot be written: {error.strerror or error}"
    return UserError("; ".join(filter(None, (message, advice(error)))))
