"""Reads the task numbers of writers that knew fewer extensions than this reader.

Tasks are numbered in the order of the extensions. Where two members extend a sweep at the same
time, a worker may know only the later of both, and number its tasks from where the earlier one
begins. Each journal names in its first event the extensions that its writer knew, so every reader
can tell which tasks the writer meant. What it says of them waits while the reader lacks one of
these extensions.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import Any

from colabctl.ledger.extensions.record import Extension, concurrent, ordered, without_repeats
from colabctl.ledger.journals.events import FOLLOW, TASK_KINDS, Event, encode
from colabctl.ledger.journals.journal import Read
from colabctl.ledger.plan import Plan

NAMED = "extensions"
"""The part of a journal's first event that lists the extensions its writer knew."""


def view_of(plan: Plan) -> dict[str, Any]:
    """Return what a journal's first event says of a sweep's extensions, and of its program."""
    if not plan.extensions:
        return {}
    return {NAMED: [each.name for each in plan.extensions], "code": plan.code_digest}


class Numbering:
    """The numbers of tasks in the journals of a sweep, as each writer counts them."""

    def __init__(self, plan: Plan) -> None:
        self._extensions = {each.name: each for each in plan.extensions}
        self._first = plan.declared.total if plan.declared else plan.total
        self.is_needed = any(True for _ in concurrent(plan.extensions))
        # Elsewhere an extension is there before what was done with its tasks.
        self._may_lack = bool(plan.extensions) and plan.consistency != "coherent"
        self.holds_back = False  # whether events wait, for an extension or a first event
        self._views: dict[str, tuple[str, ...]] = {}  # by writer
        self._held: defaultdict[str, list[Read]] = defaultdict(list)  # until that is known
        self._tables: dict[tuple[str, ...], _Table | None] = {}

    def read(self, arrived: Iterator[Read]) -> Iterator[Read]:
        """Return events with the numbers that this reader has for their tasks."""
        return self._translated(arrived) if self.is_needed or self._may_lack else arrived

    def know(self, writers: Iterable[str]) -> None:
        """Note writers whose first event was read before, when nothing was held back."""
        self._views.update(dict.fromkeys(writers, tuple(self._extensions)))

    def number(self, index: int, writer: str) -> int:
        """Return the number that a writer has for a task, as in the names of its folders."""
        if not self.is_needed or index < self._first:
            return index
        table = self._table(writer)
        return index if table is None else table.theirs.get(index, index)

    def index(self, number: int, writer: str) -> int | None:
        """Return this reader's number of a task by that of a writer; None if it is not known."""
        if not self.is_needed or number < self._first:
            return number
        table = self._table(writer)
        try:
            return None if table is None else table.ours(number)
        except IndexError:
            return None

    def _translated(self, arrived: Iterator[Read]) -> Iterator[Read]:
        for event, line in arrived:
            if event.n == 0:
                self._see(event)
                yield from filter(None, map(self._own, self._held.pop(event.writer, ())))
            tasks = [event.body["task"]] if event.kind == FOLLOW else event.tasks()
            if all(index < self._first for index in tasks):
                yield event, line
            elif event.writer in self._views:
                if own := self._own((event, line)):
                    yield own
            else:
                self.holds_back = True
                self._held[event.writer].append((event, line))

    def _see(self, first: Event) -> None:
        """Note which extensions a writer knew."""
        named = first.body.get(NAMED, [])
        names = tuple(map(str, named)) if isinstance(named, list) else ()
        self._views[first.writer] = names
        self.holds_back |= not self._extensions.keys() >= set(names)

    def _own(self, read: Read) -> Read | None:
        """Return an event with this reader's numbers; None if an extension is not here."""
        event, _ = read
        table = self._table(event.writer)
        if table is None:
            return None
        if not self.is_needed:
            return read
        try:
            body = _renumbered(event, table)
        except IndexError:
            return None
        own = event._replace(body=body)
        return own, encode(own.n, own.t, own.kind, body).rstrip()

    def _table(self, writer: str) -> "_Table | None":
        names = self._views.get(writer, ())
        if names not in self._tables:
            extensions = [self._extensions[name] for name in names if name in self._extensions]
            is_whole = len(extensions) == len(names)
            every = list(self._extensions.values())
            self._tables[names] = _Table(self._first, extensions, every) if is_whole else None
        return self._tables[names]


class _Table:
    """The tasks of a writer that knew some extensions, in the numbers of one that knows `every`."""

    def __init__(self, first: int, extensions: list[Extension], every: list[Extension]) -> None:
        self._first = first
        self._own = without_repeats(ordered(extensions))
        self._starts = [0, *accumulate(each.total for each in self._own)]
        self._place: dict[tuple[str, int], int] = {}
        index, by_key = first, dict[str, int]()
        for each in every:
            for number in each.counting:
                self._place[each.name, number] = index
                if each.keys:
                    by_key[each.keys[number]] = index
                index += 1
            for number in each.dropped:  # another extension has the same task
                self._place[each.name, number] = by_key[each.keys[number]]

    def ours(self, theirs: int) -> int:
        """Return the reader's number of a task; raise IndexError if the writer had none such."""
        if theirs < self._first:
            return theirs
        at = bisect_right(self._starts, theirs - self._first) - 1
        if not 0 <= at < len(self._own):
            raise IndexError(theirs)
        each = self._own[at]
        return self._place[each.name, each.counting[theirs - self._first - self._starts[at]]]

    @cached_property
    def theirs(self) -> dict[int, int]:
        """The writer's number of each task, by the reader's."""
        every = range(self._first, self._first + self._starts[-1])
        return {self.ours(theirs): theirs for theirs in every}


def _renumbered(event: Event, table: _Table) -> dict[str, Any]:
    body = dict(event.body)
    if event.kind in TASK_KINDS or event.kind == FOLLOW:
        return {**body, "task": table.ours(body["task"])}
    if event.kind == "claim":
        body["tasks"] = [[table.ours(index), attempt] for index, attempt in body["tasks"]]
        for part in {"params", "samplers"} & body.keys():
            own = {key: value for key, value in body[part].items() if key.isdecimal()}
            body[part] = {str(table.ours(int(key))): value for key, value in own.items()}
        return body
    return {**body, "tasks": [table.ours(index) for index in body["tasks"]]}
