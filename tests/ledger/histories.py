"""Random histories of a small sweep, as Hypothesis strategies."""

from typing import Any

from hypothesis import strategies as st

from colabctl.ledger.events import EARLIEST, LATEST, Event

TOTAL = 4
WRITERS = ("ana", "ben", "eve")
LEASE = 60.0

_indices = st.integers(0, TOTAL - 1)
_writers = st.sampled_from(WRITERS)
_starts = st.sampled_from([2e9, 2e9, 2e9, EARLIEST, LATEST - 3000])
_steps = st.one_of(st.integers(0, 90), st.sampled_from([-3e9, -7200, 7200, 3e9]))
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
    """Events of three writers; the clocks of some are decades wrong, or jump."""
    events: list[Event] = []
    for writer in WRITERS:
        t = draw(_starts) + draw(st.integers(1, 50))
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
            t = min(max(t + draw(_steps), EARLIEST), LATEST)
            kind, parts = draw(_entry())
            if kind in ("claim", "retry") and draw(st.booleans()):
                parts |= {"after": draw(st.dictionaries(_writers, st.integers(0, 9)))}
            events.append(Event(t, writer, n, kind, parts))
    return events
