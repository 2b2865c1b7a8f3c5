"""The claims log of a sweep: what others have claimed since this process read their journals.

On a coherent folder, the file that is locked for a claim is also a log of all claims, one line for
each. A worker reads the journals before it waits for the lock. Under the lock, it reads only the
lines that this file has gained, so a claim takes no longer when more workers live. A claim is in
its writer's journal before it is in the log, and both before the lock is released.

The log only saves time: the journals decide. A worker that cannot read the log reads the journals
under the lock instead. A network file system does not serve this file from an old cache: NFS
clients check a file again when they open it and when they lock it (RFC 7530, section 10.3).
"""

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from colabctl.ledger.journals.events import Event, parse
from colabctl.ledger.journals.journal import Read

_TAIL = 256  # bytes before our position that must still be there
_MOST_AT_ONCE = 1 << 26  # bytes; far more than workers claim between two claims of one


class _Entry(NamedTuple):
    """A claim by number `n` of a writer's events; after `until`, it counts no more."""

    until: float
    tasks: list[int]


class ClaimsLog:
    """The log as one process knows it; all methods with a `handle` are called under the lock."""

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._position: int | None = None  # None until the log was read for the first time
        self._tail = b""  # the bytes before the position, to notice that the file was replaced
        self._is_torn = False  # the last line has no newline: its writer was killed
        self._numbers: dict[str, int] = {}  # of the last event read in each journal
        self._entries: dict[tuple[str, int], _Entry] = {}

    def forget(self, arrived: Iterable[Read]) -> Iterator[Read]:
        """Yield what is read in journals, and forget the claims that are part of it."""
        numbers, entries = self._numbers, self._entries
        for each in arrived:
            _, writer, n, kind, _ = each[0]
            numbers[writer] = n
            if entries and kind == "claim":
                entries.pop((writer, n), None)
            yield each

    def taken(self, now: float) -> set[int]:
        """Return the tasks that are claimed by the log only.

        A claim that does not appear in a journal for a whole lease is an error in the log.
        """
        if self._entries:
            self._entries = {key: each for key, each in self._entries.items() if each.until > now}
        return {index for each in self._entries.values() for index in each.tasks}

    def read(self, handle: int, now: float) -> bool:
        """Read the new lines; return False if claims may be missing, so read all the journals."""
        size = os.fstat(handle).st_size
        if self._position is None or not 0 <= size - self._position <= _MOST_AT_ONCE:
            self._move(size, _read(handle, max(0, size - _TAIL), size))
            return False
        start = self._position - len(self._tail)
        data = _read(handle, start, size)
        is_same = data.startswith(self._tail)
        lines = data[len(self._tail) :].split(b"\n")
        self._move(size, data)
        if not is_same or lines.pop():
            return False
        try:
            for body in parse(lines):
                self._add(body, now)
        except (ValueError, TypeError, KeyError):
            return False
        return True

    def _add(self, body: dict[str, Any], now: float) -> None:
        writer, n = str(body["writer"]), int(body["n"])
        if n > self._numbers.get(writer, -1):
            self._entries[writer, n] = _Entry(now + self._lease, list(map(int, body["tasks"])))

    def append(self, handle: int, claim: Event) -> None:
        """Add a claim of this process; raise OSError if it was not written completely."""
        body = {"writer": claim.writer, "n": claim.n, "tasks": claim.tasks()}
        line = json.dumps(body, separators=(",", ":")).encode() + b"\n"
        if self._is_torn:
            line = b"\n" + line
        end = os.lseek(handle, 0, os.SEEK_END)
        left = line
        while left:
            left = left[os.write(handle, left) :]
        self._move(end + len(line), line)

    def _move(self, position: int, data: bytes) -> None:
        self._position, self._tail = position, data[-_TAIL:]
        self._is_torn = bool(data) and not data.endswith(b"\n")


def _read(handle: int, start: int, end: int) -> bytes:
    os.lseek(handle, start, os.SEEK_SET)
    return os.read(handle, end - start)
