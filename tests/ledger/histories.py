"""Random histories of a small sweep, as Hypothesis strategies."""

from typing import Any

from hypothesis import strategies as st

from colabctl.ledger.events import Event

TOTAL = 4
WRITERS = ("ana", "ben", "eve")
LEASE = 60.0

_indices = st.integers(0, TOTAL - 1)
_outcome = st.sampled_from(["done", "pruned", "failed"])


@st.composite
def _entry(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(
        st.sampled_from(["claim", "claim", "outcome", "released", "heartbeat", "retry", "end"])
    )
    if kind == "outcome":
        parts = {"task": draw(_indices), "attempt": 1, "seconds": 1.0, "metrics": {}}
        return draw(_outcome), parts
    if kind == "claim":
        return "claim", {"tasks": [[draw(_indices), 1]]}
    if kind in ("released", "retry"):
        return kind, {"tasks": [draw(_indices)]}
    return kind, {}


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events of three writers, each with times that never go back, as with its clock."""
    events: list[Event] = []
    for writer in WRITERS:
        t = 1e9 + draw(st.integers(1, 50))
        events.append(
            Event(
                t,
                writer,
                0,
                "start",
                {"member": writer, "host": "h", "pid": 1, "jobs": 1, "lease": LEASE},
            )
        )
        for n in range(1, draw(st.integers(1, 8))):
            t += draw(st.integers(0, 90))
            kind, parts = draw(_entry())
            events.append(Event(t, writer, n, kind, parts))
    return events
