"""How often a worker reads and writes, and how many tasks it claims at a time."""

import math
from dataclasses import dataclass

from colabctl.sharedfs.mounts import Consistency

_MOST = 4096  # tasks of one claim for one slot
# Each worker reads the journals of all others, so one reading by all of them costs their number
# squared. With this, they read for about a sixth of one core's time, however many they are.
_BETWEEN_READS = 0.00025  # seconds, times the square of the number of live workers
_LONGEST_BETWEEN_READS = 5.0  # seconds


@dataclass(frozen=True)
class Pacing:
    """Intervals in seconds.

    Attributes:
        flush: How long an outcome may wait to be written with others; 0 if it is in the journal
            before the next task starts.
        report: How long intermediate values may wait, if there is nothing else to write.
        refresh: Between two reads of others' events while tasks run.
        first_refresh: The same while a worker is new.
        busy_poll: Between two looks for a task to claim, as long as new events arrive.
        idle_poll: The same after a while without new events.
        batch: Work that one slot claims at a time, if tasks are shorter than that.
        first_batch: The same while a worker is new, and may not know who else works.
        least_batch: Work that one slot claims at least, as long as there is that much.
        claim_ahead: How long before a slot is idle to claim more for it.
        longest_pause: Between two tries while the folder or store does not answer.
    """

    flush: float
    report: float
    refresh: float
    first_refresh: float
    busy_poll: float
    idle_poll: float
    batch: float
    first_batch: float
    least_batch: float
    claim_ahead: float
    longest_pause: float


# A claim takes a millisecond, so claiming a second of work at a time costs nothing. A Drive mount
# throttles an account above about three writes a second, and each read is a request to the Drive,
# so a worker writes less often than every two seconds. Each call to a store has a price, and only
# one worker at a time can claim there, with a few calls. Only what arrives there keeps a lease, so
# it is tried many times before that ends.
_PACINGS = {
    "coherent": Pacing(
        flush=0.0, report=1.0, refresh=0.5, first_refresh=0.5, busy_poll=0.01, idle_poll=0.5,
        batch=1.0, first_batch=1.0, least_batch=0.0, claim_ahead=0.03,
        longest_pause=60.0,
    ),
    "created": Pacing(
        flush=3.0, report=10.0, refresh=2.0, first_refresh=1.0, busy_poll=0.25, idle_poll=1.0,
        batch=4.0, first_batch=4.0, least_batch=0.25, claim_ahead=0.5,
        longest_pause=3.0,
    ),
    "eventual": Pacing(
        flush=4.0, report=30.0, refresh=3.0, first_refresh=1.0, busy_poll=2.0, idle_poll=2.0,
        batch=10.0, first_batch=2.0, least_batch=0.0, claim_ahead=0.5,
        longest_pause=60.0,
    ),
}  # fmt: skip


def pacing_for(consistency: Consistency) -> Pacing:
    """Return the intervals for a kind of file system."""
    return _PACINGS[consistency]


def between_reads(workers: int) -> float:
    """Return the fewest seconds between two reads of the journals of this many live workers."""
    return min(_BETWEEN_READS * workers**2, _LONGEST_BETWEEN_READS)


def batch_size(
    seconds: float | None, claimable: int, slots: int, batch: float, least: float = 0.0
) -> int:
    """Return how many of the `claimable` tasks one slot should claim: `batch` seconds of work.

    If the live workers have several `slots`, one gets at most its share of half of the tasks, so
    the shares shrink towards the end (guided self-scheduling, C. Polychronopoulos and D. Kuck,
    1987), but not below the work of `least` seconds. A task takes this many `seconds`; None if that
    is not known yet.
    """
    if seconds is None:
        return 1
    share = math.ceil(claimable / (2 * slots)) if slots > 1 else claimable
    seconds = max(seconds, 1e-6)
    return max(1, min(_MOST, max(share, int(least / seconds)), int(batch / seconds)))


def excess(seconds: float, waiting: int, batch: float, slots: int = 1) -> int:
    """Return how many of the `waiting` tasks to release because they take longer than expected."""
    fits = slots * max(1, int(2 * batch / max(seconds, 1e-6)))
    return max(0, waiting - fits) if seconds > 0 else 0
