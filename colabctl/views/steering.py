"""What members have decided about tasks and workers: who did what, and when."""

from dataclasses import dataclass

from colabctl.durations import format_duration
from colabctl.ledger import Event, SweepState


@dataclass(frozen=True)
class Decision:
    """One decision of a member.

    Attributes:
        kind: cancelled, discarded or dismissed (a worker).
        member: Who decided it.
        at: Ledger time, in seconds since 1970.
        what: What it is about: "5 tasks", "2 results", or the name of a worker.

    """

    kind: str
    member: str
    at: float
    what: str

    def text(self, now: float) -> str:
        """Return it as a line, at ledger time `now`: "5 tasks cancelled by ana 3 min ago"."""
        ago = format_duration(max(0.0, now - self.at))
        return f"{self.what} {self.kind} by {self.member} {ago} ago"


def decisions(state: SweepState) -> list[Decision]:
    """Return the decisions that still show in a sweep's state.

    These are the last cancel, with the number of tasks that are cancelled now;
    the last discard; and the workers that were dismissed and have not ended yet.
    """
    decided: list[Decision] = []
    last = {event.kind: event for event in state.log.steering()}
    cancelled = state.counts["cancelled"]
    if cancelled and "cancel" in last:
        decided.append(_about(last["cancel"], "cancelled", cancelled, "task"))
    if "discard" in last:
        event = last["discard"]
        decided.append(_about(event, "discarded", len(event.tasks()), "result"))
    decided += [
        Decision("dismissed", writer.dismissed_by, writer.dismissed_at, writer.name)
        for writer in state.writers.values()
        if writer.dismissed_at is not None and writer.is_worker and writer.ended is None
    ]
    return decided


def _about(event: Event, kind: str, number: int, noun: str) -> Decision:
    return Decision(kind, _member(event), event.t, f"{number:,} {noun}{'s' * (number != 1)}")


def _member(event: Event) -> str:
    return event.member or event.writer
