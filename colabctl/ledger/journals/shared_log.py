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
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol

from colabctl.ledger.journals.checks import check
from colabctl.ledger.journals.events import parse
from colabctl.ledger.journals.journal import Damage, Read
from colabctl.ledger.journals.numbered import NumberedJournals
from colabctl.sharedfs.files import read_file, write_once
from colabctl.sharedfs.rights import make_folder

PER_FOLDER = 200  # entries
_LARGEST = 1 << 28  # bytes of an entry, as of a file of a journal
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
    """An entry of the log, as far as it can be read; `fault` says why not."""

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
        self.claims: dict[str, int] = {}  # number of the last event of each writer in the log
        self._monotonic = monotonic
        self._began = monotonic()
        self._heard: dict[str, float] = {}

    def pass_over(self, entry: Entry) -> Iterator[Read]:
        """Note that an entry was read; yield its events, those that may be in a journal too."""
        self.next = entry.number + 1
        last = self.claims.get(entry.writer, -1)
        if entry.arrived:
            self._heard[entry.writer] = self._monotonic()
            self.claims[entry.writer] = max(last, entry.arrived[-1][0].n)
        for event, line in entry.arrived:
            if event.n > last:  # else someone repeats what has its place
                yield event, line

    def silent_for(self, writer: str) -> float:
        """Return for how many seconds this process has seen no entry of a writer."""
        return self._monotonic() - self._heard.get(writer, self._began)


class SharedLog:
    """The log in its store, for one worker.

    Args:
        keep: called with the name and the content of each entry, for the mirror.
        sleep: waits for some seconds after a refusal.

    """

    def __init__(
        self,
        store: ClaimsStore,
        total: int,
        position: Position,
        keep: Callable[[str, bytes], None] = lambda _name, _data: None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._store, self._total, self._position = store, total, position
        self._keep, self._sleep = keep, sleep
        self._faster = b""  # the entry that was created instead of this worker's
        self._refusals = 0  # in a row

    def arrived(self) -> Iterator[Entry]:
        """Yield the entries that are new, in order; raise OSError if the store does not answer."""
        position = self._position
        if self._faster:
            data, self._faster = self._faster, b""
            yield from self._taken([name_of(position.next)], [data])
        after = name_of(position.next - 1) if position.next else ""
        names = _in_order(self._store.names(after), position.next)
        if names:
            yield from self._taken(names, self._store.read(names))

    def _taken(self, names: Sequence[str], contents: Sequence[bytes]) -> Iterator[Entry]:
        for name, data in zip(names, contents, strict=True):
            for entry in entries_in(data, name, self._position.next, self._total):
                self._keep(name, data)
                yield entry

    def add(self, writer: str, lines: bytes) -> int | None:
        """Create the next entry; return its number, or None if another one is in its place."""
        number = self._position.next
        name, data = name_of(number), _head(number, writer) + lines
        if not self._store.create(name, data):
            there = bytes(self._store.read([name])[0])
            if there != data:  # else an answer of the store was lost
                self._faster = there
                return None
        self._refusals = 0
        self._keep(name, data)
        if number % PER_FOLDER == PER_FOLDER - 1:
            self._repeat(number)
        return number

    def wait(self, rng: Random) -> bool:
        """Wait for a random time after a refusal; return whether to try again."""
        self._refusals += 1
        if self._refusals % _MOST_REFUSALS == 0:
            return False
        longest = min(_FIRST_WAIT * 2.0 ** (self._refusals - 1), _LONGEST_WAIT)
        self._sleep(rng.uniform(0.0, longest))
        return True

    def _repeat(self, last: int) -> None:
        """Write all entries of a folder into one object, which only saves time."""
        names = [name_of(number) for number in range(last + 1 - PER_FOLDER, last + 1)]
        with suppress(OSError):
            self._store.create(_all_of(last), b"".join(self._store.read(names)))


class LoggedJournals(NumberedJournals):
    """The journals and the log as files in a mirror; `claims` is the folder of the log."""

    def __init__(self, claims: Path, *journals: Any, position: Position | None = None) -> None:
        super().__init__(*journals)
        self.claims = claims
        self.log = position or Position()
        self._log_damage: list[Damage] = []

    @property
    def damage(self) -> list[Damage]:
        """As in journals, and the entries that cannot be read."""
        return [*super().damage, *self._log_damage]

    def new_events(self, skip: str) -> Iterator[Read]:
        """Yield the events that are new in the log, then those that are new in journals."""
        while data := self._file(name_of(self.log.next)) or self._file(_all_of(self.log.next)):
            before = self.log.next
            for entry in entries_in(data, name_of(before), before, self.total):
                yield from self.take(entry, skip)
            if self.log.next == before:  # the file has not arrived completely
                break
        for event, line in super().new_events(skip):
            if event.kind != "claim":  # it counts if it is in the log, and was taken there
                yield event, line

    def _file(self, name: str) -> bytes:
        try:
            return read_file(self.claims / name, _LARGEST)
        except FileNotFoundError:
            return b""

    def take(self, entry: Entry, skip: str) -> Iterator[Read]:
        """Yield the events of an entry that are new; of the writer `skip`, only claims."""
        if entry.fault:
            file = self.claims / name_of(entry.number)
            self._log_damage.append(Damage(file, 1, entry.fault))
        for event, line in self.log.pass_over(entry):
            is_new = entry.writer != skip and self.is_new(event)
            if event.kind == "claim" or is_new:
                yield event, line

    def keep(self, name: str, data: bytes) -> None:
        """Write an entry into the mirror, where readers without the store find it."""
        file = self.claims / name
        with suppress(OSError):  # the store has it
            make_folder(self.claims, follow=False)
            make_folder(file.parent, follow=False)
            write_once(file, data)

    def position(self) -> dict[str, Any]:
        """Return how far the log and the journals have been read."""
        return {"": [self.log.next, self.log.claims], **super().position()}

    def resume(self, position: dict[str, Any]) -> bool:
        """Continue at a position, if the journals and the log are those that were read."""
        number, claims = position[""]
        journals = {name: each for name, each in position.items() if name}
        if number and not self._file(name_of(number - 1)) and not self._file(_all_of(number - 1)):
            return False
        self.log.next, self.log.claims = number, dict(claims)
        return super().resume(journals)


def name_of(number: int) -> str:
    """Return the name of an entry; names sort like their numbers."""
    return f"{number // PER_FOLDER:06d}/{number:09d}.jsonl"


def _all_of(number: int) -> str:
    return f"{number // PER_FOLDER:06d}/all.jsonl"  # sorts after the entries of its folder


def _head(number: int, writer: str) -> bytes:
    return json.dumps({"entry": number, "writer": writer}).encode() + b"\n"


def _in_order(names: Sequence[str], following: int) -> list[str]:
    """Return the names of the entries from `following` on, up to the first that is missing.

    One object stands for all entries of a folder, where that is there.
    """
    there, result = set(names), []
    while True:
        if following % PER_FOLDER == 0 and _all_of(following) in there:
            result.append(_all_of(following))
            following += PER_FOLDER
        elif name_of(following) in there:
            result.append(name_of(following))
            following += 1
        else:
            return result


def entries_in(data: bytes, name: str, following: int, total: int) -> Iterator[Entry]:
    """Yield the entries from number `following` on in the content of a file.

    An entry that is damaged has no events. It keeps its number, so all readers pass over it.
    """
    if not data.endswith(b"\n"):
        if data:
            yield Entry(following, "", (), "it has no end")
        return
    lines = data.split(b"\n")[:-1]
    heads = [n for n, line in enumerate(lines) if line.startswith(b'{"entry": ')]
    if heads[:1] != [0]:
        yield Entry(following, "", (), "it does not say who wrote it")
        return
    for start, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        entry = _entry(lines[start:end], following, total)
        if entry is None:
            continue  # it was read before
        yield entry
        following += 1
    del name


def _entry(lines: list[bytes], following: int, total: int) -> Entry | None:
    head, *bodies = parse(lines)
    if type(head) is not dict:
        return Entry(following, "", (), "it does not say who wrote it")
    number, writer = head.get("entry"), head.get("writer")
    if type(number) is int and number < following:
        return None
    if number != following or type(writer) is not str or not _is_name(writer):
        return Entry(following, "", (), f"it is not entry {following} of a worker")
    try:
        events = [check(body, writer, total) for body in bodies]
    except ValueError as error:
        return Entry(following, writer, (), str(error))
    numbers = [event.n for event in events]
    if numbers != sorted(set(numbers)):
        return Entry(following, writer, (), "its events are not in order")
    return Entry(following, writer, tuple(zip(events, lines[1:], strict=True)))


def _is_name(writer: str) -> bool:
    return writer.isprintable() and 0 < len(writer) <= 255 and writer[0] not in ".-/"
