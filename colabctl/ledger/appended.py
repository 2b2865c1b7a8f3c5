"""Journals as one growing file each, for file systems where every machine sees a write at once.

A writer appends to journal/<writer>/events.jsonl and opens it anew for every flush: then a
network file system shows the lines to the next reader that opens it. A line that has no newline
yet is not there yet. A line that is no event is damage: it is reported, and the rest counts.
"""

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from colabctl.ledger.events import Event, check, parse
from colabctl.ledger.journal import Damage
from colabctl.sharedfs.faults import fault_of

_FILE = "events.jsonl"
_MOST_AT_ONCE = 1 << 28  # bytes of one journal; the rest is for the next look


class AppendedStore:
    """The growing file of one writer.

    What a failed write left behind is the start of what was to be written, as nobody else writes
    here: the next write looks how much has arrived and goes on from there.
    """

    def __init__(self, folder: Path, position: int = 0) -> None:
        self._folder = folder
        self._file = folder / _FILE
        self.position = position  # bytes known to be in the file

    def write(self, lines: bytes) -> int:
        """Add lines; return how many bytes of them are in the file now."""
        if self.position == 0:
            self._folder.mkdir(exist_ok=True)
        with self._file.open("ab", buffering=0) as file:
            there = file.tell() - self.position  # more than nothing after a failed write only
            written = there + (file.write(lines[there:]) or 0)
        self.position += written
        return written

    def sync(self) -> None:
        """Make what was written survive a power cut of this machine."""
        if self.position:
            with self._file.open("ab", buffering=0) as file:
                os.fsync(file.fileno())

    def close(self) -> None:
        """Do nothing: one file is quick to read already."""


@dataclass
class _Place:
    """How far one journal has been read."""

    file: Path
    offset: int = 0
    lines: int = 0
    next: int = 0


@dataclass
class AppendedJournals:
    """The journals of a sweep of `total` tasks, below one folder."""

    folder: Path
    total: int
    damage: list[Damage] = field(default_factory=list)  # what could not be read
    _places: dict[str, _Place] = field(default_factory=dict)

    def create(self, name: str, position: int = 0) -> AppendedStore:
        """Return where a new journal goes, or goes on."""
        return AppendedStore(self.folder / name, position)

    def new_events(self, skip: str) -> list[Event]:
        """Return the events that have arrived since the last call, in the order of each writer."""
        found: list[Event] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name not in self._places and entry.is_dir():
                    self._places[entry.name] = _Place(self.folder / entry.name / _FILE)
        for writer, place in self._places.items():
            if writer != skip:
                self._read(writer, place, found)
        return found

    def _read(self, writer: str, place: _Place, found: list[Event]) -> None:
        try:
            status = os.stat(place.file)  # noqa: PTH116 - called very often
            if not stat.S_ISREG(status.st_mode):  # a pipe might never end
                raise OSError(errno.EINVAL, "is not a regular file")
            if status.st_size <= place.offset:
                return
            with place.file.open("rb", buffering=0) as file:
                file.seek(place.offset)
                data = file.read(_MOST_AT_ONCE)
        except FileNotFoundError:
            return  # not there yet
        except OSError as error:
            if fault_of(error) == "passing":
                raise
            damage = Damage(place.file, place.lines + 1, error.strerror or str(error))
            if damage not in self.damage:
                self.damage.append(damage)
            return
        whole = data.rfind(b"\n") + 1
        lines = data[:whole].split(b"\n")[:-1]
        for number, body in enumerate(parse(lines), place.lines + 1):
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
