"""The state of a sweep, updated as events arrive, in any order."""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from colabctl.ledger.events import CONTROL_KINDS, PROGRESS_KINDS, Event, event_order
from colabctl.ledger.task_state import Status, TaskState, fold
from colabctl.ledger.tasks import TaskFiles


class Writer:
    """One writer: who it is, and when it was alive, in ledger time."""

    __slots__ = (
        "contested", "done", "ended", "failed", "horizon", "host", "jobs", "lease", "member",
        "name", "pid", "pruned", "started", "times", "version", "wall",
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
        self.times: list[float] = []  # of its events, ascending
        self.done = self.pruned = self.failed = 0  # done includes pruned
        self.contested: set[int] = set()  # tasks that another writer has claimed too
        self.horizon = 0.0  # time of the latest claim of a contested task, see _note_rivals

    def lives_at(self, t: float) -> bool:
        """Whether this writer's lease covers ledger time `t`, by the events read so far."""
        if self.ended is not None and self.ended <= t:
            return False
        earlier = bisect_right(self.times, t)
        return earlier > 0 and t < self.times[earlier - 1] + self.lease

    @property
    def last_seen(self) -> float:
        """Ledger time of the latest event."""
        return self.times[-1] if self.times else 0.0

    @property
    def is_worker(self) -> bool:
        """Whether this is a worker, not a command such as `pause` or `retry`."""
        return self.started is not None

    def see(self, event: Event) -> None:
        """Update this writer by one of its events."""
        t = event.t
        if not self.times or t > self.times[-1]:
            self.times.append(t)
        elif t < self.times[-1]:
            insort(self.times, t)
        if event.kind == "start":
            self.started = t
            self.member, self.host = event.body["member"], event.body["host"]
            self.pid, self.jobs = event.body["pid"], event.body["jobs"]
            self.lease = event.body["lease"]
            self.version, self.wall = str(event.body.get("version", "")), event.body.get("wall")
        elif event.kind == "end":
            self.ended = t if self.ended is None else min(self.ended, t)


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
        self.control: Event | None = None
        self.progress: dict[int, list[Event]] = {}  # events of running attempts, by task
        self.revision = 0  # number of calls of add
        self._reaches = reaches
        self._reached: dict[int, Event] = {}
        self._events: dict[int, list[Event]] = {}
        self._max_retries = max_retries
        self._lease = lease

    def add(self, events: Iterable[Event]) -> None:
        """Add new events, and fold their tasks again."""
        touched: set[int] = set()
        self.revision += 1
        for event in events:
            writer = self.writers.get(event.writer)
            if writer is None:
                writer = self.writers[event.writer] = Writer(event.writer, self._lease)
            writer.see(event)
            if event.t <= writer.horizon or (event.kind == "start" and writer.contested):
                touched |= writer.contested
            kind = event.kind
            if kind in PROGRESS_KINDS:
                self.progress.setdefault(event.body["task"], []).append(event)
                continue
            if kind in CONTROL_KINDS:
                if self.control is None or event_order(event) > event_order(self.control):
                    self.control = event
                continue
            writer.done += kind in ("done", "pruned")
            writer.pruned += kind == "pruned"
            writer.failed += kind == "failed"
            for index in event.tasks():
                self._events.setdefault(index, []).append(event)
                touched.add(index)
        for index in touched:
            self._fold(index)

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
        if not self._reached:
            return False
        first = min(map(event_order, self._reached.values()))
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
        return sorted(self._events.get(index, []), key=event_order)

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
        new = fold(events, self.lives_at, self._max_retries)
        if len(events) > 1 and any(event.writer != events[0].writer for event in events):
            self._note_rivals(index, events)
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

    def _note_rivals(self, index: int, events: list[Event]) -> None:
        """Note that events of these writers that arrive later may change whose claim counts.

        Example: ana, with a lease of 60 s, claims a task at 100, and ben claims it at 170. By the
        events read so far, ana has been silent since 100, so ben holds the task. Then ana's
        heartbeat of 150 arrives. Her lease lasted until 210, so ben's claim is void and ana holds
        the task. Events of ana's after the last claim, 170 (the horizon), change nothing, except
        her start event, which has the length of her lease.
        """
        claims = [event for event in events if event.kind == "claim"]
        for event in claims:
            writer = self.writers[event.writer]
            writer.contested.add(index)
            writer.horizon = max(writer.horizon, *(claim.t for claim in claims))


def params_of(state: SweepState, tasks: TaskFiles, index: int) -> dict[str, Any]:
    """Return the parameters of a task, as declared or proposed; {} if none were proposed yet."""
    declared = tasks.params(index)
    if declared is not None:
        return declared
    proposal = state.proposal(index)
    if proposal is None:
        return {}
    return {**tasks.cell_values(index), **proposal.params}
