"""Reads and writes the record of a saved value: its size and digest, and what it was made from."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.names import check_folder

FORMAT = 1
_LARGEST = 64 << 20  # bytes; the record of a folder names all of its files
_HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Content:
    """The content of a file: its size in bytes, and its SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Saved:
    """What the record of a saved value says.

    Attributes:
        file: the file or folder with the value, from the record's folder.
        size: in bytes; of a folder, of all its files.
        sha256: of the file; "" for a folder.
        files: the files of a folder, by their paths in it.
        code: digests of the functions and constants that it was built with, by name.
        inputs: what else it was built from, by name.
        member: who saved it.
        host: the machine that saved it.
        saved_at: when, as Unix time.
        step: of a half-trained model.
        previous: what the file may still hold, because its record is replaced first.

    """

    file: str
    size: int
    sha256: str = ""
    files: Mapping[str, Content] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    member: str = ""
    host: str = ""
    saved_at: float = 0.0
    step: float | None = None
    previous: "Saved | None" = None

    def encode(self) -> bytes:
        """Return the content of the record."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()


class NewerError(UserError):
    """A newer colabctl wrote the record."""


def read(path: Path) -> Saved | None:
    """Return the record in a file; None if there is none that this colabctl can read."""
    try:
        return load(path)
    except (OSError, UserError):
        return None


def load(path: Path) -> Saved | None:
    """Return the record in a file; None if there is none, or if it is damaged or half uploaded.

    Raises NewerError if a newer colabctl wrote it, and OSError if it cannot be read.
    """
    try:
        record = json.loads(read_file(path, _LARGEST))
        if type(record["format"]) is int and record["format"] > FORMAT:
            raise NewerError(
                f"{path} was written by a newer colabctl (format {record['format']}, this one "
                f"reads up to {FORMAT}); upgrade colabctl on this machine"
            )
        return _parse(record, left=1)
    except FileNotFoundError:
        return None
    except NewerError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError, UserError):
        return None


def _parse(record: Mapping[str, Any], left: int) -> Saved:
    """Return a checked record; each value comes from the shared folder, so none is trusted."""
    previous = record.get("previous")
    step = record.get("step")
    if step is not None and (isinstance(step, bool) or not isinstance(step, int | float)):
        raise ValueError("its step is not a number")
    return Saved(
        file=check_folder(record["file"], "file"),
        size=_size(record["size"]),
        sha256=_digest(record["sha256"]) if record["sha256"] else "",
        files={
            _inside(name): Content(_size(each["size"]), _digest(each["sha256"]))
            for name, each in record.get("files", {}).items()
        },
        code={str(name): str(digest) for name, digest in record.get("code", {}).items()},
        inputs={str(name): dict(each) for name, each in record.get("inputs", {}).items()},
        member=str(record.get("member", "")),
        host=str(record.get("host", "")),
        saved_at=float(record.get("saved_at", 0.0)),
        step=step,
        previous=_parse(previous, left - 1) if previous and left else None,
    )


def _inside(name: str) -> str:
    """Return the path of a file in a saved folder if it does not lead out of it."""
    if not name or "\\" in name or {"", ".", ".."} & set(name.split("/")):
        raise ValueError(f"{name[:100]!r} is not a file in it")
    return name


def _size(size: Any) -> int:
    if type(size) is not int or size < 0:
        raise ValueError("a size is not a number of bytes")
    return size


def _digest(text: Any) -> str:
    if not isinstance(text, str) or len(text) != 64 or not _HEX.issuperset(text):
        raise ValueError("a digest is not a SHA-256")
    return text
