"""What members have decided about a sweep that still shows: who did what, and when."""

from dataclasses import dataclass

from colabctl.durations import format_duration
from colabctl.ledger import Event, SweepState

_ORDERS = {"pause": "paused", "stop": "stopped"}


@dataclass(frozen=True)
class Decision:
    """One decision of a member.

    Attributes:
        kind: paused, stopped, cancelled, discarded, continued (finished tasks that train longer) or
            dismissed (a worker).
        member: Who decided it.
        at: Ledger time, in seconds since 1970.
        what: What it is about: "5 tasks", "2 results", the name of a worker, or "" for the sweep.

    """

    kind: str
    member: str
    at: float
    what: str = ""

    def text(self, now: float) -> str:
        """Return it as a line, at ledger time `now`: "5 tasks cancelled by ana 3 min ago"."""
        ago = format_duration(max(0.0, now - self.at))
        return f"{self.what} {self.kind} by {self.member} {ago} ago".lstrip()


def decisions(state: SweepState) -> list[Decision]:
    """Return the decisions that still show in a sweep's state.

    These are the current order; the last cancel, with the number of tasks that are cancelled now;
    the last discard; and the workers that were dismissed and have not ended yet.
    """
    decided: list[Decision] = []
    order = state.orders.control
    if order is not None and order.kind in _ORDERS:
        decided.append(Decision(_ORDERS[order.kind], _member(state, order), order.t))
    last = {event.kind: event for event in state.log.steering()}
    cancelled = state.counts["cancelled"]
    if cancelled and "cancel" in last:
        decided.append(_about(state, last["cancel"], "cancelled", cancelled, "task"))
    if "discard" in last:
        event = last["discard"]
        continued = event.body.get("continued") is True
        kind, noun = ("continued", "task") if continued else ("discarded", "result")
        decided.append(_about(state, event, kind, len(event.tasks()), noun))
    decided += [
        Decision("dismissed", state.called(writer.dismissed_by), writer.dismissed_at, writer.name)
        for writer in state.writers.values()
        if writer.dismissed_at is not None and writer.is_worker and writer.ended is None
    ]
    return decided


def _about(state: SweepState, event: Event, kind: str, number: int, noun: str) -> Decision:
    return Decision(kind, _member(state, event), event.t, f"{number:,} {noun}{'s' * (number != 1)}")


def _member(state: SweepState, event: Event) -> str:
    return state.called(event.member) if event.member else event.writer
