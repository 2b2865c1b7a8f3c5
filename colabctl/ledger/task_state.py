"""The state of a task: a pure fold of its events, which every reader computes for itself.

The state depends only on the set of events, not on the reader, its clock, or the order in which
they arrived. Leases are not part of it: a worker that takes a task over has judged that its holder
is lost, and says in its claim which claim it has seen. So two claims that did not see each other
are decided by their order, and no date can take a task from its holder.

`done` counts from any writer, and the first in event order wins. So late events can cause repeated
work, but never lose a result: `cancel` keeps a task from running, but its result counts if there is
one. Only `discard` undoes results, and only those of the attempts that its writer had read.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple, cast

from colabctl.ledger.events import Event, Outcome
from colabctl.ledger.order import in_order

Status = Literal["open", "held", "cancelled", "done", "pruned", "failed"]

STATUSES: tuple[Status, ...] = ("open", "held", "cancelled", "done", "pruned", "failed")

MAX_LOSSES = 10
"""Lost workers after which a task counts as failed: it probably kills its workers."""


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
    status: Status = "open"
    holding: Event | None = None  # the claim that holds the task
    attempts = failures = losses = 0
    last: Event | None = None
    claims: dict[str, Event] = {}  # the latest of each writer
    results: list[tuple[Event, Event]] = []  # done or pruned, and the claim of the attempt
    discards: list[Event] = []
    for event in in_order(events) if len(events) > 1 else events:
        kind = event.kind
        if kind == "claim":
            claims[event.writer] = event
        if kind in ("done", "pruned"):
            claim = claims.get(event.writer, event)
            if not any(discard.ends(claim) for discard in discards):
                results.append((event, claim))
                if len(results) == 1:
                    status, last, holding = cast("Status", kind), event, None
        elif kind == "discard":
            discards.append(event)
            left = [result for result in results if not event.ends(result[1])]
            if left:
                last = left[0][0]
                status = cast("Status", last.kind)
            elif results or (holding is not None and event.ends(holding)):
                status, last, holding, failures, losses = "open", None, None, 0, 0
            results = left
        elif results:
            continue
        elif kind == "claim":
            is_new = holding is not None and holding.writer != event.writer
            if status in ("failed", "cancelled") or (is_new and not event.is_after(holding)):
                continue
            if is_new:
                losses += 1
                if losses >= MAX_LOSSES:
                    status, holding = "failed", None
                    continue
            status, holding = "held", event
            attempts += 1
        elif kind == "retry":
            failures = losses = 0
            if holding is None or event.writer == holding.writer or event.ends(holding):
                status, last, holding = "open", None, None
        elif kind == "cancel":
            if status in ("open", "held"):
                status, holding = "cancelled", None
        elif holding is not None and holding.writer == event.writer:
            status, holding = "open", None  # failed and released end only the holder's claim
            if kind == "failed":
                failures += 1
                if failures > max_retries:
                    status, last = "failed", event
    return TaskState(
        status,
        holding.writer if holding else None,
        holding.t if holding else 0.0,
        attempts,
        failures,
        losses,
        last,
        max(0, len(results) - 1),
    )
