"""The ledger of a sweep in one process: reads events, records its own, and claims tasks."""

import math
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.ledger.choice import choose, choose_apart, choose_lapsed, contested, others_share
from colabctl.ledger.journals.appended import AppendedJournals
from colabctl.ledger.journals.claims_log import ClaimsLog
from colabctl.ledger.journals.clock import Clock
from colabctl.ledger.journals.journal import Journals, JournalWriter, Read
from colabctl.ledger.journals.newcomers import MOST_NAMES, NEW, Newcomers
from colabctl.ledger.journals.numbered import Find, NumberedJournals
from colabctl.ledger.plan import Plan
from colabctl.ledger.state.cache import Cache
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.unreported import lack
from colabctl.sharedfs.mounts import Anchor

Parts = dict[str, Any]
Claim = tuple[int, int]  # task index, attempt

_FEW = 1000  # events that are read from a local disk as quickly as the cache is written
_SYNC_EVERY = 1.0  # seconds of results that a power cut can cost; more often would be slower


class Ledger:
    """The journals of a sweep as seen by one process, and its own journal after `join`."""

    def __init__(
        self,
        journals: Journals,
        plan: Plan,
        wall: Callable[[], float] = time.time,
        cache: Cache | None = None,
    ) -> None:
        self._journals = journals
        self.clock = Clock(wall)
        self._plan = plan
        self._claims = ClaimsLog(plan.lease)
        self._newcomers = Newcomers()
        self._cache = cache
        self.state = self._new_state()
        if cache is not None and not cache.load(self.state, journals):
            self.state = self._new_state()
        self._writer: JournalWriter | None = None
        self._written: list[Read] = []  # own events that the state lacks
        self._written_at = 0.0
        self._has_read = False
        self._unsynced_since: float | None = None

    def _new_state(self) -> SweepState:
        plan = self._plan
        reaches = None if plan.target is None else plan.reaches_target
        measure = partial(_measure, plan)
        return SweepState(plan.total, plan.max_retries, plan.lease, reaches, measure)

    @property
    def damage(self) -> list[str]:
        """A sentence for each writer with lines that could not be read, or that do not count."""
        excess = [
            f"{writer} has written {count:,} more events about single tasks than any worker does; "
            "they do not count"
            for writer, count in self.state.excess.count.items()
        ]
        return [*map(str, self._journals.damage), *excess]

    @property
    def name(self) -> str:
        """Name of this process's journal; "" before `join`."""
        return self._writer.name if self._writer else ""

    def refresh(self) -> int:
        """Read the events that have arrived since the last call; return how many."""
        arrived = self._claims.forget(self._journals.new_events(skip=self.name))
        if self._plan.consistency == "eventual":
            arrived = self._newcomers.listen(arrived)
        count = self.state.read(arrived, self.clock.limit())
        moved = self.clock.observe(self.state.latest)
        if moved:
            self.state.time_moved(moved)
        self.state.look_at_writers(self.clock.now(), fresh=self._has_read)
        if not self._has_read:
            self.state.found_alive(self.clock.now())
        if self._cache is not None and self._is_worth_caching(count):
            self._cache.save(self.state, self._journals)
        if self._cache is not None and not self._has_read and self._writer is None:
            self._cache.remember(self._journals.counts())
        if self._plan.consistency == "eventual":
            names = self._journals.counts()
            self._newcomers.look(names, self.state.writers, self.clock.now())
        self._has_read = True
        return count

    def missing(self) -> dict[str, int]:
        """Return for each writer how many events are missing before others that have arrived."""
        return self._journals.missing()

    def newcomers(self) -> dict[str, float]:
        """Return the workers of whom only the name has arrived, and when it did."""
        newcomers = self._newcomers.alive(self.state.writers, self.clock.now())
        newcomers.pop(self.name, None)  # others name it too
        return newcomers

    def news(self) -> list[tuple[str, Parts]]:
        """Return the event, if one is due, that names workers who started a short time ago."""
        if self._plan.consistency == "coherent":
            return []
        now = self.clock.now()
        names = self._newcomers.seen(self.state.writers, now)
        for worker in self.state.live_workers(now):
            if worker.started is not None and 0 <= now - worker.started < NEW:
                names.add(worker.name)
        names.discard(self.name)
        return [("heartbeat", {"workers": sorted(names)[:MOST_NAMES]})] if names else []

    def contested(self, indices: Collection[int], *, shares: bool) -> set[int]:
        """Return those of this worker's tasks that another live worker has claimed too.

        With `shares`, also those that another one starts with: a new worker has claimed some before
        it knew of the others.
        """
        state, now = self.state, self.clock.now()
        result = contested(state, indices, self.name, now)
        if shares:
            result |= others_share(state, indices, self.name, now, self.newcomers())
        return result

    def read_before(self) -> dict[str, tuple[int, float]]:
        """Return what was read on this machine before: see Cache.read_before."""
        return self._cache.read_before() if self._cache is not None else {}

    def _is_worth_caching(self, count: int) -> bool:
        """Whether another process saves time if it need not read `count` new events.

        What this process wrote is not in its journal yet, as far as it has been read.
        """
        least = _FEW if self._plan.consistency == "coherent" else 1
        return not self._has_read and self._writer is None and count >= least

    def announce(self, name: str) -> None:
        """Let others know that a worker of this name will `join`, where files arrive late.

        Does nothing if there is no task to claim.
        """
        if isinstance(self._journals, NumberedJournals):
            self.refresh()
            if self.state.order == "go" and self.state.claimable(self.clock.now()):
                self._journals.announce(name)

    def join(self, name: str) -> None:
        """Start a journal under a name that was never used before."""
        self._writer = JournalWriter(name, self._journals.create(name), self.clock)

    def record(self, events: Sequence[tuple[str, Parts]]) -> None:
        """Write events, each a (kind, parts), and add them to the state.

        Raises OSError if some could not be written. The next call writes them, even a call without
        events.
        """
        try:
            self.write(events)
        finally:
            self.add_written()

    def write(self, events: Sequence[tuple[str, Parts]]) -> None:
        """Write events as `record` does; they are in the state after `add_written`."""
        assert self._writer is not None, "join before recording"
        self._date(events)
        self._writer.flush()

    def add_written(self) -> None:
        """Add the events that `write` has written to the state."""
        written, self._written = self._written, []
        if written:
            self.state.read(written)
            self.state.look_at_writers(math.inf, fresh=False)

    def _date(self, events: Sequence[tuple[str, Parts]]) -> list[Read]:
        """Date events for the next flush; `add_written` adds them to the state."""
        assert self._writer is not None
        dated = self._writer.append(events)
        self._written += dated
        if dated:
            self._written_at = self.clock.now()
            if self._unsynced_since is None:
                self._unsynced_since = time.monotonic()
        return dated

    def sync(self, *, force: bool = False) -> None:
        """Make the recorded events survive a power cut, at most once a second unless forced."""
        since = self._unsynced_since
        if self._writer is None or since is None:
            return
        if force or time.monotonic() - since >= _SYNC_EVERY:
            self._unsynced_since = None  # before it: another thread may write meanwhile
            try:
                self._writer.sync()
            except OSError:
                self._unsynced_since = since
                raise

    def close(self) -> None:
        """Leave the journal safe on disk and quick to read; nothing is written after this."""
        if self._writer is not None:
            self.sync(force=True)
            self._writer.close()

    @property
    def writer(self) -> JournalWriter | None:
        """The journal of this process, or None before `join`."""
        return self._writer

    def complete(self, name: str, position: int, lines: bytes) -> None:
        """Add the last lines that a writer could not write before it ended."""
        store = self._journals.create(name, position)
        while lines:
            lines = lines[store.write(lines) :]
        store.sync()

    def silent_for(self) -> float:
        """Return the seconds since this writer's last event; infinity if the clock went back."""
        seconds = self.clock.now() - self._written_at
        return seconds if seconds >= 0 else math.inf

    def claim(
        self,
        want: Callable[[SweepState], int],
        *,
        lock: AbstractContextManager[int | None],
        rng: random.Random,
        outcomes: Sequence[tuple[str, Parts]] = (),
        propose: Callable[[Sequence[int]], Mapping[int, Parts]] | None = None,
        here: Collection[int] = (),
    ) -> list[Claim]:
        """Record `outcomes` and claim tasks, chosen at random.

        On a coherent folder, call `refresh` shortly before: what is known by then decides what is
        open, and under the lock only new claims are read.

        Args:
            want: returns how many tasks to claim; called with the state.
            lock: excludes the processes that see each other's writes at once. If it yields a
                descriptor, that file is the claims log.
            rng: the source of randomness.
            outcomes: events to record in the same write, each a (kind, parts).
            propose: returns parameters for the chosen tasks that have none yet.
            here: tasks not to choose on an eventual folder, because they wait or run here.

        """
        writer = self._writer
        assert writer is not None, "join before claiming"
        self._date(outcomes)  # first, so that they are due even if anything below fails
        self.add_written()
        is_coherent = self._plan.consistency == "coherent"
        wanted = want(self.state) if is_coherent else 0
        claimed: list[Read] = []
        with lock as log:
            if is_coherent:
                chosen = self._choose(wanted, log, rng)
            else:
                self.refresh()
                now = self.clock.now()
                chosen = choose_apart(
                    self.state, want(self.state), now, rng, self.name, self.newcomers(), here
                )
            claims = [(index, self.state.tasks[index].attempts + 1) for index in chosen]
            if claims:
                self._date(self.news())
                parts: Parts = {"tasks": [list(claim) for claim in claims]}
                if after := self.state.last_events(chosen):
                    parts["after"] = after
                if propose is not None and (proposed := propose(chosen)):
                    parts["params"] = {str(index): params for index, params in proposed.items()}
                claimed = self._date([("claim", parts)])
            try:
                writer.flush()
                if claimed and is_coherent and log is not None:
                    self._claims.append(log, claimed[0][0])
            except OSError:  # others may not have seen the claims, so release them
                self._date([("released", {"tasks": chosen})])
                self.add_written()
                raise
        self.add_written()  # without the lock: it takes longer than the claim
        return claims

    def _choose(self, want: int, log: int | None, rng: random.Random) -> list[int]:
        """Choose tasks on a coherent folder, under the lock."""
        state, now = self.state, self.clock.now()
        if log is None or not self._claims.read(log, now):
            self.refresh()
        taken = self._claims.taken(now)
        chosen = choose(state, want, rng, taken)
        if len(chosen) < want and state.lapsed(now):  # their holders may have written since
            self.refresh()
            chosen += choose_lapsed(state, want - len(chosen), self.clock.now(), rng, taken)
        return chosen


def _measure(plan: Plan, metrics: Mapping[str, Any]) -> tuple[float, bool]:
    """Return the sweep's metric, NaN without one, and whether the metrics lack it."""
    number = plan.number_of(metrics)
    return (math.nan, bool(lack(plan, metrics))) if number is None else (number, False)


def open_ledger(
    folder: Path,
    plan: Plan,
    wall: Callable[[], float] = time.time,
    cache: Cache | None = None,
    find: Find | None = None,
) -> Ledger:
    """Return the ledger of the journals that `open_journals` opens."""
    return Ledger(open_journals(folder, plan, find), plan, wall, cache)


def open_journals(folder: Path, plan: Plan, find: Find | None = None) -> Journals:
    """Return the journals in `folder`; the plan's consistency gives their kind.

    On an eventual folder, `find` returns all folders with journals of this sweep.
    """
    if plan.consistency == "coherent":
        return AppendedJournals(folder, plan.total)
    check_mount = Anchor(folder.parent).check
    return NumberedJournals(folder, plan.total, check_mount, find, plan.heartbeat)
