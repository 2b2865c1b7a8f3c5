"""How often a worker writes and looks, on either kind of file system."""

from dataclasses import dataclass

from colabctl.sharedfs.mounts import Consistency


@dataclass(frozen=True)
class Pacing:
    """Seconds.

    flush   how long a result of a short task may wait for company
    report  how long intermediate values may wait, if nothing else is to be written
    look    between looks at what others did, while tasks run
    alert   between looks for something to claim, as long as things happen
    idle    between such looks when nothing has happened for a while
    batch   work that one slot claims at a time, if tasks are shorter than that
    moment  before a slot has nothing left to do, to claim more for it
    """

    flush: float
    report: float
    look: float
    busy_poll: float
    idle_poll: float
    batch: float
    claim_ahead: float


# A claim takes a millisecond, so a second's work at a time costs nothing. On a Drive mount one
# account gets throttled above about three writes a second and each look asks the Drive, so a
# worker stays below a write in two seconds.
_PACINGS = {
    "coherent": Pacing(
        flush=0.25, report=1.0, look=0.5, busy_poll=0.01, idle_poll=0.5, batch=1.0, claim_ahead=0.03
    ),
    "eventual": Pacing(
        flush=4.0, report=30.0, look=3.0, busy_poll=2.0, idle_poll=2.0, batch=10.0, claim_ahead=0.5
    ),
}


def pacing_for(consistency: Consistency) -> Pacing:
    """Return the pacing for a kind of file system."""
    return _PACINGS[consistency]
