"""The lease of one worker in the shared log, and whose leases there have run out."""

import math
import random
from collections.abc import Callable

from colabctl.ledger.choice import Fits, choose, choose_lapsed
from colabctl.ledger.journals.clock import Clock
from colabctl.ledger.journals.journal import JournalWriter
from colabctl.ledger.journals.shared_log import SharedLog
from colabctl.ledger.sweep_state import SweepState

_JOURNAL_EVERY = 15.0  # seconds between two files of a journal whose lines are in the log


class Lease:
    """What one worker holds by its entries in the `log`, of a sweep with leases of `seconds`.

    Attributes:
        holds: whether it holds tasks, as others read it.

    """

    def __init__(self, log: SharedLog, seconds: float, clock: Clock) -> None:
        self.log = log
        self.holds = False
        self._seconds, self._clock = seconds, clock
        self._entry_at = -math.inf  # ledger time of the last entry
        self._flushed_at = -math.inf

    def add(self, writer: JournalWriter, *, holds: bool) -> bool:
        """Add an entry with all that the worker has written since its last one.

        Returns False if another worker was faster; raises OSError if that is unknown.
        """
        if not self.log.add(writer.name, b"".join(writer.unlogged)):
            return False
        writer.unlogged.clear()
        self.holds, self._entry_at = holds, self._clock.now()
        return True

    def is_flush_due(self) -> bool:
        """Whether what the log has should be in the journal too by now; notes that it will be."""
        seconds = self._clock.now() - self._flushed_at
        if 0 <= seconds < _JOURNAL_EVERY:
            return False
        self._flushed_at = self._clock.now()
        return True

    def silent_for(self) -> float:
        """Return the seconds since the last entry; infinity if the clock went back."""
        seconds = self._clock.now() - self._entry_at
        return seconds if seconds >= 0 else math.inf

    def choose(
        self,
        state: SweepState,
        wanted: Callable[[SweepState], int],
        rng: random.Random,
        me: str,
        fits: Fits,
    ) -> list[int]:
        """Choose open tasks, and those of lost workers, by a state that has the whole log."""
        want = wanted(state)
        chosen = choose(state, want, rng, (), fits)
        if len(chosen) < want:
            alive = {
                index
                for holder, held in state.held.items()
                if holder == me or not self._is_lost(state, holder)
                for index in held
            }
            now = self._clock.now()
            chosen += choose_lapsed(state, want - len(chosen), now, rng, alive, fits)
        return chosen

    def _is_lost(self, state: SweepState, name: str) -> bool:
        """Whether a worker's lease in the log has run out, or a member declared it lost."""
        writer = state.writers[name]
        seconds = max(writer.lease, self._seconds)  # its own may not be known yet
        return writer.last_number <= writer.lost_at or self.log.log.silent_for(name) >= seconds
