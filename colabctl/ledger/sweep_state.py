"""The state of a sweep, updated as events arrive, in any order."""

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

from colabctl.ledger.events import CONTROL_KINDS, PROGRESS_KINDS, Event, encode, event_order
from colabctl.ledger.journal import Read
from colabctl.ledger.state.columns import Columns
from colabctl.ledger.state.event_log import EventLog
from colabctl.ledger.state.open_tasks import OpenTasks
from colabctl.ledger.state.writer import Writer
from colabctl.ledger.task_state import STATUSES, Status, TaskState, fold
from colabctl.ledger.tasks import TaskFiles

Measure = Callable[[Mapping[str, Any]], tuple[float, bool]]
"""Returns the sweep's metric, NaN without one, and whether the metrics lack it."""

_OPEN = TaskState()
_HELD = STATUSES.index("held")


class Proposal(NamedTuple):
    """Parameters that a worker proposed for a task, with an Optuna objective's distributions."""

    params: dict[str, Any]
    distributions: dict[str, Any] | None = None


def _no_metric(metrics: Mapping[str, Any]) -> tuple[float, bool]:  # noqa: ARG001 - a Measure
    return math.nan, False


class SweepState:
    """The states of all tasks and writers of a sweep.

    Only `add` and `read` change it. The same events, in any order and any batches, lead to the same
    state. Almost all tasks are simple: one claim, and at most one outcome, later and by the same
    writer. Their states are read off the columns. The events of all others are folded.

    Args:
        total: number of tasks.
        max_retries: number of failed attempts after which a task may be claimed again.
        lease: seconds, for a writer whose start event has not arrived.
        reaches: returns whether metrics reach the sweep's target; None if it has none.
        measure: returns the value of the sweep's metric.

    """

    def __init__(
        self,
        total: int,
        max_retries: int,
        lease: float,
        reaches: Callable[[Mapping[str, Any]], bool] | None = None,
        measure: Measure = _no_metric,
    ) -> None:
        self.total = total
        self.log = EventLog()
        self.columns = Columns(total)
        self.others: dict[int, list[int]] = {}  # numbers of the events of tasks not simple
        self.tasks = Tasks(self)
        self.open = OpenTasks(total)
        self.held: dict[str, set[int]] = {}
        self.counts: Counter[Status] = Counter({"open": total})
        self.duplicates = 0
        self.writers: dict[str, Writer] = {}
        self.control: Event | None = None
        self.progress: dict[int, list[int]] = {}  # numbers of events of running attempts, by task
        self.revision = 0  # number of calls of add and read
        self.reached: dict[int, int] = {}  # tasks that reach the target, with their outcomes
        self._states: dict[int, TaskState] = {}  # of tasks not simple
        self._reaches = reaches
        self._measure = measure
        self._max_retries = max_retries
        self._lease = lease

    def add(self, events: Iterable[Event]) -> None:
        """Add new events that were not read from a line."""
        self.read((e, encode(e.n, e.t, e.kind, dict(e.body)).rstrip()) for e in events)

    def read(self, arrived: Iterable[Read]) -> int:
        """Add new events, fold their tasks again, and return how many events there were."""
        touched: set[int] = set()
        self.revision += 1
        count = 0
        try:
            for count, (event, line) in enumerate(arrived, 1):  # noqa: B007 - used below
                writer = self.writers.get(event.writer)
                if writer is None:
                    writer = self._new_writer(event.writer)
                writer.see(event)
                if writer.contested and (event.t <= writer.horizon or event.kind == "start"):
                    touched |= writer.contested
                self._take(event, line, writer, touched)
        finally:  # reading may fail after some events
            for index in touched:
                self._fold(index)
        return count

    def _new_writer(self, name: str) -> Writer:
        self.log.names.append(name)
        writer = self.writers[name] = Writer(name, len(self.writers), self._lease)
        return writer

    def _take(self, event: Event, line: bytes, writer: Writer, touched: set[int]) -> None:
        """Record an event, and change the states of the tasks that stay simple."""
        t, name, n, kind, body = event
        columns, log = self.columns, self.log
        if kind in ("done", "pruned"):
            index = body["task"]
            number = log.add(t, writer.number, n, kind, line)
            claim = columns.claims[index]
            if (
                claim >= 0
                and columns.outcomes[index] < 0
                and log.writers[claim] == writer.number
                and (log.times[claim], log.numbers[claim]) < (t, n)
            ):
                self.held[name].discard(index)
                self.counts["held"] -= 1
                self._finish(index, "done" if kind == "done" else "pruned", number, event)
            else:
                self._add_other(index, number, touched)
        elif kind == "claim":
            held = self.held.setdefault(name, set())
            for index, number in self._claims(event, line, writer):
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
            if self.control is None or event_order(event) > event_order(self.control):
                self.control = event
        elif tasks := event.tasks():
            number = log.add(t, writer.number, n, kind, line)
            for index in tasks:
                self._add_other(index, number, touched)

    def _claims(self, event: Event, line: bytes, writer: Writer) -> Iterator[tuple[int, int]]:
        """Record a claim; yield each of its tasks, and the number of its event in the log.

        A claim that proposes parameters is recorded once for each task, with the task's part alone:
        else whoever asks for the parameters of one task would parse those of all.
        """
        t, _, n, _, body = event
        proposed = body.get("params")
        if not proposed:
            number = self.log.add(t, writer.number, n, "claim", line)
            for index, _ in body["tasks"]:
                yield index, number
            return
        for index, attempt in body["tasks"]:
            parts: dict[str, Any] = {"tasks": [[index, attempt]]}
            if (key := str(index)) in proposed:
                parts["params"] = {key: proposed[key]}
            own = encode(n, t, "claim", parts)
            yield index, self.log.add(t, writer.number, n, "claim", own)

    def _add_other(self, index: int, number: int, touched: set[int]) -> None:
        """Add an event of a task that is not simple, or not any more."""
        numbers = self.others.get(index)
        if numbers is None:
            columns = self.columns
            self._states[index] = self._simple(index)._replace(event=None)
            earlier = (columns.claims[index], columns.outcomes[index])
            numbers = self.others[index] = [each for each in earlier if each >= 0]
            columns.claims[index] = -1
        numbers.append(number)
        touched.add(index)

    def _finish(self, index: int, status: Status, number: int, event: Event) -> None:
        """Set the outcome of a task that an event has finished."""
        columns = self.columns
        columns.statuses[index], columns.outcomes[index] = STATUSES.index(status), number
        self.counts[status] += 1
        if status == "done":
            metrics = event.metrics
            columns.values[index], columns.lacking[index] = self._measure(metrics)
            if self._reaches is not None and self._reaches(metrics):
                self.reached[index] = number

    # -- what is known of a task -----------------------------------------------------------------

    def task(self, index: int) -> TaskState:
        """Return the state of a task."""
        if index in self.others:
            state = self._states[index]
            number = self.columns.outcomes[index]
            return state if number < 0 else state._replace(event=self.log.event(number))
        return self._simple(index)

    def _simple(self, index: int) -> TaskState:
        columns = self.columns
        claim = columns.claims[index]
        if claim < 0:
            return _OPEN
        outcome = columns.outcomes[index]
        if outcome < 0:
            claimed = self.log.event(claim)
            return TaskState("held", claimed.writer, claimed.t, 1)
        return TaskState(columns.status(index), attempts=1, event=self.log.event(outcome))

    def _fold(self, index: int) -> None:
        numbers = self.others[index]
        events = list(map(self.log.event, numbers))
        old, new = self._states[index], fold(events, self.lives_at, self._max_retries)
        self._note_rivals(index, events)
        self._states[index] = new._replace(event=None)
        self.duplicates += new.duplicates - old.duplicates
        columns = self.columns
        outcome = next((n for n, each in zip(numbers, events, strict=True) if each is new.event), -1)
        if new.status != old.status or columns.outcomes[index] != outcome:
            self.counts[old.status] -= 1
            self.reached.pop(index, None)
            columns.values[index], columns.lacking[index] = math.nan, False
            if new.event is None:
                columns.statuses[index], columns.outcomes[index] = STATUSES.index(new.status), -1
                self.counts[new.status] += 1
            else:
                self._finish(index, new.status, outcome, new.event)
        if new.status != old.status:
            if new.status == "open":
                self.open.add(index)
            else:
                self.open.discard(index)
        if new.holder != old.holder:
            if old.holder is not None:
                self.held[old.holder].discard(index)
            if new.holder is not None:
                self.held.setdefault(new.holder, set()).add(index)

    def _note_rivals(self, index: int, events: list[Event]) -> None:
        """Note that events of these writers that arrive later may change whose claim counts.

        Example: ana, with a lease of 60 s, claims a task at 100, and ben claims it at 170. By the
        events read so far, ana has been silent since 100, so ben holds the task. Then ana's
        heartbeat of 150 arrives. Her lease lasted until 210, so ben's claim is void and ana holds
        the task. Events of ana's after the last claim, 170 (the horizon), change nothing, except
        her start event, which has the length of her lease.
        """
        if all(event.writer == events[0].writer for event in events):
            return
        claims = [event for event in events if event.kind == "claim"]
        for event in claims:
            writer = self.writers[event.writer]
            writer.contested.add(index)
            writer.horizon = max(writer.horizon, *(claim.t for claim in claims))

    def lives_at(self, name: str, t: float) -> bool:
        """Whether the lease of the writer called `name` covers ledger time `t`."""
        writer = self.writers.get(name)
        return writer is not None and writer.lives_at(t)

    def live_workers(self, now: float) -> list[Writer]:
        """Return the workers whose lease covers ledger time `now`."""
        return [
            writer for writer in self.writers.values() if writer.is_worker and writer.lives_at(now)
        ]

    @property
    def finished(self) -> int:
        """Number of tasks that need no more work."""
        return self.counts["done"] + self.counts["pruned"] + self.counts["failed"]

    @property
    def order(self) -> str:
        """The current order to all workers: "go", "pause" or "stop"."""
        if self.reached_target:
            return "stop"
        kind = self.control.kind if self.control else "resume"
        return "go" if kind == "resume" else kind

    @property
    def reached_target(self) -> bool:
        """Whether a task has reached the target, with no order after it.

        The first such outcome stops the sweep, as `stop` does, so `resume` continues it.
        """
        if not self.reached:
            return False
        first = min(event_order(self.log.event(number)) for number in self.reached.values())
        return self.control is None or bool(first > event_order(self.control))

    def lapsed(self, now: float) -> list[int]:
        """Return the tasks that are held by a writer whose lease does not cover `now`."""
        return [
            index
            for writer, held in self.held.items()
            if held and not self.lives_at(writer, now)
            for index in held
        ]

    def claimable(self, now: float) -> int:
        """Return how many tasks may be claimed at ledger time `now`."""
        return len(self.open) + len(self.lapsed(now))

    def events_of(self, index: int) -> list[Event]:
        """Return the events that decide the state of a task, in order."""
        numbers = self.others.get(index)
        if numbers is None:
            claim, outcome = self.columns.claims[index], self.columns.outcomes[index]
            return [self.log.event(number) for number in (claim, outcome) if number >= 0]
        return sorted(map(self.log.event, numbers), key=event_order)

    def failures_of(self, index: int) -> list[Event]:
        """Return the failed attempts at a task, in order."""
        return [event for event in self.events_of(index) if event.kind == "failed"]

    def reports_of(self, index: int) -> list[tuple[float | None, dict[str, Any]]]:
        """Return the intermediate values of one attempt as (step, values).

        This is the attempt that finished the task, else the one that holds it, else the latest that
        reported any.
        """
        events = self._progress_of_attempt(index, "report")
        return [(step, values) for event in events for step, values in event.body["reports"]]

    def proposal(self, index: int) -> Proposal | None:
        """Return the parameters proposed by the attempt that counts, else the first ones proposed.

        So a task that failed or lost its worker runs again with the same parameters.
        """
        suggested = self._progress_of_attempt(index, "suggested", latest=False)
        if suggested:
            merged = Proposal({}, {})
            for event in suggested:
                merged.params.update(event.body.get("params", {}))
                merged.distributions.update(event.body.get("distributions", {}))  # type: ignore[union-attr]
            return merged
        key = str(index)
        claims = [
            event
            for event in self.events_of(index)
            if event.kind == "claim" and key in event.body.get("params", ())
        ]
        if not claims:
            return None
        state = self.tasks[index]
        writer = state.event.writer if state.event else state.holder
        counting = [event for event in claims if event.writer == writer]
        return Proposal((counting or claims[:1])[-1].body["params"][key])

    def _progress_of_attempt(self, index: int, kind: str, *, latest: bool = True) -> list[Event]:
        """Return the events of the attempt that counts, else of the latest (or first) attempt."""
        reported = map(self.log.event, self.progress.get(index, ()))
        events = [event for event in reported if event.kind == kind]
        if not events:
            return []
        events.sort(key=event_order)

        def attempt(event: Event) -> tuple[str, int]:
            return event.writer, event.body["attempt"]

        state = self.tasks[index]
        if state.event is not None:
            counting = attempt(state.event)
        else:
            held = [event for event in events if event.writer == state.holder]
            counting = attempt(held[-1] if held else events[-1 if latest else 0])
        return [event for event in events if attempt(event) == counting]

class Tasks(Sequence[TaskState]):
    """The states of all tasks, made when they are asked for."""

    def __init__(self, state: SweepState) -> None:
        self._state = state

    def __len__(self) -> int:
        return self._state.total

    @overload
    def __getitem__(self, index: int) -> TaskState: ...

    @overload
    def __getitem__(self, index: slice) -> list[TaskState]: ...

    def __getitem__(self, index: int | slice) -> TaskState | list[TaskState]:
        if isinstance(index, slice):
            return [self._state.task(each) for each in range(*index.indices(len(self)))]
        return self._state.task(range(len(self))[index])


def params_of(state: SweepState, tasks: TaskFiles, index: int) -> dict[str, Any]:
    """Return the parameters of a task, as declared or proposed; {} if none were proposed yet."""
    declared = tasks[index].params
    if declared is not None:
        return declared
    proposal = state.proposal(index)
    if proposal is None:
        return {}
    return {**tasks.cell_values(index), **proposal.params}
