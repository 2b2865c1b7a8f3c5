"""Writes files where the user says, and replaces only what colabctl has written itself."""

from collections.abc import Callable
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs.files import write_whole

_START = 4096  # bytes that tell whose a file is


def refuse_foreign(file: Path, is_ours: Callable[[bytes], bool], what: str) -> None:
    """Raise UserError if a file is there that is not empty and not ours.

    is_ours  tells from its first bytes
    what     says what it is if it is not, as in "holds no task list of colabctl"
    """
    if not file.exists():
        return
    try:
        with file.open("rb") as opened:
            start = opened.read(_START)
    except OSError as wrong:
        raise _unwritable(file, wrong) from None
    if start and not is_ours(start):
        raise UserError(f"{file} exists and {what}; give another name, or --force")


def write(file: Path, data: bytes) -> None:
    """Write a file completely or not at all; raise UserError if it cannot be written."""
    try:
        write_whole(file, data)
    except OSError as wrong:
        raise _unwritable(file, wrong) from None


def make_folder(folder: Path) -> None:
    """Create a folder unless it exists; raise UserError if it cannot be created."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as wrong:
        raise _unwritable(folder, wrong) from None


def _unwritable(path: Path, wrong: OSError) -> UserError:
    return UserError(f"{path} cannot be written: {wrong.strerror or wrong}")
