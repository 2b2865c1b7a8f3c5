"""The interface of journals, and the writer of one.

Each journal has exactly one writer, and nothing in it is ever edited, renamed or deleted. There are
two kinds: one growing file (appended.py), for file systems where every machine sees a write at
once; and small files written once (numbered.py), for mounts that upload complete files later.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from colabctl.ledger.journals.clock import Clock
from colabctl.ledger.journals.events import EARLIEST, LATEST, LONGEST_LINE, Event, encode
from colabctl.sharedfs.droppings import is_stray

MOST_DAMAGE = 10_000
"""Damaged lines after which the rest of a file is not read: no fault leaves that many."""


Read = tuple[Event, bytes]
"""An event, and the line that it was read from, without its newline."""


class Damage(NamedTuple):
    """The first line of a journal's file that is not an event, and how many there are."""

    file: Path
    line: int
    reason: str
    total: int = 1

    def __str__(self) -> str:
        file = str(self.file)
        if not file.isprintable():  # another member may have chosen it
            file = ascii(file)
        where = f"{file} line {self.line} is damaged ({self.reason})"
        if self.total == 1:
            return f"{where}; the other lines count"
        if self.total < MOST_DAMAGE:
            return f"{where}, and so are {self.total - 1:,} more; the other lines count"
        return f"{where}, and so are {self.total - 1:,} more; the rest of the file is not read"


class Damages:
    """The damage in the journals of a sweep: its extent, but only the first of each file."""

    def __init__(self) -> None:
        self._by_file: dict[Path, Damage] = {}

    def append(self, damage: Damage) -> None:
        """Add a damaged line."""
        first = self._by_file.setdefault(damage.file, damage)
        if first is not damage:
            self._by_file[damage.file] = first._replace(total=first.total + damage.total)

    def __iter__(self) -> Iterator[Damage]:
        """Yield the damage of each file."""
        return iter(self._by_file.values())

    def discard(self, file: Path) -> None:
        """Forget the damage in a file."""
        self._by_file.pop(file, None)

    def count(self, file: Path) -> int:
        """Return the number of damaged lines that were found in a file."""
        return self._by_file[file].total if file in self._by_file else 0

    def by_writer(self, *folders: Path) -> list[Damage]:
        """Return the damage in the journals in these folders, one for each writer."""
        writers: dict[str, Damage] = {}
        for damage in self._by_file.values():
            inside = (each for each in folders if damage.file.is_relative_to(each))
            writer = damage.file.relative_to(next(inside, damage.file.parents[-1])).parts[0]
            first = writers.setdefault(writer, damage)
            if first is not damage:
                writers[writer] = first._replace(total=first.total + damage.total)
        return list(writers.values())


def is_journal(entry: os.DirEntry[str]) -> bool:
    """Whether an entry of the folder of journals is the folder of a writer, not a stray."""
    name = entry.name  # it is printed in messages and commands
    if not name.isprintable() or name.startswith((".", "-")):
        return False
    return not is_stray(name) and entry.is_dir(follow_symlinks=False)


class Journals(Protocol):
    """The journals of a sweep."""

    @property
    def damage(self) -> list[Damage]:
        """The lines that could not be read, one entry for each writer."""

    def new_events(self, skip: str) -> Iterator[Read]:
        """Yield the events that have arrived since the last call, except the writer `skip`'s."""

    def position(self) -> dict[str, Any]:
        """Return how far the journals have been read, as values for JSON."""

    def counts(self) -> dict[str, int]:
        """Return for each writer the number after that of its last event that was read."""

    def missing(self) -> dict[str, int]:
        """Return for each writer how many events are missing before others that have arrived."""

    def resume(self, position: dict[str, Any]) -> bool:
        """Continue new journals at such a position.

        Returns False, and changes nothing, if the journals are not those that were read.
        """

    def create(self, name: str, position: int = 0) -> "Store":
        """Return the store of a new journal, whose name was never used before.

        With a `position`, it continues the journal of an earlier store, which ended there.
        """


class Store(Protocol):
    """The files of one writer; `position` is their end, in bytes or in events."""

    position: int

    def write(self, lines: bytes) -> int:
        """Append complete lines and return how many bytes of whole lines were written.

        Raises OSError if nothing was. The caller passes the remaining lines again, followed by
        newer ones.
        """

    def sync(self) -> None:
        """Make the written lines survive a power cut of this machine."""

    def close(self) -> None:
        """Make the journal quick to read for newcomers; nothing is written after this."""


class JournalWriter:
    """The journal of one writer: `append` dates and numbers events, `flush` writes them to disk."""

    def __init__(self, name: str, store: Store, clock: Clock, *, keeps: bool = False) -> None:
        self.name = name
        self.unlogged: list[
            bytes
        ] = []  # lines since the last entry in the shared log, if there is one
        self._keeps = keeps
        self._store = store
        self._clock = clock
        self._next = 0  # number of the next event
        self.due = b""  # lines that are not on disk yet

    def append(self, events: Iterable[tuple[str, dict[str, Any]]]) -> list[Read]:
        """Date and number events, each a (kind, parts), for the next flush.

        Returns them as a reader gets them, so that no one parses the lines of its own journal.
        """
        t = min(max(self._clock.now(), EARLIEST), LATEST)
        dated: list[Read] = []
        lines = [self.due]
        for n, (kind, parts) in enumerate(events, self._next):
            line = encode(n, t, kind, parts)
            if len(line) > LONGEST_LINE and kind in ("done", "pruned"):
                kind, parts = "failed", _too_large(parts)  # noqa: PLW2901 - no one could read it
                line = encode(n, t, kind, parts)
            lines.append(line)
            dated.append((Event(t, self.name, n, kind, parts), line[:-1]))
        if self._keeps:
            self.unlogged += lines[1:]
        self.due = b"".join(lines)
        self._next += len(dated)
        return dated

    def withdraw(self, latest: list[Read]) -> None:
        """Take back the latest events, none of which has been written."""
        self.forget(latest)
        size = sum(len(line) + 1 for _, line in latest)
        self.due = self.due[: len(self.due) - size]
        self._next -= len(latest)

    def forget(self, latest: list[Read]) -> None:
        """Keep the latest events out of the shared log, but not out of the journal."""
        del self.unlogged[len(self.unlogged) - len(latest) :]

    def flush(self) -> None:
        """Write the lines that are due; after an OSError some remain, so call again later."""
        while self.due:
            self.due = self.due[self._store.write(self.due) :]

    @property
    def position(self) -> int:
        """Where in the journal the lines that are due begin."""
        return self._store.position

    def sync(self) -> None:
        """Make the flushed lines survive a power cut of this machine."""
        self._store.sync()

    def close(self) -> None:
        """Declare that nothing more will be written."""
        self._store.close()


def _too_large(parts: dict[str, Any]) -> dict[str, Any]:
    error = (
        f"its metrics take more than {LONGEST_LINE >> 20} MB; save what is large in files, in "
        "task().folder"
    )
    parts_left: dict[str, Any] = {
        part: parts[part] for part in ("task", "attempt", "seconds") if part in parts
    }
    return parts_left | {"error": error, "output": ""}
