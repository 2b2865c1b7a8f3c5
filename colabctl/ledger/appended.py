"""Journals as one growing file each, for file systems where every machine sees a write at once.

A writer appends to journal/<writer>/events.jsonl. It reopens the file for each flush, so that a
network file system shows the lines to the next reader that opens it. A line without a newline has
not arrived yet. A line that is not an event is damage: it is reported, and the other lines count.
"""

import errno
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

from colabctl.ledger.events import Event, check, parse
from colabctl.ledger.journal import Damage, is_journal
from colabctl.sharedfs.faults import MissingError, fault_of
from colabctl.sharedfs.links import open_itself
from colabctl.sharedfs.rights import make_folder, share

_FILE = "events.jsonl"
_RESTORE = (
    "it holds the results, so restore it from a backup, or from the trash or version history of "
    "the folder; to run all tasks again instead, create it as an empty folder"
)
_MOST_AT_ONCE = 1 << 28  # bytes read of one journal; the next refresh reads the rest


class AppendedStore:
    """The growing file of one writer.

    No one else writes here, so a failed write leaves the start of its own lines behind. The next
    write checks how much of them arrived and continues from there. `position` is always the end of
    a line, so what remains to be written, here or by another process, starts with a whole event.
    """

    def __init__(self, folder: Path, position: int = 0) -> None:
        self._folder = folder
        self._file = folder / _FILE
        self.position = position  # bytes of the complete lines that are certainly in the file

    def write(self, lines: bytes) -> int:
        """Append lines; return how many bytes of complete lines are now in the file."""
        if self.position == 0:
            make_folder(self._folder, follow=False)
        with open(self._file, "ab", buffering=0, opener=open_itself) as file:
            if self.position == 0:
                share(self._file, file.fileno())
            arrived = file.tell() - self.position  # above 0 only after a failed write
            written = arrived + (file.write(lines[arrived:]) or 0)
        complete = lines.rfind(b"\n", 0, written) + 1
        self.position += complete
        return complete

    def sync(self) -> None:
        """Make what was written survive a power cut of this machine."""
        if self.position:
            with open(self._file, "ab", buffering=0, opener=open_itself) as file:
                os.fsync(file.fileno())

    def close(self) -> None:
        """No-op: a single file is quick to read."""


@dataclass
class _Cursor:
    """How far one journal has been read: in bytes, in lines, and the number of the next event."""

    file: Path
    offset: int = 0
    lines: int = 0
    next: int = 0


@dataclass
class AppendedJournals:
    """The journals in a folder, of a sweep with `total` tasks."""

    folder: Path
    total: int
    damage: list[Damage] = field(default_factory=list)
    _cursors: dict[str, _Cursor] = field(default_factory=dict)

    def create(self, name: str, position: int = 0) -> AppendedStore:
        """Return the store of a new journal, or of one that continues at `position`."""
        return AppendedStore(self.folder / name, position)

    def new_events(self, skip: str) -> list[Event]:
        """Return the events that have arrived since the last call, in each writer's order."""
        events: list[Event] = []
        try:
            entries = os.scandir(self.folder)
        except FileNotFoundError:
            if not self.folder.parent.is_dir():
                raise
            raise MissingError(self.folder, _RESTORE) from None
        with entries:
            for entry in entries:
                if entry.name not in self._cursors and is_journal(entry):
                    self._cursors[entry.name] = _Cursor(self.folder / entry.name / _FILE)
        for writer, cursor in self._cursors.items():
            if writer != skip:
                self._read(writer, cursor, events)
        return events

    def _read(self, writer: str, cursor: _Cursor, events: list[Event]) -> None:
        try:
            status = os.lstat(cursor.file)  # called very often
            if not stat.S_ISREG(status.st_mode):  # a pipe might never end
                raise OSError(errno.EINVAL, "is not a regular file")
            if status.st_size <= cursor.offset:
                return
            with cursor.file.open("rb", buffering=0) as file:
                file.seek(cursor.offset)
                data = file.read(_MOST_AT_ONCE)
        except FileNotFoundError:
            return  # it has not arrived yet
        except OSError as error:
            if fault_of(error) == "passing":
                raise
            damage = Damage(cursor.file, cursor.lines + 1, error.strerror or str(error))
            if damage not in self.damage:
                self.damage.append(damage)
            return
        length = data.rfind(b"\n") + 1
        lines = data[:length].split(b"\n")[:-1]
        for number, body in enumerate(parse(lines), cursor.lines + 1):
            try:
                event = check(body, writer, self.total)
                if event.n < cursor.next:
                    raise ValueError(f"event {event.n} is repeated")
            except ValueError as error:
                self.damage.append(Damage(cursor.file, number, str(error)))
                continue
            if event.n > cursor.next:
                missing = f"events {cursor.next} to {event.n - 1} are missing before it"
                self.damage.append(Damage(cursor.file, number, missing))
            cursor.next = event.n + 1
            events.append(event)
        cursor.lines += len(lines)
        cursor.offset += length
