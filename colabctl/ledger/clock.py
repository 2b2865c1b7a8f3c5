"""Ledger time: the machine's own clock, corrected a little if others are ahead of it.

A hybrid logical clock (S. Kulkarni et al., "Logical Physical Clocks", 2014) whose lead is bounded:
each reader adds to its wall clock the largest lead, up to an hour, of any event that it has read.
So machines whose clocks differ by minutes agree about the lengths of leases. An event that is dated
further ahead comes from a clock that is wrong, and moves no one else's time. No order depends on
dates where one writer has read the other (see state/order.py).
"""

import math
import time
from collections.abc import Callable

MAX_LEAD = 3600.0
"""Seconds by which other clocks may move this one."""


class Clock:
    """Ledger time in seconds since 1970; `wall` is the machine's own clock."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._lead = 0.0

    def now(self) -> float:
        """Return the current ledger time, to the microsecond; it goes back if `wall` does."""
        return round(self._wall() + self._lead, 6)

    def limit(self) -> float:
        """Return the latest date that can move this clock; events dated later do not."""
        return self._wall() + MAX_LEAD

    def observe(self, t: float) -> float:
        """Take over the lead of an event that was read, if it is the largest.

        Returns the number of seconds by which ledger time jumped ahead. The lead is rounded up to a
        second, so that it rarely changes.
        """
        lead = t - self._wall()
        if not self._lead < lead <= MAX_LEAD:
            return 0.0
        moved = math.ceil(lead) - self._lead
        self._lead += moved
        return moved
