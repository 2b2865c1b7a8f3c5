"""Journals on disk: one folder a writer, and the reader that sees what is new in all of them.

A writer appends lines to one file, journal/<writer>/00000000.jsonl, and opens it anew for every
flush: then a network file system shows the lines to the next reader that opens it. A line that
has no newline yet is not there yet. A line that is not an event is damage: it is reported with
its file, and everything else counts.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from colabctl.ledger.clock import Clock
from colabctl.ledger.events import Event, check, encode, parse

_FILE = "00000000.jsonl"


class Damage(NamedTuple):
    """A line of a journal that is no event."""

    file: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file} line {self.line} is damaged ({self.reason}); the rest counts"


class JournalWriter:
    """The journal of one writer, whose name was never used before.

    `append` dates and numbers events, `flush` brings them to the file. What a failed flush left
    behind is the start of what is due, as nobody else writes here: the next flush looks how much
    has arrived and goes on from there, so no event is lost, doubled or torn.
    """

    def __init__(self, journals: Path, name: str, clock: Clock) -> None:
        self.name = name
        self.folder = journals / name
        self._file = self.folder / _FILE
        self._clock = clock
        self._next = 0  # number of the next event
        self._arrived = 0  # bytes known to be in the file
        self._due = b""  # bytes behind those

    def append(self, events: Iterable[tuple[str, dict[str, Any]]]) -> list[Event]:
        """Date and number events, given as (kind, parts), for the next flush; return them."""
        t = self._clock.now()
        dated = [
            Event(t, self.name, n, kind, parts)
            for n, (kind, parts) in enumerate(events, self._next)
        ]
        self._due += b"".join(encode(event.n, t, event.kind, event.body) for event in dated)
        self._next += len(dated)
        return dated

    def flush(self) -> None:
        """Write what is due. Raises OSError if not all of it could be; call again later."""
        if not self._due:
            return
        if self._arrived == 0:
            self.folder.mkdir(exist_ok=True)
        with self._file.open("ab", buffering=0) as file:
            there = file.tell() - self._arrived  # more than nothing after a failed flush only
            self._due = self._due[there:]
            self._arrived += there
            while self._due:
                written = file.write(self._due) or 0
                self._due = self._due[written:]
                self._arrived += written

    def sync(self) -> None:
        """Make what was flushed survive a power cut of this machine."""
        if self._arrived:
            with self._file.open("ab", buffering=0) as file:
                os.fsync(file.fileno())


@dataclass
class _Place:
    """How far one journal has been read."""

    file: Path
    offset: int = 0
    lines: int = 0
    next: int = 0


@dataclass
class JournalReader:
    """Reads what is new in the journals of a sweep."""

    journals: Path
    total: int
    skip: str = ""  # the reader's own journal, whose events it knows
    damage: list[Damage] = field(default_factory=list)
    _places: dict[str, _Place] = field(default_factory=dict)

    def news(self) -> list[Event]:
        """Return the events that have arrived since the last call, in the order of each writer."""
        found: list[Event] = []
        with os.scandir(self.journals) as entries:
            for entry in entries:
                if entry.name != self.skip and entry.name not in self._places and entry.is_dir():
                    self._places[entry.name] = _Place(self.journals / entry.name / _FILE)
        for writer, place in self._places.items():
            self._read(writer, place, found)
        return found

    def _read(self, writer: str, place: _Place, found: list[Event]) -> None:
        try:
            if os.stat(place.file).st_size <= place.offset:  # noqa: PTH116 - called very often
                return
            with place.file.open("rb", buffering=0) as file:
                file.seek(place.offset)
                data = file.read()
        except FileNotFoundError:
            return  # not there yet
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].split(b"\n")[:-1]
        numbers = [number for number, line in enumerate(lines, place.lines + 1) if line.strip()]
        bodies = parse([line for line in lines if line.strip()])
        for number, body in zip(numbers, bodies, strict=True):
            try:
                event = check(body, writer, self.total)
                if event.n < place.next:
                    raise ValueError(f"event {event.n} stands twice")
            except ValueError as wrong:
                self.damage.append(Damage(place.file, number, str(wrong)))
                continue
            if event.n > place.next:
                missing = f"events {place.next} to {event.n - 1} are missing before it"
                self.damage.append(Damage(place.file, number, missing))
            place.next = event.n + 1
            found.append(event)
        place.lines += len(lines)
        place.offset += whole
