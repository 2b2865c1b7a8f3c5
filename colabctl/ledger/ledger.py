"""The ledger of a sweep in one process: reads events, records its own, and claims tasks."""

import math
import random
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from typing import Any

from colabctl.ledger import choice
from colabctl.ledger.extensions.numbering import Numbering
from colabctl.ledger.journals.claims_log import ClaimsLog
from colabctl.ledger.journals.clock import Clock
from colabctl.ledger.journals.journal import Journals, JournalWriter, Read
from colabctl.ledger.journals.newcomers import MOST_NAMES, NEW, Newcomers
from colabctl.ledger.journals.numbered import NumberedJournals
from colabctl.ledger.journals.shared_log import SharedLog
from colabctl.ledger.lease import Lease
from colabctl.ledger.plan import Plan
from colabctl.ledger.proposals import Propose, parts_of
from colabctl.ledger.state.cache import Cache
from colabctl.ledger.state.ends import rules_of
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.unreported import measure

Parts = dict[str, Any]
Claim = tuple[int, int]  # task index, attempt

_FEW = 1000  # events that are read from a local disk as quickly as the cache is written
_LAST_TRIES = 8  # of a worker that leaves, to say so in the shared log
_SYNC_EVERY = 1.0  # seconds of results that a power cut can cost; more often would be slower


class Ledger:
    """The journals of a sweep as seen by one process, and its own journal after `join`."""

    def __init__(
        self,
        journals: Journals,
        plan: Plan,
        wall: Callable[[], float] = time.time,
        cache: Cache | None = None,
        shared: SharedLog | None = None,
    ) -> None:
        self._journals, self._plan = journals, plan
        self.clock = Clock(wall)
        self.numbering, self._newcomers = Numbering(plan), Newcomers()
        self._claims = ClaimsLog(plan.lease)
        self._shared = None if shared is None else Lease(shared, plan.lease, self.clock)
        self._cache = cache = None if self.numbering.is_needed else cache  # it holds events back
        self.state = self._new_state()
        if cache is not None and not cache.load(self.state, journals):
            self.state = self._new_state()
        self.numbering.know(w.name for w in self.state.writers.values() if w.started is not None)
        self._writer: JournalWriter | None = None
        self.able: choice.Able = choice.all_able  # see work/fitting.py
        self.fits: choice.Fits = choice.fits_any
        self._written: list[Read] = []  # own events that the state lacks
        self._written_at, self._has_read = 0.0, False
        self._unsynced_since: float | None = None

    def _new_state(self) -> SweepState:
        plan = self._plan
        return SweepState(
            plan.total,
            plan.max_retries,
            plan.lease,
            rules_of(plan),
            partial(measure, plan),
            repeats=plan.repeats.count,
            together=plan.method == "bayes" or plan.patience is not None,
        )

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

    def refresh(self, *, shared: bool = False) -> int:
        """Read the events that have arrived since the last call; return how many.

        With `shared`, also those in the shared log's store, so that nothing in it is missing.
        """
        arrived = self._claims.forget(self._journals.new_events(skip=self.name))
        if shared and self._shared is not None:
            arrived = chain(arrived, self._shared.log.new_events(skip=self.name))
        if self._plan.consistency == "eventual":
            arrived = self._newcomers.listen(arrived)
        count = self.state.read(self.numbering.read(arrived), self.clock.limit())
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
            self._newcomers.look(self._journals.counts(), self.state.writers, self.clock.now())
        self._has_read = True
        return count

    @property
    def has_due(self) -> bool:
        """Whether lines are due that others cannot read anywhere, as after a fault."""
        own = self._writer
        return own is not None and bool(own.due and (self._shared is None or own.unlogged))

    @property
    def can_claim(self) -> bool:
        """Whether this process reaches what guards the claims."""
        return self._plan.consistency != "created" or self._shared is not None

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
        if self._plan.consistency != "eventual":
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
        parts = (self.state, indices, self.name, self.clock.now())
        result = choice.contested(*parts)
        if shares:
            result |= choice.others_share(*parts, self.newcomers(), self.able)
        return result

    def read_before(self) -> dict[str, tuple[int, float]]:
        """Return what was read on this machine before: see Cache.read_before."""
        return {} if self._cache is None else self._cache.read_before()

    def _is_worth_caching(self, count: int) -> bool:
        """Whether another process saves time if it need not read `count` new events.

        What this process wrote is not in its journal yet, as far as it has been read.
        """
        least = _FEW if self._plan.consistency == "coherent" else 1
        whole = not self.numbering.holds_back
        return whole and not self._has_read and self._writer is None and count >= least

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
        self._writer = JournalWriter(
            name, self._journals.create(name), self.clock, keeps=self._shared is not None
        )

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
        try:
            if self._shared is not None and self._shared.holds:
                self._renew(self._shared, has_beat=any(kind == "heartbeat" for kind, _ in events))
        finally:
            self._writer.flush()

    def _renew(self, lease: Lease, *, has_beat: bool) -> None:
        """Add an entry to the shared log: with a heartbeat, and when this writer holds no more.

        So a lease ends only if its holder is silent, or where others can read how its tasks ended.
        """
        assert self._writer is not None
        ended = {i for event, _ in self._written if event.kind != "claim" for i in event.tasks()}
        holds = not ended.issuperset(self.state.held.get(self.name, ()))
        while has_beat or not holds:
            if lease.add(self._writer, holds=holds):
                return
            self.refresh(shared=True)
            if not lease.log.wait():
                return  # the next call tries again, long before the lease ends

    def leave(self, events: Sequence[tuple[str, Parts]]) -> None:
        """Record the last events, as `record` does.

        A shared log gets a few tries more. After that, the lease ends by itself.
        """
        for _ in range(_LAST_TRIES):
            try:
                self.record(events)
            except OSError:
                if self._shared is None or self.writer is None or self.writer.due:
                    raise
                self._shared.log.wait()
                events = ()
            else:
                return

    def add_written(self) -> None:
        """Add the events that `write` has written to the state."""
        written, self._written = self._written, []
        if written:
            self.state.read(written)
            self.state.look_at_writers(math.inf, fresh=False)

    def _date(self, events: Sequence[tuple[str, Parts]]) -> list[Read]:
        """Date events for the next flush; `add_written` adds them to the state."""
        assert self._writer is not None
        if dated := self._writer.append(events):
            self._written += dated
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
        """Leave the journal safe on disk and quick to read, and write nothing more."""
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
        """Return the seconds since this writer's last sign of life.

        That is infinity if the clock went back. While it holds tasks that a shared log guards, only
        its entries there are such signs.
        """
        if self._shared is not None and self._shared.holds:
            return self._shared.silent_for()
        seconds = self.clock.now() - self._written_at
        return seconds if seconds >= 0 else math.inf

    def claim(
        self,
        want: Callable[[SweepState], int],
        *,
        lock: AbstractContextManager[int | None],
        rng: random.Random,
        outcomes: Sequence[tuple[str, Parts]] = (),
        propose: Propose | None = None,
        here: Collection[int] = (),
    ) -> list[Claim]:
        """Record `outcomes` and claim tasks, chosen at random.

        On a coherent folder, call `refresh` shortly before: what is known by then decides what is
        open, and under the lock only new claims are read.

        Args:
            want: returns how many tasks to claim; called with the state.
            lock: excludes processes that see each other's writes; may yield the claims log's file.
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
        wanted, claims = want(self.state) if is_coherent else 0, list[Claim]()
        with lock as log:
            try:
                while True:
                    if self._shared is not None:
                        self.refresh(shared=True)
                        chosen = self._shared.choose(self.state, want, rng, self.name, self.fits)
                    elif is_coherent:
                        chosen = self._choose(wanted, log, rng)
                    else:
                        chosen = self._choose_apart(want, rng, here)
                    if not chosen:
                        break
                    claims = [(index, self.state.tasks[index].attempts + 1) for index in chosen]
                    self._date(self.news())
                    claimed = writer.append([("claim", self._parts(claims, propose))])
                    if self._shared is None or self._shared.add(writer, holds=True):
                        self._written += claimed
                        self._written_at = self.clock.now()
                        break
                    writer.withdraw(claimed)  # another worker was faster, so choose again
                    claims = []
                    if not self._shared.log.wait():
                        break
                if not claims or self._shared is None or self._shared.is_flush_due():
                    writer.flush()  # else the log has these lines, and one file will hold many
                if claims and is_coherent and log is not None:
                    self._claims.append(log, claimed[0][0])
            except OSError:  # others may not have seen the claims, so release them
                if claims and self._shared is not None and self._written[-1:] != claimed:
                    writer.forget(claimed)  # its entry may be there, but must not follow others
                if claims:
                    self._date([("released", {"tasks": chosen})])
                self.add_written()
                if self._shared is not None:
                    writer.flush()  # the store may be away, but the mirror is here
                raise
        self.add_written()  # without the lock: it takes longer than the claim
        return claims

    def _parts(self, claims: Sequence[Claim], propose: Propose | None) -> Parts:
        """Return the parts of a claim."""
        chosen = [index for index, _ in claims]
        parts: Parts = {"tasks": [list(claim) for claim in claims]}
        if after := self.state.last_events(chosen):
            parts["after"] = after
        if propose is not None and (proposed := propose(chosen)):
            parts |= parts_of(proposed)
        return parts

    def _choose_apart(
        self, want: Callable[[SweepState], int], rng: random.Random, here: Collection[int]
    ) -> list[int]:
        """Choose tasks on an eventual folder."""
        self.refresh()
        parts = (self.clock.now(), rng, self.name, self.newcomers(), here, self.able)
        return choice.choose_apart(self.state, want(self.state), *parts)

    def _choose(self, want: int, log: int | None, rng: random.Random) -> list[int]:
        """Choose tasks on a coherent folder, under the lock."""
        state, now, fits = self.state, self.clock.now(), self.fits
        if log is None or not self._claims.read(log, now):
            self.refresh()
        taken = self._claims.taken(now)
        chosen = choice.choose(state, want, rng, taken, fits)
        if len(chosen) < want and state.lapsed(now):  # their holders may have written since
            self.refresh()
            left, now = want - len(chosen), self.clock.now()
            chosen += choice.choose_lapsed(state, left, now, rng, taken, fits)
        return chosen
