"""The state of a sweep, updated as events arrive, in any order."""

import math
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import chain
from typing import Any

from colabctl.ledger.journals.events import (
    CONTROL_KINDS,
    FOLLOW,
    OUTCOME_KINDS,
    PROGRESS_KINDS,
    STEERING_KINDS,
    Event,
    encode,
)
from colabctl.ledger.journals.journal import Read
from colabctl.ledger.order import in_order
from colabctl.ledger.state.columns import Columns
from colabctl.ledger.state.ends import LONGEST_RUN, End, EndRules, Ends
from colabctl.ledger.state.event_log import EventLog
from colabctl.ledger.state.excess import Excess
from colabctl.ledger.state.open_tasks import OpenTasks
from colabctl.ledger.state.orders import Orders
from colabctl.ledger.state.requests import Requests
from colabctl.ledger.state.task_states import TaskStates
from colabctl.ledger.state.writer import Writer
from colabctl.ledger.task_state import STATUSES, Status, TaskState, fold

Measure = Callable[[Mapping[str, Any]], tuple[float, bool]]
"""Returns the sweep's metric, NaN without one, and whether the metrics lack it."""

_OPEN, _CANCELLED_TASK = TaskState(), TaskState("cancelled")
_HELD, _CANCELLED = STATUSES.index("held"), STATUSES.index("cancelled")


def _no_metric(metrics: Mapping[str, Any]) -> tuple[float, bool]:  # noqa: ARG001 - a Measure
    return math.nan, False


class SweepState:
    """The states of all tasks and writers of a sweep.

    The same events, in any order and any batches, lead to the same state.

    Almost all tasks are simple: one claim, and at most one outcome, later and by the same writer;
    or nothing but one cancel. Their states are read off the columns. The events of all others are
    folded.

    Args:
        total: number of tasks.
        max_retries: number of failed attempts after which a task may be claimed again.
        lease: seconds, for a writer whose start event has not arrived.
        rules: what ends it before all its tasks have run.
        measure: returns the value of the sweep's metric.
        repeats: number of tasks of each configuration, which follow each other.
        together: whether these run together; else the first ones of all run first.

    """

    def __init__(
        self,
        total: int,
        max_retries: int,
        lease: float,
        rules: EndRules = EndRules(),  # noqa: B008 - a value
        measure: Measure = _no_metric,
        *,
        repeats: int = 1,
        together: bool = False,
    ) -> None:
        self.total, self.repeats, self.together = total, repeats, together
        self.log = EventLog()
        self.columns = Columns(total)
        self.others: dict[int, list[int]] = {}  # numbers of the events of tasks not simple
        self.excess = Excess(self.log, max_retries)
        self.tasks = TaskStates(total, self.task)
        self.open = OpenTasks(total)
        self.held: dict[str, set[int]] = {}
        self.counts: Counter[Status] = Counter({"open": total})
        self.followed: dict[int, Requests] = {}
        self.notices: dict[str, set[int]] = {}  # after how many decisions, by occasion
        self.duplicates = self.revision = 0  # revision: calls of add and read
        self.writers: dict[str, Writer] = {}
        self.called: Callable[[str], str] = str  # the present name of a member
        self.first: Collection[int] = ()  # tasks that are claimed before the others
        self.orders = Orders(rules.limits_by)
        self.latest = 0.0  # date of an event, see `read`
        self._heard: dict[str, Writer] = {}  # writers with events since the last look at them
        self.progress: dict[int, list[int]] = {}  # numbers of events of running attempts, by task
        self.ends = Ends(rules, repeats, self.columns, self.log)
        self._states: dict[int, TaskState] = {}  # of tasks not simple
        self._measure, self._max_retries, self._lease = measure, max_retries, lease

    def add(
        self, events: Iterable[Event], read_at: float = math.inf, *, fresh: bool = False
    ) -> None:
        """Add new events that were not read from a line; for the rest, see Writer.look."""
        self.read((e, encode(e.n, e.t, e.kind, e.body).rstrip()) for e in events)
        self.look_at_writers(read_at, fresh=fresh)

    def read(self, arrived: Iterable[Read], limit: float = math.inf) -> int:
        """Add new events, fold their tasks again, and return how many events there were.

        Args:
            arrived: the events, each with its line.
            limit: dates after this do not count for `latest`.

        """
        touched: set[int] = set()
        self.revision += 1
        count = 0
        try:
            for event, line in arrived:
                writer = self._writer(event.writer)
                writer.see(event)
                self._heard[writer.name] = writer
                self.latest = max(self.latest, event.t if event.t <= limit else 0.0)
                self._take(event, line, writer, touched)
                count += 1
        finally:  # reading may fail after some events
            for index in touched:
                self._fold(index)
            self.ends.park(self.open, beyond=self.orders.beyond_limits)
        return count

    def add_restored(self, writer: Writer) -> None:
        """Add a writer whose events are in the log."""
        self.log.names.append(writer.name)
        self.writers[writer.name] = writer

    def rebuild(self) -> None:
        """Derive the rest from the columns, the log, the writers, and the events of `others`."""
        self.revision += 1
        columns = self.columns
        self.counts = Counter({status: columns.count(status) for status in STATUSES})
        self.open = OpenTasks(self.total, columns.having("open"))
        self.held = {}
        for index, numbers in self.others.items():
            task = fold(events := list(map(self.log.event, numbers)), self._max_retries)
            self._states[index] = task._replace(event=None)
            self.duplicates += task.duplicates
            self.ends.note(index, task, events)
        for index in columns.having("held"):
            self.held.setdefault(str(self.tasks[index].holder), set()).add(index)
        for index in columns.finished() if self.ends.watches else ():
            self.ends.look_at(index)
        self.ends.park(self.open, beyond=self.orders.beyond_limits)

    def found_alive(self, now: float) -> None:
        """Judge when all writers were alive, by their latest events, at the first look at them."""
        for writer in self.writers.values():
            writer.last_seen = min(writer.latest, now)

    def look_at_writers(self, read_at: float, *, fresh: bool) -> None:
        """Judge which writers are alive by the events read since the last call."""
        for writer in self._heard.values():
            writer.look(read_at, fresh=fresh)
        self._heard.clear()

    def time_moved(self, seconds: float) -> None:
        """Note that ledger time has jumped ahead: the writers were alive as long ago as before."""
        for writer in self.writers.values():
            writer.last_seen += seconds

    def _writer(self, name: str) -> Writer:
        writer = self.writers.get(name)
        if writer is None:
            self.log.names.append(name)
            writer = self.writers[name] = Writer(name, len(self.writers), self._lease)
        return writer

    def _take(self, event: Event, line: bytes, writer: Writer, touched: set[int]) -> None:
        """Record an event, and change the states of the tasks that stay simple."""
        t, name, n, kind, body = event
        columns, log = self.columns, self.log
        if kind in OUTCOME_KINDS:
            self.ends.add(body.get("seconds", 0.0))
        if kind in ("done", "pruned"):
            index = body["task"]
            number = log.add(t, writer.number, n, kind, line, after=body.get("after"))
            claim = columns.claims[index]
            if (
                claim >= 0
                and columns.statuses[index] == _HELD
                and log.writers[claim] == writer.number
                and log.numbers[claim] < n
                and "after" not in body
            ):
                self.held[name].discard(index)
                self.counts["held"] -= 1
                self._finish(index, "done" if kind == "done" else "pruned", number, event)
            else:
                self._add_other(index, number, touched)
        elif kind == "claim":
            held = self.held.setdefault(name, set())
            for index, number in self.log.add_claim(event, line, writer.number):
                if columns.statuses[index] or index in self.others:
                    self._add_other(index, number, touched)
                    continue
                columns.statuses[index], columns.claims[index] = _HELD, number
                self.open.discard(index)
                held.add(index)
                self.counts["open"] -= 1
                self.counts["held"] += 1
        elif kind in PROGRESS_KINDS:
            number = log.add(t, writer.number, n, kind, line)
            self.progress.setdefault(body["task"], []).append(number)
        elif kind in CONTROL_KINDS:
            self.orders.add(event)
        elif kind == "notice":
            self.notices.setdefault(body["about"], set()).add(body.get("decisions", 0))
        elif kind == FOLLOW:
            self.followed[body["task"]] = Requests.with_one(self.followed.get(body["task"]), event)
        elif kind in STEERING_KINDS:
            self._steer(event, line, writer, touched)
        elif tasks := event.tasks():
            number = log.add(t, writer.number, n, kind, line, after=body.get("after"))
            for index in tasks:
                self._add_other(index, number, touched)
        elif kind == "dismiss":
            self._writer(body["worker"]).dismiss(event)

    def _steer(self, event: Event, line: bytes, writer: Writer, touched: set[int]) -> None:
        """Record a retry, cancel or discard."""
        t, _, n, kind, body = event
        number = self.log.add(t, writer.number, n, kind, line, after=body.get("after"))
        self.log.heads[number] = {"member": body["member"]} if "member" in body else {}
        statuses, claims = self.columns.statuses, self.columns.claims
        for index in body["tasks"]:
            if kind == "cancel" and not statuses[index] and index not in self.others:
                statuses[index], claims[index] = _CANCELLED, number
                self.open.discard(index)
                self.counts.update(open=-1, cancelled=1)
            else:
                self._add_other(index, number, touched)
        if kind == "retry" and (lost := body.get("worker")) is not None:
            self._writer(lost).lose(body.get("after", {}).get(lost, -1))

    def _add_other(self, index: int, number: int, touched: set[int]) -> None:
        """Add an event of a task that is not simple, or not any more."""
        numbers = self.others.get(index)
        if numbers is None:
            self._states[index] = self._simple(index)._replace(event=None)
            numbers = self.others[index] = self._numbers(index)
            self.columns.claims[index] = -1
        if self.excess.add(index, number, numbers):
            touched.add(index)

    def _finish(self, index: int, status: Status, number: int, event: Event) -> None:
        """Set the outcome of a task that an event has finished."""
        columns = self.columns
        columns.statuses[index], columns.outcomes[index] = STATUSES.index(status), number
        columns.seconds[index] = min(max(0.0, event.body.get("seconds", 0.0)), LONGEST_RUN)
        self.counts[status] += 1
        if status == "done":
            columns.values[index], columns.lacking[index] = self._measure(event.metrics)
        self.ends.look_at(index)

    def task(self, index: int) -> TaskState:
        """Return the state of a task."""
        if index not in self.others:
            return self._simple(index)
        state, number = self._states[index], self.columns.outcomes[index]
        return state if number < 0 else state._replace(event=self.log.event(number))

    def _simple(self, index: int) -> TaskState:
        columns = self.columns
        claim = columns.claims[index]
        if claim < 0:
            return _OPEN
        outcome = columns.outcomes[index]
        if columns.statuses[index] == _CANCELLED:
            return _CANCELLED_TASK
        if outcome < 0:
            claimed = self.log.event(claim)
            return TaskState("held", claimed.writer, claimed.t, 1)
        return TaskState(columns.status(index), attempts=1, event=self.log.event(outcome))

    def _fold(self, index: int) -> None:
        numbers = self.others[index]
        events = list(map(self.log.event, numbers))
        old, new = self._states[index], fold(events, self._max_retries)
        self._states[index] = new._replace(event=None)
        self.ends.note(index, new, events)
        self.duplicates += new.duplicates - old.duplicates
        columns = self.columns
        outcome = next(
            (n for n, each in zip(numbers, events, strict=True) if each is new.event), -1
        )
        if new.status != old.status or columns.outcomes[index] != outcome:
            self.counts[old.status] -= 1
            columns.values[index], columns.lacking[index] = math.nan, False
            columns.seconds[index] = 0.0
            if new.event is None:
                columns.statuses[index], columns.outcomes[index] = STATUSES.index(new.status), -1
                self.counts[new.status] += 1
                self.ends.look_at(index)
            else:
                self._finish(index, new.status, outcome, new.event)
        if new.status != old.status:
            is_open = new.status == "open" and not self.ends.is_parked(index)
            (self.open.add if is_open else self.open.discard)(index)
        if new.holder != old.holder:
            if old.holder is not None:
                self.held[old.holder].discard(index)
            if new.holder is not None:
                self.held.setdefault(new.holder, set()).add(index)

    def lives_at(self, name: str, t: float) -> bool:
        """Whether the lease of the writer called `name` covers ledger time `t`."""
        return (writer := self.writers.get(name)) is not None and writer.lives_at(t)

    def live_workers(self, now: float) -> list[Writer]:
        """Return the workers whose lease covers ledger time `now`."""
        return [each for each in self.writers.values() if each.is_worker and each.lives_at(now)]

    @property
    def finished(self) -> int:
        """Number of tasks that need no more work."""
        return self.total - self.counts["open"] - self.counts["held"]

    @property
    def outcomes(self) -> int:
        """Number of tasks that are done, pruned or failed."""
        return self.finished - self.counts["cancelled"]

    @property
    def order(self) -> str:
        """The current order to all workers: "go", "pause" or "stop"."""
        if self.ended is not None:
            return "stop"
        control = self.orders.control
        return "go" if control is None or control.kind == "resume" else control.kind

    @property
    def ended(self) -> End | None:
        """What has ended the sweep before all its tasks have run, which stops it.

        A `resume` that was given after that continues it for good.
        """
        if self.ends.reached and not self.orders.beyond_target:
            return "target"
        if self.finished == self.total or self.orders.beyond_limits:
            return None
        if self.ends.is_spent(self.outcomes):
            return "budget"
        held = chain.from_iterable(self.held.values())
        is_left = self.open or not self.ends.parked or not all(map(self.ends.is_parked, held))
        return None if is_left else "patience"

    @property
    def room(self) -> int:
        """How many more tasks may start within the budget, besides those that ran before."""
        room = self.ends.room(self.outcomes + self.counts["held"], self.open)
        return sys.maxsize if self.orders.beyond_limits else room

    def lapsed(self, now: float) -> list[int]:
        """Return the tasks that are held by a writer whose lease does not cover `now`."""
        lapsed = (held for name, held in self.held.items() if held and not self.lives_at(name, now))
        return list(chain.from_iterable(lapsed))

    def claimable(self, now: float) -> int:
        """Return how many tasks may be claimed at ledger time `now`."""
        if self.ends.is_nearly_spent(self, now) and not self.orders.beyond_limits:
            return 0
        lapsed = sum(not self.ends.is_parked(index) for index in self.lapsed(now))
        free, room = len(self.open), self.room
        return (free if room >= free else min(free, room + self.ends.again(self.open))) + lapsed

    def events_of(self, index: int) -> list[Event]:
        """Return the events that decide the state of a task, in order."""
        return in_order(list(map(self.log.event, self._numbers(index))))

    def last_events(self, indices: Iterable[int]) -> dict[str, int]:
        """Return the number of the last event of these tasks by each writer, for `after`."""
        log = self.log
        last: dict[str, int] = {}
        for index in indices:
            for number in self._numbers(index):
                name = log.names[log.writers[number]]
                last[name] = max(log.numbers[number], last.get(name, -1))
        return last

    def _numbers(self, index: int) -> list[int]:
        """Return the numbers in the log of the events that decide the state of a task."""
        if (numbers := self.others.get(index)) is not None:
            return numbers
        simple = (self.columns.claims[index], self.columns.outcomes[index])
        return [number for number in simple if number >= 0]

    def failures_of(self, index: int) -> list[Event]:
        """Return the failed attempts at a task, in order."""
        return [event for event in self.events_of(index) if event.kind == "failed"]
