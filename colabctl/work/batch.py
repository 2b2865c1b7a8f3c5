"""How many tasks a worker takes at once: enough to keep busy, never so many that others idle."""

import math

_MOST = 4096


def batch_size(seconds: float | None, claimable: int, slots: int, batch: float) -> int:
    """Return how many tasks one slot should claim.

    seconds    what a task takes, None as long as nobody knows
    claimable  tasks that wait for a worker
    slots      slots of all live workers; if there are others, each takes at most its share of half
               of what is left, so that the shares shrink towards the end (guided self-scheduling,
               C. Polychronopoulos and D. Kuck, 1987)
    batch      seconds of work to claim at a time
    """
    if seconds is None:
        return 1
    share = math.ceil(claimable / (2 * slots)) if slots > 1 else claimable
    return max(1, min(_MOST, share, int(batch / max(seconds, 1e-6))))


def excess(seconds: float, waiting: int, batch: float) -> int:
    """Return how many of `waiting` tasks to give back, as they take longer than thought."""
    fits = max(1, int(2 * batch / max(seconds, 1e-6)))
    return max(0, waiting - fits) if seconds > 0 else 0
