"""One process's hand on a sweep's ledger: it reads news, records what it did, and claims."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from colabctl.ledger.appended import AppendedJournals
from colabctl.ledger.choice import choose, choose_apart
from colabctl.ledger.clock import Clock
from colabctl.ledger.events import Event
from colabctl.ledger.journal import Damage, Journals, JournalWriter
from colabctl.ledger.numbered import NumberedJournals
from colabctl.ledger.plan import Plan
from colabctl.ledger.sweep_state import SweepState
from colabctl.sharedfs.mounts import Anchor

Parts = dict[str, Any]
Claim = tuple[int, int]  # task index, attempt

# A power cut costs at most the results of so many seconds; syncing more often would cost more.
_SYNC_EVERY = 1.0


class Ledger:
    """The journals of one sweep as one process sees them, and its own journal once it has one."""

    def __init__(
        self, journals: Journals, plan: Plan, wall: Callable[[], float] = time.time
    ) -> None:
        self._journals = journals
        reaches = None if plan.target is None else plan.reaches_target
        self.state = SweepState(plan.total, plan.max_retries, plan.lease, reaches)
        self.clock = Clock(wall)
        self._plan = plan
        self._writer: JournalWriter | None = None
        self._written_at = 0.0
        self._unsynced_since: float | None = None

    @property
    def damage(self) -> list[Damage]:
        """What could not be read."""
        return self._journals.damage

    @property
    def name(self) -> str:
        """Name of the own journal, "" for a reader."""
        return self._writer.name if self._writer else ""

    def refresh(self) -> list[Event]:
        """Read what has arrived since the last time, and return it."""
        news = self._journals.new_events(skip=self.name)
        for event in news:
            self.clock.observe(event.t)
        self.state.add(news)
        return news

    def join(self, name: str) -> None:
        """Take a name, never used before, to write under."""
        self._writer = JournalWriter(name, self._journals.create(name), self.clock)

    def record(self, events: Sequence[tuple[str, Parts]]) -> None:
        """Write events, given as (kind, parts).

        Raises OSError if they could not all be written; they are remembered, and the next call,
        also one without events, goes on with them.
        """
        assert self._writer is not None, "join before recording"
        self._append(events)
        self._writer.flush()

    def _append(self, events: Sequence[tuple[str, Parts]]) -> None:
        assert self._writer is not None
        dated = self._writer.append(events)
        self.state.add(dated)
        if dated:
            self._written_at = dated[-1].t
            if self._unsynced_since is None:
                self._unsynced_since = time.monotonic()

    def sync(self, *, force: bool = False) -> None:
        """Bring what was recorded safely to disk, if that was not done for a second."""
        since = self._unsynced_since
        if self._writer is None or since is None:
            return
        if force or time.monotonic() - since >= _SYNC_EVERY:
            self._writer.sync()
            self._unsynced_since = None

    def close(self) -> None:
        """Write nothing more: leave the journal safe, and quick to read for others."""
        if self._writer is not None:
            self.sync(force=True)
            self._writer.close()

    @property
    def writer(self) -> JournalWriter | None:
        """The own journal, once there is one; what is due there could not be written."""
        return self._writer

    def complete(self, name: str, position: int, lines: bytes) -> None:
        """Write the lines that the journal of a writer that has ended lacks at its `position`."""
        store = self._journals.create(name, position)
        while lines:
            lines = lines[store.write(lines) :]
        store.sync()

    def silent_for(self) -> float:
        """Return the seconds since this writer last showed life."""
        return self.clock.now() - self._written_at

    def claim(
        self,
        want: Callable[[SweepState], int],
        *,
        lock: AbstractContextManager[object],
        rng: random.Random,
        outcomes: Sequence[tuple[str, Parts]] = (),
        propose: Callable[[Sequence[int]], Mapping[int, Parts]] | None = None,
    ) -> list[Claim]:
        """Record `outcomes` and claim some of the tasks that may be claimed, chosen at random.

        want     how many, told from the state under the lock
        lock     excludes the processes that see each other's writes at once
        propose  gives the parameters of those of the chosen tasks that have none
        """
        assert self._writer is not None, "join before claiming"
        self._append(outcomes)  # first: whatever fails from here on, they are due
        with lock:
            self.refresh()
            state, now = self.state, self.clock.now()
            if self._plan.consistency == "coherent":
                chosen = choose(state, want(state), now, rng)
            else:
                chosen = choose_apart(state, want(state), now, rng, self.name)
            claims = [(index, self.state.tasks[index].attempts + 1) for index in chosen]
            if claims:
                parts: Parts = {"tasks": [list(claim) for claim in claims]}
                if propose is not None and (proposed := propose(chosen)):
                    parts["params"] = {str(index): params for index, params in proposed.items()}
                self._append([("claim", parts)])
            try:
                self._writer.flush()
            except OSError:  # nobody can see the claims, so they had better not be
                self._append([("released", {"tasks": chosen})])
                raise
        return claims


def open_ledger(folder: Path, plan: Plan, wall: Callable[[], float] = time.time) -> Ledger:
    """Return the ledger whose journals lie below `folder`, in the form that the plan says."""
    if plan.consistency == "coherent":
        return Ledger(AppendedJournals(folder, plan.total), plan, wall)
    return Ledger(NumberedJournals(folder, plan.total, Anchor(folder.parent).check), plan, wall)
