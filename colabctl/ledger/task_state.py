"""The state of a task: a pure fold of its events, which every reader computes for itself.

The state depends only on the set of events, not on the reader, its clock, or the order in which
they arrived. Leases are not part of it: a worker that takes a task over has judged that its holder
is lost, and says in its claim which claim it has seen. So two claims that did not see each other
are decided by their order, and no date can take a task from its holder.

`done` counts from any writer, the first in event order wins, and nothing undoes it. So late events
can cause repeated work, but never lose a result.
"""

from collections import defaultdict
from collections.abc import Sequence
from heapq import nsmallest
from operator import attrgetter
from typing import Literal, NamedTuple, cast

from colabctl.ledger.events import Event, Outcome, in_order

Status = Literal["open", "held", "done", "pruned", "failed"]

STATUSES: tuple[Status, ...] = ("open", "held", "done", "pruned", "failed")

MAX_LOSSES = 10
"""Lost workers after which a task counts as failed: it probably kills its workers."""

MOST_ALIKE = 500
"""Events of one kind that one writer can add to a task, besides one for each retry.

No worker writes nearly as many. Later ones do not count: if they did, one journal could make every
reader slow. A result always counts, as a writer's first one is the one that matters.
"""


class TaskState(NamedTuple):
    """The state of a task.

    Attributes:
        status: open (free to claim), held (by a worker), done, pruned, or failed (for good).
        holder: the writer that holds the task, if one does.
        held_since: ledger time of that writer's claim, 0.0 if no one holds the task.
        attempts: number of claims that counted.
        failures: failed attempts since the last retry.
        losses: attempts whose worker was lost since the last retry.
        event: the event that finished the task: the first done or pruned, or the last failed;
            None if the task failed because its workers were lost.
        duplicates: number of done or pruned events after the one that counts.

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
    status: Status = "open"
    holder: str | None = None
    held_with = -1  # number of the holder's claim
    held_since = 0.0
    attempts = failures = losses = duplicates = 0
    last: Event | None = None
    counting = _without_excess(events, MOST_ALIKE + max_retries)
    for event in in_order(counting) if len(counting) > 1 else counting:
        kind = event.kind
        saw_holder = holder in (None, event.writer) or event.is_after(str(holder), held_with)
        if kind in ("done", "pruned"):
            if status in ("done", "pruned"):
                duplicates += 1
            else:
                status, last, holder = cast("Status", kind), event, None
        elif status in ("done", "pruned"):
            continue
        elif kind == "claim":
            if status == "failed" or not saw_holder:
                continue
            if holder not in (None, event.writer):
                losses += 1
                if losses >= MAX_LOSSES:
                    status, holder = "failed", None
                    continue
            status, holder, held_with, held_since = "held", event.writer, event.n, event.t
            attempts += 1
        elif kind == "retry":
            failures = losses = 0
            if status == "failed":
                status, last = "open", None
            elif saw_holder:
                status, holder = "open", None
        elif holder == event.writer:  # failed and released end only the holder's claim
            status, holder = "open", None
            if kind == "failed":
                failures += 1
                if failures > max_retries or event.is_final:
                    status, last = "failed", event
    since = held_since if holder else 0.0
    return TaskState(status, holder, since, attempts, failures, losses, last, duplicates)


def _without_excess(events: Sequence[Event], most: int) -> Sequence[Event]:
    """Return the events that count: of each kind, the first ones of each writer."""
    if len(events) <= most:
        return events
    alike: defaultdict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        alike[event.writer, event.kind].append(event)
    return [event for each in alike.values() for event in nsmallest(most, each, attrgetter("n"))]
