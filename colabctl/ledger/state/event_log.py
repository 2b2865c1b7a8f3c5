"""The events of a sweep's tasks in order of arrival: columns, and the lines that were read.

An event in memory as a Python object takes about 1 kB. Here it takes 30 bytes and its line, which
is parsed again when someone asks for the event's body.
"""

from array import array
from collections.abc import Iterator, Mapping
from typing import Any

from colabctl.ledger.journals.events import BATCH_KINDS, TASK_KINDS, Event, decode, encode
from colabctl.ledger.order import in_order
from colabctl.ledger.proposals import part_of

KINDS = tuple(sorted(TASK_KINDS | BATCH_KINDS))
_CODES = {kind: code for code, kind in enumerate(KINDS)}


class Body(Mapping[str, Any]):
    """The parts of an event, parsed when one of them is first needed."""

    __slots__ = ("_log", "_number", "_parts")

    def __init__(self, log: "EventLog", number: int) -> None:
        self._log = log
        self._number = number
        self._parts: dict[str, Any] | None = None

    def parts(self) -> dict[str, Any]:
        """Return all parts."""
        if self._parts is None:
            self._parts = decode(self._log.line(self._number))
            for name in ("n", "t", "event"):
                del self._parts[name]
            if (after := self._log.after_of(self._number)) is not None:
                self._parts["after"] = after
        return self._parts

    def __getitem__(self, name: str) -> Any:
        if name == "after":  # every fold asks for this part, and few events have it
            after = self._log.after_of(self._number)
            if after is None:
                raise KeyError(name)
            return after
        head = self._log.heads.get(self._number)
        return head[name] if head is not None and name in head else self.parts()[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a part, or `default` if there is none."""
        try:
            return self[name]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts())

    def __len__(self) -> int:
        return len(self.parts())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Body):
            if other._log is self._log and other._number == self._number:
                return True
            return self.parts() == other.parts()
        return isinstance(other, Mapping) and self.parts() == dict(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.parts())


class EventLog:
    """The events, numbered in order of arrival.

    Attributes:
        names: the names of the writers; `writers` holds their positions here.
        times, writers, numbers: columns, one entry for each event: its ledger time, its writer, and
            its number in that writer's journal.
        kinds: a code for its kind.
        after: where its `after` is in `afters`, from 1; 0 if it has none.
        afters: what events name in `after`. One event may be recorded for each of its tasks, and
            one `after` may be long, so they share it.
        starts: where its line begins in `base` followed by `lines`.
        heads: the member of each retry, cancel and discard. Such an event may have very many
            tasks, and each of them asks for it.

    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.times = array("d")
        self.writers = array("i")
        self.numbers = array("q")
        self.kinds = bytearray()
        self.after = array("i")
        self.afters: list[dict[str, int]] = []
        self.starts = array("q")
        self.base = memoryview(b"")
        self.lines = bytearray()
        self.heads: dict[int, dict[str, Any]] = {}

    def __len__(self) -> int:
        return len(self.times)

    def add(
        self,
        t: float,
        writer: int,
        n: int,
        kind: str,
        line: bytes,
        *,
        after: dict[str, int] | None = None,
    ) -> int:
        """Add an event with its line, without a newline; return its number here."""
        if after is not None and not (self.afters and self.afters[-1] is after):
            self.afters.append(after)
        number = len(self.times)
        self.times.append(t)
        self.writers.append(writer)
        self.numbers.append(n)
        self.kinds.append(_CODES[kind])
        self.after.append(0 if after is None else len(self.afters))
        self.starts.append(len(self.base) + len(self.lines))
        self.lines += line
        return number

    def add_claim(self, event: Event, line: bytes, writer: int) -> Iterator[tuple[int, int]]:
        """Add a claim; yield each of its tasks, and the number of its event here.

        A claim with parameters, or of tasks with earlier events, is added once for each task, with
        the task's part alone. Otherwise all parts would be parsed to look at one task.
        """
        t, _, n, _, body = event
        proposed, after = body.get("params", {}), body.get("after")
        if not proposed and after is None:
            number = self.add(t, writer, n, "claim", line)
            for index, _ in body["tasks"]:
                yield index, number
            return
        for index, attempt in body["tasks"]:
            parts: dict[str, Any] = {"tasks": [[index, attempt]]}
            if str(index) in proposed:
                parts |= part_of(body, index)
            own = encode(n, t, "claim", parts).rstrip()
            yield index, self.add(t, writer, n, "claim", own, after=after)

    def event(self, number: int) -> Event:
        """Return an event; its body is parsed when it is needed."""
        return Event(
            self.times[number],
            self.names[self.writers[number]],
            self.numbers[number],
            KINDS[self.kinds[number]],
            Body(self, number),
        )

    def after_of(self, number: int) -> dict[str, int] | None:
        """Return what an event names in `after`, None if it names nothing."""
        place = self.after[number]
        return self.afters[place - 1] if place else None

    def steering(self) -> list[Event]:
        """Return the events that retry, cancel or discard tasks, in order."""
        return in_order(list(map(self.event, self.heads)))

    def line(self, number: int) -> bytes:
        """Return the line of an event."""
        start = self.starts[number]
        after = number + 1
        end = self.starts[after] if after < len(self.starts) else len(self.base) + len(self.lines)
        if start < len(self.base):
            return bytes(self.base[start:end])
        return bytes(self.lines[start - len(self.base) : end - len(self.base)])
