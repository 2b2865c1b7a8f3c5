"""Reads records: files that hold one JSON object with a format number."""

import json
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.sharedfs.files import read_file

RESTORE = "restore it from the folder's version history"


def read_record(
    path: Path, limit: int, newest: int, *, unnumbered: int | None = None, fix: str = RESTORE
) -> dict[str, Any]:
    """Return the record in a file of at most `limit` bytes.

    `unnumbered` is the format of a record without a number, None if it must have one.

    Raises UserError, which suggests `fix`, if it is damaged, and UserError if its format is newer
    than `newest`; OSError if the file cannot be read.
    """
    try:
        record = json.loads(read_file(path, limit))
    except (ValueError, RecursionError) as error:
        raise damaged(path, error, fix=fix) from None
    if isinstance(record, dict) and unnumbered is not None:
        record.setdefault("format", unnumbered)
    if not isinstance(record, dict) or type(record.get("format")) is not int:
        raise damaged(path, "it has no format number", fix=fix)
    if record["format"] > newest:
        raise UserError(
            f"{path} was written by a newer colabctl (format {record['format']}, this one reads "
            f"up to {newest}); upgrade colabctl on this machine"
        )
    return record


def damaged(path: Path, reason: object, *, fix: str = RESTORE) -> UserError:
    """Return the error for a file whose content is not valid."""
    return UserError(f"{path} is damaged ({reason}); {fix}")
