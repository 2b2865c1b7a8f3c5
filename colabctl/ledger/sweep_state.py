"""The state of a whole sweep, kept up to date as events come in, in whatever order they come."""

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from colabctl.ledger.events import CONTROL_KINDS, PROGRESS_KINDS, Event
from colabctl.ledger.task_state import FRESH, Status, TaskState, fold
from colabctl.ledger.tasks import TaskFiles

_place = itemgetter(0, 1, 2)  # (t, writer, n)


class Writer:
    """What is known of one writer: who it is and when it showed life (ledger times)."""

    __slots__ = (
        "contested", "done", "ended", "failed", "horizon", "host", "jobs", "lease", "member",
        "name", "pid", "pruned", "signs", "started", "version", "wall",
    )  # fmt: skip

    def __init__(self, name: str, lease: float) -> None:
        self.name = name
        self.lease = lease  # until its start event arrives, what the sweep says
        self.member = self.host = ""
        self.pid = 0
        self.jobs = 1
        self.started: float | None = None
        self.version = ""
        self.wall: float | None = None  # its own clock when it started
        self.ended: float | None = None
        self.signs: list[float] = []
        self.done = self.pruned = self.failed = 0  # pruned ones are done as well
        self.contested: set[int] = set()  # tasks that another writer has claimed as well
        self.horizon = 0.0  # the latest of those claims: older news of this writer changes them

    def lives_at(self, t: float) -> bool:
        """Whether the lease of this writer covers ledger time `t`, as far as is known."""
        if self.ended is not None and self.ended <= t:
            return False
        place = bisect_right(self.signs, t)
        return place > 0 and t < self.signs[place - 1] + self.lease

    @property
    def last_seen(self) -> float:
        """Ledger time of the latest sign of life."""
        return self.signs[-1] if self.signs else 0.0

    @property
    def is_worker(self) -> bool:
        """Whether this is a worker, not a person's `pause` or `retry`."""
        return self.started is not None

    def see(self, event: Event) -> None:
        """Learn from one event of this writer."""
        t = event.t
        signs = self.signs
        if not signs or t > signs[-1]:
            signs.append(t)
        elif t < signs[-1]:
            insort(signs, t)
        if event.kind == "start":
            self.started = t
            self.member, self.host = event.body["member"], event.body["host"]
            self.pid, self.jobs = event.body["pid"], event.body["jobs"]
            self.lease = event.body["lease"]
            self.version, self.wall = str(event.body.get("version", "")), event.body.get("wall")
        elif event.kind == "end":
            self.ended = t if self.ended is None else min(self.ended, t)


class OpenTasks:
    """A set of task indices from which any k can be drawn in the time that k take."""

    def __init__(self, total: int) -> None:
        self.items = list(range(total))
        self._place: list[int | None] = list(range(total))

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[int]:
        return iter(self.items)

    def __contains__(self, index: int) -> bool:
        return self._place[index] is not None

    def add(self, index: int) -> None:
        """Put a task in."""
        if self._place[index] is None:
            self._place[index] = len(self.items)
            self.items.append(index)

    def discard(self, index: int) -> None:
        """Take a task out, if it is in."""
        place = self._place[index]
        if place is not None:
            last = self.items.pop()
            if last != index:
                self.items[place] = last
                self._place[last] = place
            self._place[index] = None


class Proposal(NamedTuple):
    """The parameters that somebody found for a slot; distributions as an Optuna objective has."""

    params: dict[str, Any]
    distributions: dict[str, Any] | None = None


class SweepState:
    """All tasks of a sweep, folded, with what a worker needs to choose among them.

    `add` takes news; everything else reads. Two books that have been given the same events, in
    any order and any portions, hold the same state.

    reaches  whether metrics are so good that the rest of the sweep is not needed
    """

    def __init__(
        self,
        total: int,
        max_retries: int,
        lease: float,
        reaches: Callable[[Mapping[str, Any]], bool] | None = None,
    ) -> None:
        self.total = total
        self.tasks: list[TaskState] = [FRESH] * total
        self.open = OpenTasks(total)
        self.held: dict[str, set[int]] = {}
        self.counts: Counter[Status] = Counter({"open": total})
        self.duplicates = 0
        self.writers: dict[str, Writer] = {}
        self.control: Event | None = None
        self.progress: dict[int, list[Event]] = {}
        self.revision = 0  # counts the news
        self._reaches = reaches
        self._reached: dict[int, Event] = {}
        self._events: dict[int, list[Event]] = {}
        self._max_retries = max_retries
        self._lease = lease

    def add(self, events: Iterable[Event]) -> None:
        """Take in events that were not added before, and fold the tasks they touch."""
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
                if self.control is None or event[:3] > self.control[:3]:
                    self.control = event
                continue
            if kind in ("done", "pruned"):
                writer.done += 1
                writer.pruned += kind == "pruned"
            elif kind == "failed":
                writer.failed += 1
            for index in event.tasks():
                own = self._events.get(index)
                if own is None:
                    self._events[index] = [event]
                else:
                    own.append(event)
                touched.add(index)
        for index in touched:
            self._fold(index)

    def lives_at(self, writer: str, t: float) -> bool:
        """Whether the lease of `writer` covers ledger time `t`."""
        known = self.writers.get(writer)
        return known is not None and known.lives_at(t)

    def live_workers(self, now: float) -> list[Writer]:
        """Return the workers whose lease covers ledger time `now`."""
        return [each for each in self.writers.values() if each.is_worker and each.lives_at(now)]

    @property
    def finished(self) -> int:
        """Number of tasks that need no more work."""
        return self.counts["done"] + self.counts["pruned"] + self.counts["failed"]

    @property
    def order(self) -> str:
        """What the group wants of the sweep: "go", "pause" or "stop"."""
        if self.reached_target:
            return "stop"
        if self.control is None or self.control.kind == "resume":
            return "go"
        return self.control.kind

    @property
    def reached_target(self) -> bool:
        """Whether a task has reached the target, and nobody has given another order since.

        The first outcome that reaches it stops the sweep as `stop` does, so `resume` goes on.
        """
        if not self._reached:
            return False
        first = min(map(_place, self._reached.values()))
        return self.control is None or first > _place(self.control)

    def lapsed(self, now: float) -> list[int]:
        """Return the tasks whose holder's lease does not cover `now`."""
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
        """Return all events of a task that bear on its state, in order."""
        return sorted(self._events.get(index, []), key=_place)

    def reports_of(self, index: int) -> list[tuple[float | None, dict[str, Any]]]:
        """Return (step, values) of the intermediate values of the attempt that counts.

        That is the one whose outcome counts, or who holds the task, or the latest that told some.
        """
        events = self._told_by_one(index, "report")
        return [(step, values) for event in events for step, values in event.body["reports"]]

    def proposal(self, index: int) -> Proposal | None:
        """Return the parameters of a slot: those of the attempt that counts, else the first ones.

        So who runs a slot again, after a failure or a lost worker, runs the same parameters.
        """
        suggested = self._told_by_one(index, "suggested", latest=False)
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
        writer = self._counting_writer(index)
        counting = [event for event in claims if event.writer == writer]
        return Proposal((counting or claims[:1])[-1].body["params"][key])

    def _told_by_one(self, index: int, kind: str, *, latest: bool = True) -> list[Event]:
        """Return what one attempt told: the one that counts, else the latest or the first."""
        told = [event for event in self.progress.get(index, ()) if event.kind == kind]
        if not told:
            return []
        told.sort(key=_place)

        def attempt(event: Event) -> tuple[str, int]:
            return event.writer, event.body["attempt"]

        state = self.tasks[index]
        if state.outcome is not None and state.finished:
            wanted = attempt(state.outcome)
        else:
            held = [each for each in told if each.writer == state.holder]
            wanted = attempt(held[-1] if held else told[-1 if latest else 0])
        return [event for event in told if attempt(event) == wanted]

    def _counting_writer(self, index: int) -> str | None:
        state = self.tasks[index]
        return state.outcome.writer if state.finished and state.outcome else state.holder

    def _fold(self, index: int) -> None:
        events = self._events[index]
        old = self.tasks[index]
        new = fold(events, self.lives_at, self._max_retries)
        if len(events) > 1 and any(event.writer != events[0].writer for event in events):
            self._note_rivals(index, events)
        self.tasks[index] = new
        if self._reaches is not None and new.outcome is not old.outcome:
            self._reached.pop(index, None)
            if new.status == "done" and self._reaches(new.outcome.body.get("metrics", {})):  # type: ignore[union-attr]
                self._reached[index] = new.outcome  # type: ignore[assignment]
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
        """Remember that news of one of these writers may decide anew whose claim counts."""
        claims = [event for event in events if event.kind == "claim"]
        for event in claims:
            writer = self.writers[event.writer]
            writer.contested.add(index)
            writer.horizon = max(writer.horizon, *(claim.t for claim in claims))


def params_of(state: SweepState, tasks: TaskFiles, index: int) -> dict[str, Any]:
    """Return the parameters of a task: as declared, or as proposed for it, as far as is known."""
    declared = tasks[index].params
    if declared is not None:
        return declared
    proposal = state.proposal(index)
    if proposal is None:
        return {}
    return {**tasks.cell_values(index), **proposal.params}
