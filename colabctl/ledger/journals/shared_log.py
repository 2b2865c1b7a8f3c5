"""The shared log of claims, for a store in which no object can be created twice.

Entry n of the log is an object, and a file of the same name where the project has a mirror:

    claims/<n / 200>/<n>.jsonl

Its first line is {"entry": n, "writer": name}. The lines of events that follow are lines of that
writer's journal: a claim, or a heartbeat, and what the writer has not written elsewhere yet. A
worker reads all entries, chooses, and creates the next one. If the store refuses that, another
worker was faster: this one reads its entry and chooses again. So all claims have one order, which
no clock decides, and nothing has to be cleaned up.

- A claim counts if it is in the log. The journals repeat it, also one that did not get an entry.
- Only entries renew a lease. A worker takes a task over after it saw no entry of its holder for a
  lease, by a clock that no one sets. If the holder is faster once more, its entry is the next one,
  and the claim is refused.
- Where an answer of the store is lost, the entry itself tells whose it is.

Who ends a hundred entries also writes a file with all of them, `claims/<n / 200>/all.jsonl`, so a
newcomer reads few. It only saves time.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, Protocol

from colabctl.ledger.journals.checks import LaterTaskError, check
from colabctl.ledger.journals.events import Event, parse
from colabctl.ledger.journals.journal import Read

PER_FOLDER = 200  # entries
_LONGEST_NAME = 255  # characters of a worker's
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.64  # seconds, on average half of that
_MOST_REFUSALS = 50  # of one claim; then others are far too fast, and the worker looks around


class ClaimsStore(Protocol):
    """The objects of one sweep's log, by their names below `claims/`.

    All methods raise OSError if the store does not answer, or answers that it is busy. After an
    error, it is unknown whether an object was created.
    """

    def names(self, after: str) -> Sequence[str]:
        """Return the names that sort after one, sorted; the newest may be missing for a while."""

    def read(self, names: Sequence[str]) -> Sequence[bytes]:
        """Return the content of objects, as it was created."""

    def create(self, name: str, data: bytes) -> bool:
        """Create an object; return False if there is one of that name."""


class Entry(NamedTuple):
    """An entry of the log, as far as it can be read; `fault` says why not all of it."""

    number: int
    writer: str
    arrived: tuple[Read, ...]
    fault: str = ""


class Position:
    """How far one process has read the log, and when it saw the last entry of each writer.

    Args:
        monotonic: a clock that no one sets.

    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.next = 0  # number of the next entry
        self.last: dict[str, int] = {}  # number of the last event of each writer in the log
        self._monotonic = monotonic
        self._began = monotonic()
        self._heard: dict[str, float] = {}

    def pass_over(self, entry: Entry) -> list[Read]:
        """Note that an entry was read; return its events, without what the log had before."""
        self.next = entry.number + 1
        last = self.last.get(entry.writer, -1)
        if entry.arrived:
            self._heard[entry.writer] = self._monotonic()
            self.last[entry.writer] = max(last, entry.arrived[-1][0].n)
        return [read for read in entry.arrived if read[0].n > last]

    def take(self, entry: Entry, skip: str, is_new: Callable[[Event], bool]) -> Iterator[Read]:
        """Yield the events of an entry that are new; of the writer `skip`, only claims.

        `is_new` notes an event, and returns whether it was not in a journal that was read.
        """
        for event, line in self.pass_over(entry):
            was_unknown = entry.writer != skip and is_new(event)
            if event.kind == "claim" or was_unknown:
                yield event, line

    def silent_for(self, writer: str) -> float:
        """Return for how many seconds this process has seen no entry of a writer."""
        return self._monotonic() - self._heard.get(writer, self._began)


class Copies(Protocol):
    """What one process has of the log, besides the store."""

    total: int
    log: Position

    def take(self, entry: Entry, skip: str) -> Iterator[Read]:
        """Yield the events of an entry that are new; of the writer `skip`, only claims."""

    def keep(self, name: str, data: bytes) -> None:
        """Keep an object, for readers that do not reach the store."""


class SharedLog:
    """The log in its store, for one worker.

    Args:
        sleep: waits for some seconds after a refusal.

    """

    def __init__(
        self,
        store: ClaimsStore,
        copies: Copies,
        sleep: Callable[[float], object] = time.sleep,
        rng: random.Random | None = None,
    ) -> None:
        self._store, self._copies, self._sleep = store, copies, sleep
        self._rng = rng or random.Random()  # noqa: S311 - workers must differ, no more
        self._faster: tuple[int, bytes] | None = None  # entry in the place of this worker's
        self._refusals = 0  # in a row

    @property
    def log(self) -> Position:
        """How far the log was read."""
        return self._copies.log

    def new_events(self, skip: str) -> Iterator[Read]:
        """Yield what is new in the log, as `take` does; OSError if the store does not answer."""
        faster, self._faster = self._faster, None
        if faster is not None and faster[0] == self.log.next:
            yield from self._read(name_of(faster[0]), faster[1], skip)
        after = name_of(self.log.next - 1) if self.log.next else ""
        names = _in_order(self._store.names(after), self.log.next)
        if names:
            for name, data in zip(names, self._store.read(names), strict=True):
                yield from self._read(name, data, skip)

    def _read(self, name: str, data: bytes, skip: str) -> Iterator[Read]:
        entries = list(entries_in(data, self.log.next, self._copies.total))
        self._copies.keep(name, data)
        for entry in entries or [Entry(self.log.next, "", (), "it is not an entry")]:
            yield from self._copies.take(entry, skip)

    def add(self, writer: str, lines: bytes) -> bool:
        """Create the next entry; return False if another one is in its place.

        Then read what is new, and call `wait`. Raises OSError if the store does not answer; the
        entry may be there all the same, and is read later.
        """
        number = self.log.next
        name, data = name_of(number), _head(number, writer, lines) + lines
        if not self._store.create(name, data):
            there = bytes(self._store.read([name])[0])
            if there != data:  # else an answer of the store was lost
                self._faster = number, there
                return False
        self._refusals = 0
        self._copies.keep(name, data)
        for entry in entries_in(data, number, self._copies.total):
            self.log.pass_over(entry)
        if number % PER_FOLDER == PER_FOLDER - 1:
            self._repeat(number)
        return True

    def wait(self) -> bool:
        """Wait for a random time after a refusal; return whether to try again."""
        self._refusals += 1
        longest = min(_FIRST_WAIT * 2.0 ** min(self._refusals - 1, 10), _LONGEST_WAIT)
        self._sleep(self._rng.uniform(0.0, longest))
        return self._refusals % _MOST_REFUSALS != 0

    def _repeat(self, last: int) -> None:
        """Write all entries of a folder into one object, which only saves time."""
        names = [name_of(number) for number in range(last + 1 - PER_FOLDER, last + 1)]
        with suppress(OSError):
            self._store.create(name_of_all(last), b"".join(self._store.read(names)))


def name_of(number: int) -> str:
    """Return the name of an entry; names sort like their numbers."""
    return f"{number // PER_FOLDER:06d}/{number:09d}.jsonl"


def name_of_all(number: int) -> str:
    """Return the name of the object with all entries of the folder that has this one."""
    return f"{number // PER_FOLDER:06d}/all.jsonl"  # sorts after the entries


def _head(number: int, writer: str, lines: bytes) -> bytes:
    head = {"entry": number, "writer": writer, "events": lines.count(b"\n")}
    return json.dumps(head).encode() + b"\n"


def _in_order(names: Sequence[str], following: int) -> list[str]:
    """Return the names of the entries from `following` on, up to the first that is missing.

    One object stands for all entries of a folder, where that is there.
    """
    there, result = set(names), []
    while True:
        if following % PER_FOLDER == 0 and name_of_all(following) in there:
            result.append(name_of_all(following))
            following += PER_FOLDER
        elif name_of(following) in there:
            result.append(name_of(following))
            following += 1
        else:
            return result


def entries_in(data: bytes, following: int, total: int) -> Iterator[Entry]:
    """Yield the entries from number `following` on in the content of a file.

    Yields nothing if it is not complete. Damaged lines of an entry do not count, for any
    reader.
    """
    lines = data.split(b"\n")
    if lines.pop():
        return
    bodies = list(parse(lines))
    start = 0
    while start < len(lines):
        head = bodies[start] if type(bodies[start]) is dict else {}
        number, count = head.get("entry"), head.get("events")
        if type(number) is not int or type(count) is not int or count < 0:
            yield Entry(following, "", (), "it does not start with the number of the entry")
            return
        end = start + 1 + count
        if end > len(lines):
            return
        if number >= following:
            arrived = zip(bodies[start + 1 : end], lines[start + 1 : end], strict=True)
            yield _entry(head, list(arrived), following, total)
            following += 1
        start = end


def _entry(
    head: dict[str, Any], arrived: list[tuple[Any, bytes]], number: int, total: int
) -> Entry:
    writer = head.get("writer")
    if head["entry"] != number or type(writer) is not str or not _is_name(writer):
        return Entry(number, "", (), f"it is not entry {number} of a worker")
    reads: list[Read] = []
    fault = ""
    for body, line in arrived:
        try:
            event = check(body, writer, total, partial=True)
            if reads and event.n <= reads[-1][0].n:
                raise ValueError(f"event {event.n} is not in its place")
            reads.append((event, line))
        except LaterTaskError:  # of an extension that follows
            continue
        except ValueError as error:
            fault = fault or str(error)
    return Entry(number, writer, tuple(reads), fault)


def _is_name(writer: str) -> bool:
    return writer.isprintable() and 0 < len(writer) <= _LONGEST_NAME and writer[0] not in ".-/"
