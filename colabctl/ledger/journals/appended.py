"""Journals as one growing file each, for file systems where every machine sees a write at once.

A writer appends to journal/<writer>/events.jsonl. It reopens the file for each flush, so that a
network file system shows the lines to the next reader that opens it. A line without a newline has
not arrived yet. A line that is not an event is damage: it is reported, and the other lines count.
"""

import errno
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from colabctl.ledger.journals.checks import LaterTaskError, check
from colabctl.ledger.journals.events import LONGEST_LINE, parse
from colabctl.ledger.journals.journal import MOST_DAMAGE, Damage, Damages, Read, is_journal
from colabctl.sharedfs.faults import MissingError, fault_of, naming
from colabctl.sharedfs.links import open_itself
from colabctl.sharedfs.rights import make_folder, share

_FILE = "events.jsonl"
_RESTORE = (
    "it holds the results, so restore it from a backup, or from the trash or version history of "
    "the folder; to run all tasks again instead, create it as an empty folder"
)
_RESTORE_OWN = (
    "it held the results of this worker, so restore it from a backup, or from the trash or version "
    "history of the folder, then restart the worker; tasks whose results are gone run again"
)
_AT_ONCE = 1 << 20  # bytes that are read and parsed together


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
        with self._opened() as file:
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
            with (
                naming(self._file),
                open(self._file, "ab", buffering=0, opener=open_itself) as file,
            ):
                os.fsync(file.fileno())

    @contextmanager
    def _opened(self) -> Iterator[io.FileIO]:
        """Open the file, and raise MissingError if lines that were written have gone."""
        try:
            with naming(self._file), open(self._file, "ab", 0, opener=open_itself) as file:
                if file.tell() < self.position:
                    raise MissingError(self._file, _RESTORE_OWN)
                yield file
        except FileNotFoundError:
            if self.position and self._folder.parent.is_dir():
                raise MissingError(self._file, _RESTORE_OWN) from None
            raise

    def close(self) -> None:
        """No-op: a single file is quick to read."""


@dataclass
class _Cursor:
    """How far one journal has been read: in bytes, in lines, and the number of the next event."""

    file: Path
    offset: int = 0
    lines: int = 0
    next: int = 0
    is_over: bool = False  # nothing more is read
    size: int = -1  # bytes of the file before it was last read
    changed: int = 0  # when its content or its date was changed, in nanoseconds, at the same time
    checksum: int | None = None  # of what was read, if known


@dataclass
class AppendedJournals:
    """The journals in a folder, of a sweep with `total` tasks."""

    folder: Path
    total: int
    _damage: Damages = field(default_factory=Damages)
    _cursors: dict[str, _Cursor] = field(default_factory=dict)

    @property
    def damage(self) -> list[Damage]:
        """The lines that could not be read, one entry for each writer."""
        return self._damage.by_writer(self.folder)

    def create(self, name: str, position: int = 0) -> AppendedStore:
        """Return the store of a new journal, or of one that continues at `position`."""
        return AppendedStore(self.folder / name, position)

    def position(self) -> dict[str, Any]:
        """Return how far the journals have been read, as values for JSON."""
        cursors = {writer: _saved(cursor) for writer, cursor in self._cursors.items()}
        damage = [
            (each.file.parent.name, *each[1:])
            for each in self._damage
            if _is_lasting(each, self._cursors[each.file.parent.name])
        ]
        return {"cursors": cursors, "damage": damage}

    def counts(self) -> dict[str, int]:
        """Return for each writer the number after that of its last event that was read."""
        return {writer: cursor.next for writer, cursor in self._cursors.items()}

    def missing(self) -> dict[str, int]:
        """Return {}: a journal that grows has no gaps."""
        return {}

    def resume(self, position: dict[str, Any]) -> bool:
        """Continue at a position, if the journals begin with what was read then."""
        cursors = {
            writer: _Cursor(self.folder / writer / _FILE, *values)
            for writer, values in position["cursors"].items()
        }
        if not all(map(_fits, cursors.values())):
            return False
        self._cursors = cursors
        for writer, *rest in position["damage"]:
            self._damage.append(Damage(self.folder / writer / _FILE, *rest))
        return True

    def new_events(self, skip: str) -> Iterator[Read]:
        """Yield the events that have arrived since the last call, in each writer's order."""
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
            if writer != skip and not cursor.is_over:
                yield from self._read(writer, cursor)

    def _read(self, writer: str, cursor: _Cursor) -> Iterator[Read]:
        try:
            status = os.lstat(cursor.file)  # called very often
            if not stat.S_ISREG(status.st_mode):  # a pipe might never end
                raise OSError(errno.EINVAL, "is not a regular file")
            if status.st_size <= cursor.offset:
                return
            cursor.size, cursor.changed, cursor.checksum = status.st_size, _changed(status), None
            with cursor.file.open("rb", buffering=0) as file:
                file.seek(cursor.offset)
                for lines in _complete_lines(file):
                    yield from self._events(writer, cursor, lines)
                    if cursor.is_over:
                        return
        except FileNotFoundError:
            return  # it has not arrived yet
        except OSError as error:
            if fault_of(error) == "passing":
                raise
            if not self._damage.count(cursor.file):
                reason = error.strerror or str(error)
                self._damage.append(Damage(cursor.file, cursor.lines + 1, reason))
        except _LineTooLongError:
            reason = f"longer than {LONGEST_LINE >> 20} MB, so the rest of the file is not read"
            self._damage.append(Damage(cursor.file, cursor.lines + 1, reason))
            cursor.is_over = True

    def _events(self, writer: str, cursor: _Cursor, lines: list[bytes]) -> Iterator[Read]:
        for line, body in zip(lines, parse(lines), strict=True):
            cursor.lines += 1
            cursor.offset += len(line) + 1
            try:
                event = check(body, writer, self.total, partial=True)
                if event.n < cursor.next:
                    raise ValueError(f"event {event.n} is repeated")
            except LaterTaskError as error:  # this process has not seen an extension yet
                cursor.next = max(cursor.next, error.n + 1)
                continue
            except ValueError as error:
                self._damage.append(Damage(cursor.file, cursor.lines, str(error)))
                if self._damage.count(cursor.file) >= MOST_DAMAGE:
                    cursor.is_over = True
                    return
                continue
            if event.n > cursor.next:
                missing = f"events {cursor.next} to {event.n - 1} are missing before it"
                self._damage.append(Damage(cursor.file, cursor.lines, missing))
            cursor.next = event.n + 1
            yield event, line


def _is_lasting(damage: Damage, cursor: _Cursor) -> bool:
    """Whether this is damage of what was read, not an error that the next command may not have."""
    return damage.line <= cursor.lines or cursor.is_over


def _saved(cursor: _Cursor) -> list[Any]:
    if cursor.offset and cursor.checksum is None:
        cursor.checksum = _checksum(cursor)
    return list(vars(cursor).values())[1:]  # without the file


def _fits(cursor: _Cursor) -> bool:
    """Whether a journal still begins with what was read; raise OSError if it is not there.

    That is checked only if the file has changed.
    """
    if not cursor.offset:
        return True
    status = cursor.file.stat()
    if (status.st_size, _changed(status)) == (cursor.size, cursor.changed):
        return True
    if status.st_size <= cursor.size:
        return False
    return cursor.checksum == _checksum(cursor)


def _changed(status: os.stat_result) -> int:
    """Return when a file was last changed; a program can set only one of the two dates."""
    return max(status.st_mtime_ns, status.st_ctime_ns)


def _checksum(cursor: _Cursor) -> int:
    """Return the checksum of what was read of a journal."""
    checksum, left = 0, cursor.offset
    with cursor.file.open("rb", buffering=0) as file:
        while left and (piece := file.read(min(left, _AT_ONCE))):
            checksum, left = zlib.crc32(piece, checksum), left - len(piece)
    return checksum


class _LineTooLongError(Exception):
    """A line is longer than any event."""


def _complete_lines(file: io.RawIOBase) -> Iterator[list[bytes]]:
    """Yield lists of the lines that are left in a file, as far as they have their newlines."""
    rest = b""
    while data := file.read(max(_AT_ONCE, len(rest))):  # a long line doubles what is read
        *lines, rest = (rest + data).split(b"\n")
        if lines:
            yield lines
        if len(rest) > LONGEST_LINE:
            raise _LineTooLongError
