"""Names the files of saved values, and those that are no longer needed.

A saved value is a file or folder, and a record next to it with its size and SHA-256. A value
without its record, or that does not match it, is not loaded.
"""

import os
import re
from collections.abc import Iterable
from pathlib import Path

from colabctl.checkpoints.records import read

RECORD = ".saved.json"
"""What the name of a record ends with."""

SAVES = "saves"
"""The folder with the numbered saves of one attempt."""

KEPT = 2  # whole numbered saves in a folder

_NUMBERED = re.compile(r"(?P<number>\d{6,})\.(?P<ending>.+)")
_VERSION = re.compile(r"(?P<number>\d{4,})-[0-9a-f]{8}")


def record_of(path: Path) -> Path:
    """Return the record of a value that is saved under this path."""
    return path.with_name(path.name + RECORD)


def save_number(name: str) -> int | None:
    """Return the number of a numbered save from the name of its file or record."""
    match = _NUMBERED.fullmatch(name)
    return int(match["number"]) if match else None


def version_number(name: str) -> int | None:
    """Return the number of a version of a saved folder, from its name."""
    match = _VERSION.fullmatch(name)
    return int(match["number"]) if match else None


def numbered(names: Iterable[str]) -> frozenset[str]:
    """Return which files of a folder are numbered saves and their records."""
    by_name = {name: number for name in names if (number := save_number(name)) is not None}
    saves = {number for name, number in by_name.items() if name.endswith(RECORD)}
    return frozenset(name for name, number in by_name.items() if number in saves)


def superseded(folder: Path) -> list[Path]:
    """Return the saved files and folders below `folder` that are no longer needed, sorted.

    These are numbered saves older than the last two that are whole, with their records, and earlier
    versions of a saved folder. What is being written is never among them. Links are not followed,
    and what cannot be read is passed over.
    """
    old: list[Path] = []
    for name, folders, files in os.walk(folder):
        here = Path(name)
        if here.name == SAVES:
            old += _old_saves(here, files)
        for each in files:
            if each.endswith(RECORD) and each.removesuffix(RECORD) in folders:
                old += _old_versions(here / each.removesuffix(RECORD), here / each)
    return sorted(old)


def _old_saves(folder: Path, files: list[str]) -> list[Path]:
    numbers = {name: save_number(name) for name in files}
    whole = sorted(
        number
        for name, number in numbers.items()
        if number is not None and name.endswith(RECORD) and _is_whole(folder / name)
    )
    if len(whole) < KEPT:
        return []
    oldest = whole[-KEPT]
    return [
        folder / name for name, number in numbers.items() if number is not None and number < oldest
    ]


def _is_whole(record: Path) -> bool:
    """Whether the file that a record names has the right size; its content is not read."""
    saved = read(record)
    if saved is None:
        return False
    try:
        return (record.parent / saved.file).lstat().st_size == saved.size
    except OSError:
        return False


def _old_versions(folder: Path, record: Path) -> list[Path]:
    saved = read(record)
    current = version_number(Path(saved.file).name) if saved is not None else None
    if current is None:
        return []
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return [
        folder / name
        for name in names
        if (number := version_number(name)) is not None and number < current
    ]
