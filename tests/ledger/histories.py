"""Random histories of a small sweep, as Hypothesis strategies."""

from typing import Any

from hypothesis import strategies as st

from colabctl.ledger.journals.events import EARLIEST, LATEST, Event

TOTAL = 4
WRITERS = ("ana", "ben", "eve")
LEASE = 60.0

_indices = st.integers(0, TOTAL - 1)
_writers = st.sampled_from(WRITERS)
_starts = st.sampled_from([2e9, 2e9, 2e9, EARLIEST, LATEST - 3000])
_steps = st.one_of(st.integers(0, 90), st.sampled_from([-3e9, -7200, 7200, 3e9]))
_metrics = st.sampled_from([{}, {"loss": 0.5}, {"loss": -1}, {"loss": None}, {"loss": "low"}])
_KINDS = (
    "claim", "claim", "outcome", "outcome", "released", "heartbeat", "retry", "report", "pause",
    "resume", "end", "cancel", "discard", "dismiss",
)  # fmt: skip
_outcome = st.sampled_from(["done", "pruned", "failed"])


@st.composite
def _entry(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from(_KINDS))
    if kind == "outcome":
        parts = {"task": draw(_indices), "attempt": 1, "seconds": 1.0, "metrics": draw(_metrics)}
        return draw(_outcome), parts
    if kind == "claim":
        tasks = draw(st.lists(_indices, min_size=1, max_size=TOTAL, unique=True))
        parts = {"tasks": [[index, 1] for index in tasks]}
        if draw(st.booleans()):
            parts["params"] = {str(tasks[0]): {"x": draw(st.integers(0, 9))}}
        return "claim", parts
    if kind == "report":
        return kind, {"task": draw(_indices), "attempt": 1, "reports": [[0, draw(_metrics)]]}
    if kind in ("released", "retry", "discard"):
        return kind, {"tasks": [draw(_indices)]}
    if kind == "cancel":
        return kind, {"tasks": draw(st.lists(_indices, max_size=TOTAL, unique=True)), "member": "m"}
    if kind == "dismiss":
        return kind, {"worker": draw(_writers), "member": draw(_writers)}
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
            if kind in ("claim", "retry", "cancel", "discard") and draw(st.booleans()):
                parts |= {"after": draw(st.dictionaries(_writers, st.integers(0, 9)))}
            events.append(Event(t, writer, n, kind, parts))
    return events
