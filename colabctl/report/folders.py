"""Finds which attempts have left a folder with files, for the page's links."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from colabctl.report.rows import Row
from colabctl.work.open_sweep import OpenSweep

_MOST_LISTED = 400  # folders; a Drive is slow


def base(sweep: OpenSweep, beside: Path) -> str | None:
    """Return the address of a sweep's runs from the folder of the page; None on another drive."""
    try:
        path = os.path.relpath(sweep.layout.runs.absolute(), beside.absolute())
    except ValueError:  # of Windows
        return None
    return quote(path.replace(os.sep, "/"))


def with_folder(sweep: OpenSweep, rows: Sequence[Row]) -> list[bool]:
    """Return for each row whether its attempt has a folder; where that takes too long, True."""
    listed: dict[str, set[str] | None] = {}

    def has(row: Row) -> bool:
        if row.worker is None or row.attempt is None or not row.worker.isprintable():
            return False
        folder, name = os.path.split(sweep.layout.attempt(row.index, row.attempt, row.worker))
        if folder not in listed:
            listed[folder] = _names(folder) if len(listed) < _MOST_LISTED else None
        names = listed[folder]
        return names is None or name in names

    return list(map(has, rows))


def _names(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder))  # noqa: PTH208 - many
    except OSError:
        return set()
