"""The state of a sweep, updated as events arrive, in any order."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from colabctl.ledger.clock import MAX_LEAD
from colabctl.ledger.events import CONTROL_KINDS, PROGRESS_KINDS, Event, event_order, in_order
from colabctl.ledger.task_state import Status, TaskState, fold
from colabctl.ledger.tasks import TaskFiles


class Writer:
    """One writer: who it is, and when it was alive, in ledger time."""

    __slots__ = (
        "done", "ended", "failed", "host", "jobs", "last_number", "last_seen", "latest", "lease",
        "lost_at", "member", "name", "pid", "pruned", "started", "version", "wall",
    )  # fmt: skip

    def __init__(self, name: str, lease: float) -> None:
        self.name = name
        self.lease = lease  # the sweep's until its start event arrives
        self.member = self.host = ""
        self.pid = 0
        self.jobs = 1
        self.started: float | None = None
        self.version = ""
        self.wall: float | None = None  # time of its own clock when it started
        self.ended: float | None = None
        self.last_number = -1  # of its events
        self.lost_at = -1  # a member declared it lost, having read its events up to this number
        self.latest = 0.0  # date of its latest event, by its own clock
        self.last_seen = 0.0  # when it was alive, for this reader: see `see`
        self.done = self.pruned = self.failed = 0  # done includes pruned

    def lives_at(self, now: float) -> bool:
        """Whether this writer's lease covers ledger time `now`, by the events read so far."""
        if self.ended is not None or self.last_number <= self.lost_at:
            return False
        return now < self.last_seen + self.lease

    @property
    def is_worker(self) -> bool:
        """Whether this is a worker, not a command such as `pause` or `retry`."""
        return self.started is not None

    def see(self, event: Event, read_at: float, *, fresh: bool) -> None:
        """Update this writer by one of its events, read at ledger time `read_at`.

        An event is a sign of life at its date. But nothing that was read is from the future. And
        where the date of a `fresh` event, one that was not there at the last look, is more than an
        hour old, its writer's clock is wrong, or a file was hours late: it counts from now.
        """
        t = event.t
        self.last_number = max(self.last_number, event.n)
        self.latest = max(self.latest, t)
        alive = read_at if fresh and read_at - t > MAX_LEAD else min(t, read_at)
        self.last_seen = max(self.last_seen, alive)
        if event.kind == "start":
            self.started = t
            self.member, self.host = event.body["member"], event.body["host"]
            self.pid, self.jobs = event.body["pid"], event.body["jobs"]
            self.lease = event.body["lease"]
            self.version, self.wall = event.body.get("version", ""), event.body.get("wall")
        elif event.kind == "end":
            self.ended = t


class OpenTasks:
    """A set of task indices; `items` is a list, so k of them can be sampled in O(k)."""

    def __init__(self, total: int) -> None:
        self.items = list(range(total))
        self._positions: list[int | None] = list(range(total))

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[int]:
        return iter(self.items)

    def __contains__(self, index: int) -> bool:
        return self._positions[index] is not None

    def add(self, index: int) -> None:
        """Add a task, if it is not in the set."""
        if self._positions[index] is None:
            self._positions[index] = len(self.items)
            self.items.append(index)

    def discard(self, index: int) -> None:
        """Remove a task, if it is in the set."""
        position = self._positions[index]
        if position is not None:
            last = self.items.pop()
            if last != index:
                self.items[position] = last
                self._positions[last] = position
            self._positions[index] = None


class Proposal(NamedTuple):
    """Parameters that a worker proposed for a task, with an Optuna objective's distributions."""

    params: dict[str, Any]
    distributions: dict[str, Any] | None = None


class SweepState:
    """The states of all tasks and writers of a sweep.

    Only `add` changes it. The same events, in any order and any batches, lead to the same state.

    Args:
        total: number of tasks.
        max_retries: number of failed attempts after which a task may be claimed again.
        lease: seconds, for a writer whose start event has not arrived.
        reaches: returns whether metrics reach the sweep's target; None if it has none.

    """

    def __init__(
        self,
        total: int,
        max_retries: int,
        lease: float,
        reaches: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self.total = total
        self.tasks: list[TaskState] = [TaskState()] * total
        self.open = OpenTasks(total)
        self.held: dict[str, set[int]] = {}
        self.counts: Counter[Status] = Counter({"open": total})
        self.duplicates = 0
        self.writers: dict[str, Writer] = {}
        self.control: Event | None = None  # the order that counts
        self._orders: dict[str, Event] = {}  # the last order of each writer
        self._overridden: dict[str, int] = {}  # orders up to these numbers, by writer
        self._beyond_target = False
        self.progress: dict[int, list[Event]] = {}  # events of running attempts, by task
        self.revision = 0  # number of calls of add
        self._reaches = reaches
        self._reached: dict[int, Event] = {}
        self._events: dict[int, list[Event]] = {}
        self._max_retries = max_retries
        self._lease = lease

    def add(
        self, events: Iterable[Event], read_at: float = math.inf, *, fresh: bool = False
    ) -> None:
        """Add new events, and fold their tasks again; see Writer.see for the other arguments."""
        touched: set[int] = set()
        ordered = False
        self.revision += 1
        for event in events:
            writer = self._writer(event.writer)
            writer.see(event, read_at, fresh=fresh)
            kind = event.kind
            if kind in PROGRESS_KINDS:
                self.progress.setdefault(event.body["task"], []).append(event)
                continue
            if kind in CONTROL_KINDS:
                self._add_order(event)
                ordered = True
                continue
            if kind == "retry" and (name := event.body.get("worker")) is not None:
                lost = self._writer(name)
                lost.lost_at = max(lost.lost_at, event.body.get("after", {}).get(name, -1))
            writer.done += kind in ("done", "pruned")
            writer.pruned += kind == "pruned"
            writer.failed += kind == "failed"
            for index in event.tasks():
                self._events.setdefault(index, []).append(event)
                touched.add(index)
        if ordered:
            self.control = max(self.current_orders(), key=event_order, default=None)
        for index in touched:
            self._fold(index)

    def _writer(self, name: str) -> Writer:
        writer = self.writers.get(name)
        if writer is None:
            writer = self.writers[name] = Writer(name, self._lease)
        return writer

    def _add_order(self, event: Event) -> None:
        earlier = self._orders.get(event.writer)
        if earlier is None or earlier.n < event.n:
            self._orders[event.writer] = event
        for writer, n in event.body.get("after", {}).items():
            if writer != event.writer:
                self._overridden[writer] = max(n, self._overridden.get(writer, -1))
        if event.kind == "resume" and event.body.get("beyond_target") is True:
            self._beyond_target = True

    def current_orders(self) -> list[Event]:
        """Return the orders that no other order came after; the last of them counts."""
        overridden = self._overridden
        return [
            event for writer, event in self._orders.items() if event.n > overridden.get(writer, -1)
        ]

    def time_moved(self, seconds: float) -> None:
        """Note that ledger time has jumped ahead: the writers were alive as long ago as before."""
        for writer in self.writers.values():
            writer.last_seen += seconds

    def last_events(self, indices: Iterable[int]) -> dict[str, int]:
        """Return the number of the last event of these tasks by each writer, for `after`."""
        last: dict[str, int] = {}
        for index in indices:
            for event in self._events.get(index, ()):
                last[event.writer] = max(event.n, last.get(event.writer, -1))
        return last

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
        """Whether a task has reached the target, which stops the sweep.

        A `resume` that was given after that continues it for good.
        """
        return bool(self._reached) and not self._beyond_target

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
        return in_order(self._events.get(index, []))

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
        events = [event for event in self.progress.get(index, ()) if event.kind == kind]
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

    def _fold(self, index: int) -> None:
        events = self._events[index]
        old = self.tasks[index]
        new = fold(events, self._max_retries)
        self.tasks[index] = new
        if self._reaches is not None and new.event is not old.event:
            self._reached.pop(index, None)
            if new.event and new.status == "done" and self._reaches(new.event.metrics):
                self._reached[index] = new.event
        self.duplicates += new.duplicates - old.duplicates
        if new.status != old.status:
            self.counts[old.status] -= 1
            self.counts[new.status] += 1
            if new.status == "open":
                self.open.add(index)
            else:
                self.open.discard(index)
        if new.holder != old.holder:
            if old.holder is not None:
                self.held[old.holder].discard(index)
            if new.holder is not None:
                self.held.setdefault(new.holder, set()).add(index)


def params_of(state: SweepState, tasks: TaskFiles, index: int) -> dict[str, Any]:
    """Return the parameters of a task, as declared or proposed; {} if none were proposed yet."""
    declared = tasks.params(index)
    if declared is not None:
        return declared
    proposal = state.proposal(index)
    if proposal is None:
        return {}
    return {**tasks.cell_values(index), **proposal.params}
