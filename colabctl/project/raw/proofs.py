"""Remembers on this machine what it has read of a folder, and when.

A proof says which content a file had when its size and time were these. It saves reading the file
again, and orders `verify --more`. It is never the truth about the data: that is the manifest, and
the files.
"""

import hashlib
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from colabctl.project.raw.digests import Digest
from colabctl.sharedfs.own_cache import cache_folder, is_private, open_own, write_own

_WASTE = 1_000  # lines that are superseded, at most, besides as many as there are files
_OFTEN = 0.5  # seconds that a proof waits in memory at most, if others follow


class Proof(NamedTuple):
    """What a file was when it was read.

    Attributes:
        size: in bytes
        mtime_ns: when it was last changed; None if it was changed so shortly before that a later
            change might not show
        sha256: the digest of its content
        at: when it was read, in seconds since 1970

    """

    size: int
    mtime_ns: int | None
    sha256: str
    at: float


class Proofs:
    """The proofs of one folder, in a file that grows by a line for each.

    Use it in a `with` block, at the end of which the file is complete. Errors are ignored: the
    files are then read again.
    """

    def __init__(self, file: Path | None) -> None:
        self.proofs: dict[str, Proof] = {}
        self._file = file
        self._pending: list[str] = []
        self._written = time.monotonic()
        if file is not None:
            with suppress(OSError):
                if is_private(file.parent):
                    self._read(file)

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Return this user's proofs of a folder on this machine."""
        cache = cache_folder("raw")
        if cache is None:
            return cls(None)
        digest = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()
        return cls(cache / f"{digest[:32]}.proofs")

    def add(self, name: str, digest: Digest) -> None:
        """Remember what was just read of a file."""
        at = round(time.time(), 3)
        proof = Proof(digest.size, digest.steady_mtime_ns, digest.sha256, at)
        self.proofs[name] = proof
        self._pending.append(json.dumps([name, proof.size, proof.mtime_ns, proof.sha256, at]))
        if time.monotonic() - self._written > _OFTEN:
            self.write()

    def write(self) -> None:
        """Append what is new to the file."""
        self._written = time.monotonic()
        if self._file is None or not self._pending:
            return
        lines, self._pending = "\n".join(self._pending), []
        with suppress(OSError):
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if is_private(self._file.parent):
                with open(self._file, "ab", opener=open_own) as stream:
                    stream.write(f"\n{lines}\n".encode())  # after half a line of a killed process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.write()

    def _read(self, file: Path) -> None:
        with open(file, "rb", opener=open_own) as stream:
            lines = [line for line in stream.read().splitlines() if line]
        try:
            rows = json.loads(b"[%s]" % b",".join(lines))
        except (ValueError, RecursionError):
            rows = [row for line in lines for row in _parsed(line)]
        for row in rows:
            match row:
                case [
                    str(name),
                    int(size),
                    int() | None as mtime_ns,
                    str(digest),
                    int() | float() as at,
                ]:
                    self.proofs[name] = Proof(size, mtime_ns, digest, at)
        if len(lines) > 2 * len(self.proofs) + _WASTE:
            rows = [[n, p.size, p.mtime_ns, p.sha256, p.at] for n, p in self.proofs.items()]
            write_own(file, ["\n".join(map(json.dumps, rows)).encode() + b"\n"])


def _parsed(line: bytes) -> list[object]:
    try:
        return [json.loads(line)]
    except (ValueError, RecursionError):
        return []
