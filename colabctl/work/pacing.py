"""How often a worker writes and looks, on either kind of file system."""

from dataclasses import dataclass

from colabctl.sharedfs.mounts import Consistency


@dataclass(frozen=True)
class Rhythm:
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
    alert: float
    idle: float
    batch: float
    moment: float


# A claim takes a millisecond, so a second's work at a time costs nothing. On a Drive mount one
# account gets throttled above about three writes a second and each look asks the Drive, so a
# worker stays below a write in two seconds.
_RHYTHMS = {
    "coherent": Rhythm(
        flush=0.25, report=1.0, look=0.5, alert=0.01, idle=0.5, batch=1.0, moment=0.03
    ),
    "eventual": Rhythm(
        flush=4.0, report=30.0, look=3.0, alert=2.0, idle=2.0, batch=10.0, moment=0.5
    ),
}


def rhythm_for(consistency: Consistency) -> Rhythm:
    """Return the rhythm for a kind of file system."""
    return _RHYTHMS[consistency]
