"""Reads and writes a folder's manifest: the files in it and their checksums."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.sharedfs.droppings import original_of
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.records import RESTORE, damaged, read_record
from colabctl.sharedfs.refusals import advice

FORMAT = 1
_LARGEST = 1 << 28  # bytes; a million files need less
_DIGEST = re.compile("[0-9a-f]{64}")
_OUTSIDE = re.compile(r"(?:\A|/)\.{0,2}(?:/|\Z)|\0")
_FIX = (
    f"{RESTORE}, or delete it and run colabctl protect, which compares the data with SHA256SUMS, "
    "if that is there, and writes the manifest again"
)


@dataclass(frozen=True)
class FileRecord:
    """A recorded file: its size in bytes and the SHA-256 of its content.

    The content of a symbolic link (`link`) is the path that it points to. `mtime_ns` is when the
    file was last changed, as its file system said; None if that says nothing. Copies of a file have
    other times, so records that differ only in this are equal.
    """

    size: int
    sha256: str
    link: bool = False
    mtime_ns: int | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Manifest:
    """What was recorded of a folder.

    Attributes:
        files: by POSIX path from the folder, in Unicode form NFC
        sentinel: whether the folder has a sentinel: a file that every complete listing shows

    """

    files: Mapping[str, FileRecord]
    sentinel: bool = False


def read(path: Path) -> dict[str, FileRecord] | None:
    """Return the files in the manifest at `path`, or None if there is none.

    They are by POSIX path from the folder, in Unicode form NFC; no path leads out of it. Raises
    UserError if the manifest is damaged, unreadable, or from a newer colabctl.
    """
    whole = read_whole(path)
    return None if whole is None else dict(whole.files)


def read_whole(path: Path) -> Manifest | None:
    """Return the manifest at `path`, or None if there is none; raise as `read` does."""
    try:
        tree = read_record(path, _LARGEST, FORMAT, fix=_FIX)
    except FileNotFoundError:
        return None
    except OSError as error:
        if path.exists() and not path.is_file():
            raise UserError(f"{path} is not a file; move it away, then: {_FIX}") from None
        steps = advice(error) or "check the mount"
        raise UserError(f"cannot read {path}: {error.strerror}; {steps}") from None
    files = tree.get("files")
    if not isinstance(files, dict):
        raise damaged(path, "it lists no files", fix=_FIX)
    records = {name: _recorded(name, entry, path) for name, entry in files.items()}
    return Manifest(records, tree.get("sentinel") is True)


def dump(manifest: Manifest) -> bytes:
    """Return the bytes of a manifest file; equal manifests have equal bytes."""
    files = {name: _entry(file) for name, file in manifest.files.items()}
    tree: dict[str, Any] = {"format": FORMAT, "files": files}
    if manifest.sentinel:
        tree["sentinel"] = True
    return f"{json.dumps(tree, indent=1, sort_keys=True)}\n".encode()


def rivals(path: Path) -> tuple[Path, ...]:
    """Return the other manifests that a Drive or a sync client made of the one at `path`.

    Those with the same content are left out.
    """
    try:
        names = os.listdir(path.parent)  # noqa: PTH208 - names, not paths
    except OSError:
        return ()
    copies = [path.with_name(name) for name in sorted(names) if original_of(name) == path.name]
    return tuple(copy for copy in copies if _content(copy) != _content(path))


def _content(path: Path) -> bytes | None:
    try:
        return read_file(path, _LARGEST)
    except OSError:
        return None


def _entry(file: FileRecord) -> dict[str, Any]:
    entry: dict[str, Any] = {"size": file.size, "sha256": file.sha256}
    if file.link:
        entry["link"] = True
    if file.mtime_ns is not None:
        entry["mtime_ns"] = file.mtime_ns
    return entry


def _recorded(name: str, entry: Any, path: Path) -> FileRecord:
    if not _is_inside(name):
        raise damaged(path, f"its entry {name!r:.60} leads out of the folder", fix=_FIX)
    if isinstance(entry, dict):
        size, digest, time = entry.get("size"), entry.get("sha256"), entry.get("mtime_ns")
        if type(size) is int and size >= 0 and type(digest) is str and _DIGEST.fullmatch(digest):
            mtime_ns = time if type(time) is int else None
            return FileRecord(size, digest, entry.get("link") is True, mtime_ns)
    raise damaged(path, f"its entry for {name!r:.60} is invalid", fix=_FIX)


def _is_inside(name: str) -> bool:
    """Whether a recorded name is a path inside the folder, on this system."""
    if os.name == "nt" and ("\\" in name or ":" in name):
        return False
    return _OUTSIDE.search(name) is None
