"""What a mirror knows of its store: for each file, the form that both sides had last."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.locks import locked

_FORMAT = 1


class Base(NamedTuple):
    """The last form of a file that both sides had.

    Attributes:
        size: in bytes.
        token: the store's, see store.Entry; None if this mirror wrote the file, and has not seen
            since that it is still this form.
        changed: when the local file was changed, in nanoseconds since 1970; 0 for one that is
            written once.
        sha256: the digest of the content; "" if it was not needed.

    """

    size: int
    token: str | None = ""
    changed: int = 0
    sha256: str = ""


class Known:
    """The bases of a mirror's files. It may be lost: then the two sides are compared again."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._new: dict[str, Base] = {}
        self.bases: dict[str, Base] = {}
        file.parent.mkdir(parents=True, exist_ok=True)
        self.load()

    def load(self) -> None:
        """Read what other processes of this mirror have saved; what is new here stays."""
        with suppress(OSError, ValueError, TypeError, AttributeError, KeyError):
            record = json.loads(self._file.read_bytes())
            if record["format"] == _FORMAT:
                self.bases = {name: Base(*parts) for name, parts in record["files"].items()}
        self.bases |= self._new

    def get(self, name: str) -> Base | None:
        """Return the base of a file; None if one side has never had it."""
        return self.bases.get(name)

    def set(self, name: str, base: Base) -> None:
        """Keep a new base."""
        if self.bases.get(name) != base:
            self.bases[name] = self._new[name] = base

    def below(self, prefix: str) -> Iterable[str]:
        """Yield the names below a prefix."""
        return (name for name in self.bases if name.startswith(prefix))

    def save(self) -> None:
        """Write what is new here, and keep what other processes have written."""
        if not self._new:
            return
        with locked(self._file.with_suffix(".lock")):
            self.load()
            files = {name: list(base) for name, base in self.bases.items()}
            write_whole(self._file, json.dumps({"format": _FORMAT, "files": files}).encode())
        self._new = {}
