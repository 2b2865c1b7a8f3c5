"""Links from the page to the folders of tasks."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from colabctl.errors import UserError
from colabctl.report.rows import Row
from colabctl.work.open_sweep import OpenSweep


def links(sweep: OpenSweep, rows: Sequence[Row], near: Path | None) -> dict[str, Any]:
    """Return the links of a sweep, for a page in the folder `near`; none without such a folder.

    They are {"runs": address, "usual": [1 or 0, ...], "other": {position: address}}: almost all are
    those that the layout gives, in the folder with the address `runs`, and need no text of their
    own.
    """
    runs = _address(sweep.layout.runs, near)
    if near is None or runs is None:
        return {"runs": None, "usual": [0] * len(rows), "other": {}}
    usual: list[int] = []
    other: dict[str, str] = {}
    for position, row in enumerate(rows):
        usual.append(int(row.folder is not None and row.folder == _usual(sweep, row)))
        if row.folder is not None and not usual[-1]:
            address = _address(sweep.root / row.folder, near)
            if address is not None:
                other[str(position)] = address
    return {"runs": runs, "usual": usual, "other": other}


def _usual(sweep: OpenSweep, row: Row) -> str | None:
    if row.worker is None or row.attempt is None:
        return None
    try:
        folder = sweep.layout.attempt(row.index, row.attempt, row.worker)
    except UserError:  # someone may have created a journal with an invalid name
        return None
    return folder.relative_to(sweep.root).as_posix()


def _address(folder: Path, near: Path | None) -> str | None:
    """Return the relative address of a folder; None on another drive of Windows."""
    if near is None:
        return None
    try:
        path = os.path.relpath(folder.absolute(), near.absolute())
    except ValueError:
        return None
    return quote(path.replace(os.sep, "/"))
