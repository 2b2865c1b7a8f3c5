"""Ledger time: a clock that never runs behind what it has read.

A hybrid of wall clock and message clock: each reader adds to its wall clock the largest lead it
has seen in anybody's events. So an event is never dated before one that its writer had read, and
time goes on between events, which leases need. After S. Kulkarni et al., "Logical Physical
Clocks", 2014; the counter there is the event's number here.
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
        """Return the present ledger time, never less than an earlier answer (microseconds)."""
        self._latest = max(self._latest, round(self._wall() + self._lead, 6))
        return self._latest

    def observe(self, t: float) -> None:
        """Take note of an event dated `t`."""
        if t > self._latest:
            lead = t - self._wall()
            if lead > self._lead:
                self._lead = lead
                self._latest = t
