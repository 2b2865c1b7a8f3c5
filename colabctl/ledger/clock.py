"""Ledger time: a clock that is never behind an event it has read.

A hybrid logical clock: each reader adds to its wall clock the largest lead of any event it has
read. So a writer never dates an event before one that it has read, and time passes between
events, which leases need. After S. Kulkarni et al., "Logical Physical Clocks", 2014, with the
event's number as their counter.
"""

import time
from collections.abc import Callable


class Clock:
    """Ledger time in seconds since 1970; `wall` is the machine's own clock."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._lead = 0.0
        self._latest = 0.0

    def now(self) -> float:
        """Return the current ledger time, to the microsecond; it never goes back."""
        self._latest = max(self._latest, round(self._wall() + self._lead, 6))
        return self._latest

    def observe(self, t: float) -> None:
        """Record the time of an event that was read."""
        if t > self._latest:
            lead = t - self._wall()
            if lead > self._lead:
                self._lead = lead
                self._latest = t
