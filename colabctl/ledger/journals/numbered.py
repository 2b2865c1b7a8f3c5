"""Journals as small files written once, for mounts that upload complete files some time later.

Each flush is a new file, named after the numbers of its first and last event, and never changed:

    journal/<writer>/<first>/<first>-<last>.jsonl

So the names alone show which events have not arrived, and a file with fewer lines than its name
says is incomplete. So that a newcomer reads few files, another file repeats the lines of every 16
flushes, and of every 256 and 4096; when a writer ends, one repeats the rest. After 200 flushes the
next folder starts, named after its first event.

Files arrive in any order, listings may omit some, and a missing file proves nothing.

Where machines created the folder of the sweep or its `journal` at the same time, a Drive has
several, and each holds the journals of some of the writers. All of them are read.
"""

import io
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from colabctl.ledger.journals.checks import LaterTaskError, check
from colabctl.ledger.journals.events import Event, parse
from colabctl.ledger.journals.journal import Damage, Damages, Read, is_journal
from colabctl.sharedfs.faults import fault_of
from colabctl.sharedfs.files import read_file, write_once
from colabctl.sharedfs.rights import make_folder

_RUN = 16
_RUNS = (_RUN**3, _RUN**2, _RUN)
_PER_FOLDER = 200  # flushes; with the combined files the folder stays below 300 entries
_NAME = re.compile(r"(\d{8})-(\d{8})(?:-\d+)?\.jsonl")
_FOLDER = re.compile(r"\d{8}")
_MANY_TRIES = 1000  # more than any writer needs, so a continued journal uses new names
_NEARLY_FULL = 100  # entries in a folder above which its writer may have started the next one
_AT_ONCE = 1 << 20  # bytes that are parsed together
_LARGEST = 1 << 28  # bytes; above the largest combined file with the longest outputs
_LOOK_EVERY = 60.0  # seconds after which other folders with journals are looked for
_LIST_EVERY = 8  # refreshes after which the folders of a writer are listed in any case


Find = Callable[[], Iterable[Path]]
"""Returns the folders with journals of a sweep."""


class _Flush(NamedTuple):
    first: int
    last: int
    lines: bytes


class NumberedStore:
    """The files of one writer; `check_mount` raises OSError if the mount is gone."""

    def __init__(self, folder: Path, check_mount: Callable[[], None], position: int = 0) -> None:
        self._folder = folder
        self._check_mount = check_mount
        self._part = folder
        self._flushes: list[_Flush] = []  # since the last run of 4096
        self._count = 0
        self.position = position  # number of the next event
        self._tries = _MANY_TRIES if position else 0

    def write(self, lines: bytes) -> int:
        """Write all lines as one new file; if it ends a run, also write the combined file."""
        flush = _Flush(self.position, self.position + lines.count(b"\n") - 1, lines)
        self._check_mount()
        if self._count % _PER_FOLDER == 0:
            self._part = self._folder / f"{flush.first:08d}"
            # Without parents=True: a journal folder that has not arrived yet would exist twice.
            make_folder(self._folder, follow=False)
            make_folder(self._part, follow=False)
        self._write(flush)
        self._count += 1
        self.position = flush.last + 1
        self._flushes.append(flush)
        for run in _RUNS:
            if self._count % run == 0:
                self._combine(run)
                break
        if self._count % _RUNS[0] == 0:
            self._flushes.clear()
        return len(lines)

    def sync(self) -> None:
        """No-op: each file is complete, and the mount uploads it."""

    def close(self) -> None:
        """Combine all flushes since the last run of 4096."""
        if len(self._flushes) > 1:
            self._combine(len(self._flushes))

    def _combine(self, count: int) -> None:
        """Write the lines of the last `count` flushes into one file.

        Errors are ignored, because the file only saves readers time.
        """
        flushes = self._flushes[-count:]
        lines = b"".join(flush.lines for flush in flushes)
        with suppress(OSError):
            self._check_mount()
            self._write(_Flush(flushes[0].first, flushes[-1].last, lines))

    def _write(self, flush: _Flush) -> None:
        name = f"{flush.first:08d}-{flush.last:08d}"
        if self._tries:  # a failed write may have left part of the file under the plain name
            name += f"-{self._tries + 1}"
        try:
            write_once(self._part / f"{name}.jsonl", flush.lines)
        except OSError:
            self._tries += 1
            raise
        self._tries = 0


@dataclass
class _Seen:
    """The numbers of one writer's events that were read, and the folders that it uses."""

    next: int = 0  # all below were read
    beyond: set[int] = field(default_factory=set)  # read, above a gap
    ended_with: int | None = None
    looks: int = 0  # refreshes
    folders: list[int] = field(default_factory=list)  # first numbers, ascending
    entries: int = 0  # in the last folder

    def lacks(self, first: int, last: int) -> bool:
        """Whether any event from `first` to `last` was not read yet."""
        if last < self.next:
            return False
        return any(n not in self.beyond for n in range(max(first, self.next), last + 1))

    def add(self, n: int) -> bool:
        """Add the number of an event; return whether it is new."""
        if n < self.next or n in self.beyond:
            return False
        self.beyond.add(n)
        while self.next in self.beyond:
            self.beyond.remove(self.next)
            self.next += 1
        return True

    @property
    def complete(self) -> bool:
        """Whether all events were read and no more will follow."""
        return self.ended_with is not None and self.next > self.ended_with


@dataclass
class _Wait:
    """How many refreshes pass over a file, now and after the next try."""

    left: int = 0
    next: int = 1


class NumberedJournals:
    """The journals in a folder, of a sweep with `total` tasks.

    More of its journals may be in other folders: `find` returns all of them, and is called again
    when new events are read more than `look_every` seconds later.
    """

    def __init__(
        self,
        folder: Path,
        total: int,
        check_mount: Callable[[], None],
        find: Find | None = None,
        look_every: float = _LOOK_EVERY,
    ) -> None:
        self.folder = folder
        self._find = find or (lambda: [folder])
        self._look_every = look_every
        self._looked_at = time.monotonic()
        self._folders = list(self._find())
        self.total = total
        self.files_read = 0
        self._check_mount = check_mount
        self._seen: dict[str, _Seen] = {}
        self._damage = Damages()
        self._waits: dict[Path, _Wait] = {}  # for large files that were incomplete or damaged

    @property
    def damage(self) -> list[Damage]:
        """The damaged files whose events have not arrived in another, one for each writer."""
        return self._damage.by_writer(*self._folders)

    def create(self, name: str, position: int = 0) -> NumberedStore:
        """Return the store of a new journal, or of one that continues at `position`."""
        return NumberedStore(self._home / name, self._check_mount, position)

    def announce(self, name: str) -> None:
        """Create the folder of a new journal, whose first file follows."""
        self._check_mount()
        make_folder(self._home / name, follow=False)

    @property
    def _home(self) -> Path:
        """The folder for new journals."""
        return next((each for each in self._folders if each.is_dir()), self.folder)

    def position(self) -> dict[str, Any]:
        """Return how far the journals have been read, as values for JSON."""
        return {
            writer: [seen.next, sorted(seen.beyond), seen.ended_with, seen.folders]
            for writer, seen in self._seen.items()
        }

    def counts(self) -> dict[str, int]:
        """Return for each writer the number after that of its last event that was read."""
        return {name: max(seen.next, *(n + 1 for n in seen.beyond), 0)
                for name, seen in self._seen.items()}  # fmt: skip

    def missing(self) -> dict[str, int]:
        """Return for each writer how many events are missing before others that have arrived."""
        return {
            name: max(seen.beyond) + 1 - seen.next - len(seen.beyond)
            for name, seen in self._seen.items()
            if seen.beyond
        }

    def resume(self, position: dict[str, Any]) -> bool:
        """Continue at a position, if all journals that were read are still there."""
        self._check_mount()
        if not position.keys() <= {name for folder in self._folders for name in _names(folder)}:
            return False
        self._seen = {
            writer: _Seen(after, set(beyond), ended_with, folders=folders)
            for writer, (after, beyond, ended_with, folders) in position.items()
        }
        return True

    def new_events(self, skip: str) -> Iterator[Read]:
        """Yield the events that arrived since the last call; raise OSError if the mount fails."""
        self._check_mount()
        if time.monotonic() - self._looked_at >= self._look_every:
            self._folders = list(self._find())
            self._looked_at = time.monotonic()
        for writer, journals in self._writers().items():
            if writer != skip:
                seen = self._seen.setdefault(writer, _Seen())
                if not seen.complete:
                    yield from self._read(writer, journals, seen)

    def is_new(self, event: Event) -> bool:
        """Note an event that was read elsewhere; return whether it was not read before."""
        return self._seen.setdefault(event.writer, _Seen()).add(event.n)

    def _writers(self) -> dict[str, list[Path]]:
        """Return the folders of each writer, as far as they have arrived; almost always one."""
        writers: dict[str, list[Path]] = {}
        for folder in self._folders:
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name in self._seen or is_journal(entry):
                        writers.setdefault(entry.name, []).append(folder / entry.name)
        return writers

    def _read(self, writer: str, journals: list[Path], seen: _Seen) -> Iterator[Read]:
        """Yield the new events of one writer, reading the longest files first."""
        files = [
            (first - last, first, last, path)
            for path, first, last in self._list(journals, seen)
            if seen.lacks(first, last)
        ]
        for _, first, last, path in sorted(files):
            if seen.lacks(first, last) and not self._must_wait(path):
                for event, line in self._events(path, writer, first, last):
                    if seen.add(event.n):
                        if event.kind == "end":
                            seen.ended_with = event.n
                        yield event, line

    def _list(self, journals: list[Path], seen: _Seen) -> Iterator[tuple[Path, int, int]]:
        """Yield the files that may have new events, with the numbers of the first and last."""
        if seen.entries >= _NEARLY_FULL or seen.looks % _LIST_EVERY == 0 or not seen.folders:
            names = [name for journal in journals for name in _names(journal)]
            numbers = {int(name) for name in names if _FOLDER.fullmatch(name)}
            seen.folders = sorted(numbers.union(seen.folders))
        seen.looks += 1
        for number, first in enumerate(seen.folders, 1):
            if number < len(seen.folders) and not seen.lacks(first, seen.folders[number] - 1):
                continue
            for journal in journals:
                folder = journal / f"{first:08d}"
                names = _names(folder)
                seen.entries = len(names)
                for name in names:
                    match = _NAME.fullmatch(name)
                    if match:
                        yield folder / name, int(match[1]), int(match[2])

    def _events(self, path: Path, writer: str, first: int, last: int) -> list[Read]:
        """Return the events in a file; none if it has not arrived completely."""
        try:
            self.files_read += 1
            data = read_file(path, _LARGEST)
        except FileNotFoundError:
            return []
        except OSError as error:
            if fault_of(error) == "passing":
                raise
            self._note(Damage(path, 1, error.strerror or str(error)))
            return []
        if data.count(b"\n") != last - first + 1:
            self._wait(path, len(data))
            return []
        events: list[Read] = []
        for number, (line, body) in enumerate(_parsed(data), first):
            try:
                event = check(body, writer, self.total)
                if event.n != number:
                    raise ValueError(f"event {event.n} is in the place of {number}")
            except LaterTaskError:  # of an extension that follows
                self._wait(path, len(data))
                return []
            except ValueError as error:
                self._note(Damage(path, number - first + 1, str(error)))
                self._wait(path, len(data))
                return []
            events.append((event, line))
        self._damage.discard(path)
        return events

    def _must_wait(self, path: Path) -> bool:
        wait = self._waits.get(path)
        if wait is None or not wait.left:
            return False
        wait.left -= 1
        return True

    def _wait(self, path: Path, size: int) -> None:
        """Read a large file that does not fit less and less often: it may never be whole."""
        if size > _AT_ONCE:
            wait = self._waits.setdefault(path, _Wait())
            wait.left, wait.next = wait.next, 2 * wait.next

    def _note(self, damage: Damage) -> None:
        self._damage.discard(damage.file)
        self._damage.append(damage)


def _parsed(data: bytes) -> Iterator[tuple[bytes, object]]:
    """Yield the complete lines and their JSON values, parsing some of them at a time."""
    stream = io.BytesIO(data)
    while lines := stream.readlines(_AT_ONCE):
        if not lines[-1].endswith(b"\n"):
            lines.pop()
        bare = [line[:-1] for line in lines]
        yield from zip(bare, parse(bare), strict=True)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names are all that is needed
    except (FileNotFoundError, NotADirectoryError):
        return []  # it has not arrived, or is not ours
