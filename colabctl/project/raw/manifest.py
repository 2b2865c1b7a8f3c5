"""Reads and writes a folder's manifest: the files in it and their checksums."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.sharedfs.records import RESTORE, damaged, read_record

FORMAT = 1
_LARGEST = 1 << 28  # bytes; a million files need less
_DIGEST = re.compile("[0-9a-f]{64}")
_FIX = f"{RESTORE}, or delete it and run colabctl protect to record the folder as it is now"


@dataclass(frozen=True)
class FileRecord:
    """A recorded file: its size in bytes and the SHA-256 of its content.

    The content of a symbolic link (`link`) is the path that it points to.
    """

    size: int
    sha256: str
    link: bool = False


Manifest = Mapping[str, FileRecord]
"""Files by POSIX path from the folder, in Unicode form NFC."""


def read(path: Path) -> dict[str, FileRecord] | None:
    """Return the manifest in `path`, or None if there is none.

    Raises UserError if it is damaged, unreadable, or from a newer colabctl.
    """
    try:
        tree = read_record(path, _LARGEST, FORMAT, fix=_FIX)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}; check the mount") from None
    files = tree.get("files")
    if not isinstance(files, dict):
        raise damaged(path, "it lists no files", fix=_FIX)
    return {name: _recorded(name, entry, path) for name, entry in files.items()}


def dump(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest file; equal manifests have equal bytes."""
    files = {
        name: {"size": file.size, "sha256": file.sha256} | ({"link": True} if file.link else {})
        for name, file in manifest.items()
    }
    tree = {"format": FORMAT, "files": files}
    return f"{json.dumps(tree, indent=1, sort_keys=True)}\n".encode()


def _recorded(name: str, entry: Any, path: Path) -> FileRecord:
    match entry:
        case {"size": int(size), "sha256": str(digest)} if _DIGEST.fullmatch(digest):
            return FileRecord(size, digest, link=entry.get("link") is True)
    raise damaged(path, f"its entry for {name!r:.60} is invalid", fix=_FIX)
