"""Computes how many tasks a slot takes at once: enough to keep busy, without idling others."""

import math

_MOST = 4096


def batch_size(seconds: float | None, claimable: int, slots: int, batch: float) -> int:
    """Return how many of the `claimable` tasks one slot should claim: `batch` seconds of work.

    If the live workers have several slots, one takes at most its share of half of the tasks, so
    that the shares shrink towards the end (guided self-scheduling, C. Polychronopoulos and D. Kuck,
    1987). A task takes `seconds`, None if that is not known yet.
    """
    if seconds is None:
        return 1
    share = math.ceil(claimable / (2 * slots)) if slots > 1 else claimable
    return max(1, min(_MOST, share, int(batch / max(seconds, 1e-6))))


def excess(seconds: float, waiting: int, batch: float) -> int:
    """Return how many of the `waiting` tasks to release because they take longer than expected."""
    fits = max(1, int(2 * batch / max(seconds, 1e-6)))
    return max(0, waiting - fits) if seconds > 0 else 0
