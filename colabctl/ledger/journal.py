"""What a journal is to the ledger, in whichever form its files are kept.

One writer to a journal, always; nothing that was written is edited, renamed or deleted. Two forms
do this: appended.py, one growing file, for file systems where every machine sees a write at once;
numbered.py, small files written once, for mounts that upload whole files some time later.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from colabctl.ledger.clock import Clock
from colabctl.ledger.events import Event, encode


class Damage(NamedTuple):
    """A line of a journal that is no event."""

    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line} is damaged ({self.reason}); the rest counts"


class Journals(Protocol):
    """The journals of a sweep."""

    @property
    def damage(self) -> list[Damage]:
        """What could not be read."""

    def new_events(self, skip: str) -> list[Event]:
        """Return the events that arrived since the last call, but for the journal `skip`."""

    def create(self, name: str, position: int = 0) -> "Store":
        """Return where a new journal goes, under a name that was never used before.

        With the `position` at which a store ended it goes on there.
        """


class Store(Protocol):
    """Where one writer's lines go; `position` tells how much of them is there."""

    position: int

    def write(self, lines: bytes) -> int:
        """Add whole lines and return how many bytes of them are safe; raise OSError if none is.

        What was not safe is given again, with more behind it.
        """

    def sync(self) -> None:
        """Make what was written survive a power cut of this machine."""

    def close(self) -> None:
        """Make the journal quick to read for those who come later; nothing more is written."""


class JournalWriter:
    """The journal of one writer: `append` dates and numbers events, `flush` brings them to disk."""

    def __init__(self, name: str, store: Store, clock: Clock) -> None:
        self.name = name
        self._store = store
        self._clock = clock
        self._next = 0  # number of the next event
        self.due = b""  # lines that are not on disk yet

    def append(self, events: Iterable[tuple[str, dict[str, Any]]]) -> list[Event]:
        """Date and number events, given as (kind, parts), for the next flush; return them."""
        t = self._clock.now()
        dated = [
            Event(t, self.name, n, kind, parts)
            for n, (kind, parts) in enumerate(events, self._next)
        ]
        self.due += b"".join(encode(event.n, t, event.kind, event.body) for event in dated)
        self._next += len(dated)
        return dated

    def flush(self) -> None:
        """Write what is due. Raises OSError if not all of it could be; call again later."""
        while self.due:
            self.due = self.due[self._store.write(self.due) :]

    @property
    def position(self) -> int:
        """Where in the journal the lines that are due belong."""
        return self._store.position

    def sync(self) -> None:
        """Make what was flushed survive a power cut of this machine."""
        self._store.sync()

    def close(self) -> None:
        """Say that nothing more will be written."""
        self._store.close()
