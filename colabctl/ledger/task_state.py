"""The state of a task: a pure fold of its events, which every reader computes for itself.

The state depends only on the set of events, not on the reader, its clock, or the order in which
they arrived. Leases are not part of it: a worker that takes a task over has judged that its holder
is lost, and says in its claim which claim it has seen. So two claims that did not see each other
are decided by their order, and no date can take a task from its holder.

`done` counts from any writer, and the first in event order wins. So late events can cause repeated
work, but never lose a result: `cancel` keeps a task from running, but its result counts if there is
one. Only `discard` undoes results, and only those of the attempts that its writer had read.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from heapq import nsmallest
from operator import attrgetter
from typing import Literal, NamedTuple, cast

from colabctl.ledger.journals.events import STEERING_KINDS, Event, Outcome
from colabctl.ledger.order import in_order

Status = Literal["open", "held", "cancelled", "done", "pruned", "failed"]

STATUSES: tuple[Status, ...] = ("open", "held", "cancelled", "done", "pruned", "failed")

MAX_LOSSES = 10
"""Lost workers after which a task counts as failed: it probably kills its workers."""

MOST_ALIKE = 500
"""Events of one kind that one writer can add to a task, besides one for each retry.

No worker writes nearly as many. Later ones do not count: if they did, one journal could make every
reader slow. A result always counts, as a writer's first one is the one that matters.
"""

MOST_DECISIONS = 20
"""The same for each of retry, cancel and discard: a writer is one command, and writes one."""


class TaskState(NamedTuple):
    """The state of a task.

    Attributes:
        status: open (free to claim), held (by a worker), cancelled (by a member), done, pruned, or
            failed (for good).
        holder: the writer that holds the task, if one does.
        held_since: ledger time of that writer's claim, 0.0 if no one holds the task.
        attempts: number of claims that counted.
        failures: failed attempts since the last retry.
        losses: attempts whose worker was lost since the last retry.
        event: the event that finished the task: the first done or pruned, or the last failed;
            None if it was cancelled, or failed because its workers were lost.
        duplicates: number of done or pruned events after the one that counts, without discarded
            ones.

    """

    status: Status = "open"
    holder: str | None = None
    held_since: float = 0.0
    attempts: int = 0
    failures: int = 0
    losses: int = 0
    event: Event | None = None
    duplicates: int = 0

    @property
    def finished(self) -> bool:
        """Whether the task needs no more work."""
        return self.status not in ("open", "held")

    @property
    def has_outcome(self) -> bool:
        """Whether the task is done, pruned or failed."""
        return self.status in ("done", "pruned", "failed")

    @property
    def outcome(self) -> Outcome:
        """How the task ended; empty if it has not ended yet."""
        if self.event is not None:
            return self.event.outcome
        lost = f"lost its worker every time ({MAX_LOSSES} attempts)"
        return Outcome(self.attempts, 0.0, {}, {}, lost if self.status == "failed" else "")


def fold(events: Sequence[Event], max_retries: int) -> TaskState:
    """Return the state of a task.

    Args:
        events: all events of the task, in any order.
        max_retries: number of failed attempts after which the task may be claimed again.

    """
    folded = _Fold(max_retries)
    counting = _without_excess(events, max_retries)
    for event in in_order(counting) if len(counting) > 1 else counting:
        _TAKE[event.kind](folded, event)
    return folded.state()


class _Fold:
    """The state of a task after some of its events, in order.

    Attributes:
        holding: the claim that holds the task.
        results: each done or pruned that counts, with the claim of its attempt.
        claims: the latest claim of each writer.

    """

    def __init__(self, max_retries: int) -> None:
        self._max_retries = max_retries
        self.status: Status = "open"
        self.holding: Event | None = None
        self.attempts = self.failures = self.losses = 0
        self.last: Event | None = None
        self.results: list[tuple[Event, Event]] = []
        self.claims: dict[str, Event] = {}
        self.discards: list[Event] = []
        self.reopened: list[Event] = []  # retries and discards

    def state(self) -> TaskState:
        holding, duplicates = self.holding, max(0, len(self.results) - 1)
        return TaskState(
            self.status,
            holding.writer if holding else None,
            holding.t if holding else 0.0,
            self.attempts,
            self.failures,
            self.losses,
            self.last,
            duplicates,
        )

    def result(self, event: Event) -> None:
        claim = self.claims.get(event.writer, event)
        if any(discard.ends(claim) for discard in self.discards):
            return
        self.results.append((event, claim))
        if len(self.results) == 1:
            self.status, self.last, self.holding = cast("Status", event.kind), event, None

    def discard(self, event: Event) -> None:
        self.discards.append(event)
        self.reopened.append(event)
        left = [result for result in self.results if not event.ends(result[1])]
        if left:
            self.last = left[0][0]
            self.status = cast("Status", self.last.kind)
        elif self.results or (self.holding is not None and event.ends(self.holding)):
            self._open()
            self.failures = self.losses = 0
        self.results = left

    def claim(self, event: Event) -> None:
        self.claims[event.writer] = event
        if self.results or self.status in ("failed", "cancelled"):
            return
        holding = self.holding
        if holding is not None and holding.writer != event.writer:
            if not event.is_after(holding.writer, holding.n):
                return
            self.losses += 1
            if self.losses >= MAX_LOSSES:
                self.status, self.holding = "failed", None
                return
        self.status, self.holding = "held", event
        self.attempts += 1

    def retry(self, event: Event) -> None:
        self.reopened.append(event)
        if self.results:
            return
        self.failures = self.losses = 0
        holding = self.holding
        if holding is None or event.writer == holding.writer or event.ends(holding):
            self._open()

    def cancel(self, event: Event) -> None:
        if any(reply.is_after(event.writer, event.n) for reply in self.reopened):
            return  # it names what was not written yet, to come after all replies
        if self.status in ("open", "held"):
            self.status, self.holding = "cancelled", None

    def released(self, event: Event) -> None:
        if self.holding is None or self.holding.writer != event.writer:
            return
        self._open()
        if event.is_loss:
            self.losses += 1
            if self.losses >= MAX_LOSSES:
                self.status = "failed"

    def failed(self, event: Event) -> None:
        if self.holding is None or self.holding.writer != event.writer:
            return
        self._open()
        self.failures += 1
        if self.failures > self._max_retries or event.is_final:
            self.status, self.last = "failed", event

    def _open(self) -> None:
        self.status, self.last, self.holding = "open", None, None


_TAKE: Mapping[str, Callable[[_Fold, Event], None]] = {
    "done": _Fold.result,
    "pruned": _Fold.result,
    "discard": _Fold.discard,
    "claim": _Fold.claim,
    "retry": _Fold.retry,
    "cancel": _Fold.cancel,
    "released": _Fold.released,
    "failed": _Fold.failed,
}


def most_alike(kind: str, max_retries: int) -> int:
    """Return how many events of a kind by one writer count for a task."""
    return MOST_DECISIONS if kind in STEERING_KINDS else MOST_ALIKE + max_retries


def _without_excess(events: Sequence[Event], max_retries: int) -> Sequence[Event]:
    """Return the events that count: of each kind, the first ones of each writer."""
    if len(events) <= MOST_DECISIONS:
        return events
    alike: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        alike[event.writer, event.kind].append(event)
    return [
        event
        for (_, kind), each in alike.items()
        for event in nsmallest(most_alike(kind, max_retries), each, attrgetter("n"))
    ]
