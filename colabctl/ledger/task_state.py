"""What a task's events amount to: the pure fold that every reader makes on its own.

The state of a task depends on the set of its events and nothing else: not on the order in which
they arrived, not on who reads. `done` counts from anyone, the first in order wins, and nothing
undoes it; so late news can repeat work but never lose a result.
"""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Literal, NamedTuple

from colabctl.ledger.events import Event

Status = Literal["open", "held", "done", "pruned", "failed"]

# A task whose worker vanished this often is more likely to kill its workers than to be unlucky.
MAX_LOSSES = 10


class TaskState(NamedTuple):
    """One task, folded.

    status      open (free to claim), held (a claim counts), done, pruned, failed (for good)
    holder      the writer whose claim counts, if held
    held_since  ledger time of that claim
    attempts    claims that counted so far
    failures    attempts that failed and were not forgiven by a retry
    losses      attempts whose worker fell silent
    outcome     the event that counts: of done or pruned the first, of failed the last
    duplicates  outcomes beyond the one that counts
    """

    status: Status = "open"
    holder: str | None = None
    held_since: float = 0.0
    attempts: int = 0
    failures: int = 0
    losses: int = 0
    outcome: Event | None = None
    duplicates: int = 0

    @property
    def finished(self) -> bool:
        """Whether the task needs no more work."""
        return self.status in ("done", "pruned", "failed")


FRESH = TaskState()
_place = itemgetter(0, 1, 2)  # (t, writer, n)


def fold(
    events: Sequence[Event], lives_at: Callable[[str, float], bool], max_retries: int
) -> TaskState:
    """Return the state that the events of one task amount to.

    events       all events of the task, in any order
    lives_at     whether a writer's lease covers a ledger time
    max_retries  failed attempts that are forgiven
    """
    status: Status = "open"
    holder: str | None = None
    held_since = 0.0
    attempts = failures = losses = duplicates = 0
    outcome: Event | None = None
    for event in sorted(events, key=_place) if len(events) > 1 else events:
        kind = event.kind
        if kind in ("done", "pruned"):
            if status in ("done", "pruned"):
                duplicates += 1
            else:
                status, outcome, holder = ("done" if kind == "done" else "pruned"), event, None
        elif status in ("done", "pruned"):
            continue
        elif kind == "claim":
            if status == "failed":
                continue
            if holder is not None and holder != event.writer:
                if lives_at(holder, event.t):
                    continue  # beaten: an older lease covers the date of this claim
                losses += 1
                if losses >= MAX_LOSSES:
                    status, holder = "failed", None
                    continue
            status, holder, held_since = "held", event.writer, event.t
            attempts += 1
        elif kind == "retry":
            failures = losses = 0
            if status == "failed":
                status, outcome = "open", None
        elif holder == event.writer:  # failed and released end the claim that counts, no other
            status, holder = "open", None
            if kind == "failed":
                failures += 1
                if failures > max_retries:
                    status, outcome = "failed", event
    return TaskState(status, holder, held_since, attempts, failures, losses, outcome, duplicates)
