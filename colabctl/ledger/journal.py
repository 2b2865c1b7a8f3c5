"""The interface of journals, and the writer of one.

Each journal has exactly one writer, and nothing in it is ever edited, renamed or deleted. There are
two kinds: one growing file (appended.py), for file systems where every machine sees a write at
once; and small files written once (numbered.py), for mounts that upload complete files later.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from colabctl.ledger.clock import Clock
from colabctl.ledger.events import EARLIEST, LATEST, Event, encode


Read = tuple[Event, bytes]
"""An event, and the line that it was read from, without its newline."""


class Damage(NamedTuple):
    """A line of a journal that is not an event."""

    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line} is damaged ({self.reason}); the other lines count"


class Journals(Protocol):
    """The journals of a sweep."""

    @property
    def damage(self) -> list[Damage]:
        """The lines that could not be read."""

    def new_events(self, skip: str) -> Iterator[Read]:
        """Yield the events that have arrived since the last call, except the writer `skip`'s."""

    def create(self, name: str, position: int = 0) -> "Store":
        """Return the store of a new journal, whose name was never used before.

        With a `position`, it continues the journal of an earlier store, which ended there.
        """


class Store(Protocol):
    """The files of one writer; `position` is their end, in bytes or in events."""

    position: int

    def write(self, lines: bytes) -> int:
        """Append complete lines and return how many of their bytes were written.

        Raises OSError if none were. The caller passes the remaining bytes again, followed by newer
        lines.
        """

    def sync(self) -> None:
        """Make the written lines survive a power cut of this machine."""

    def close(self) -> None:
        """Make the journal quick to read for newcomers; nothing is written after this."""


class JournalWriter:
    """The journal of one writer: `append` dates and numbers events, `flush` writes them to disk."""

    def __init__(self, name: str, store: Store, clock: Clock) -> None:
        self.name = name
        self._store = store
        self._clock = clock
        self._next = 0  # number of the next event
        self.due = b""  # lines that are not on disk yet

    def append(self, events: Iterable[tuple[str, dict[str, Any]]]) -> list[Event]:
        """Date and number events, each a (kind, parts), for the next flush, and return them."""
        t = min(max(self._clock.now(), EARLIEST), LATEST)
        dated = [
            Event(t, self.name, n, kind, parts)
            for n, (kind, parts) in enumerate(events, self._next)
        ]
        self.due += b"".join(encode(event.n, t, event.kind, event.body) for event in dated)
        self._next += len(dated)
        return dated

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
