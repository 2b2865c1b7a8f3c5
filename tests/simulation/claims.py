"""A simulated store that refuses a second create, whose answers are late, lost, or wrong."""

import errno
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from colabctl.ledger.journals.events import Event
from colabctl.ledger.journals.journal import Read
from colabctl.ledger.journals.shared_log import Entry, Position, entries_in, name_of
from tests.simulation.world import View, World


@dataclass(frozen=True)
class Faults:
    """How often, from 0 to 1, a call to the store goes wrong; and for how long, in seconds.

    Attributes:
        busy: it answers 503, or 409, and does nothing.
        lost: it creates the object, but the answer is lost.
        retried: the same, and the client's own retry is refused.
        late: the request arrives up to `latest` later, when its sender has given up.
        slow: a listing lacks what is newer than up to `oldest`.
        between: another machine acts between a reading and the create that follows.

    """

    busy: float = 0.0
    lost: float = 0.0
    retried: float = 0.0
    late: float = 0.0
    slow: float = 0.0
    between: float = 0.0
    latest: float = 30.0
    oldest: float = 20.0


class Claims:
    """The objects of the log; `names` and `read` see what has arrived by now."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world, self._faults = world, faults
        self.objects: dict[str, tuple[bytes, float]] = {}
        self.refused = self.requests = 0
        self._late: list[tuple[float, str, bytes]] = []
        self.between: Callable[[], None] = _nothing

    def _chance(self, share: float) -> bool:
        return self._world.rng.random() < share

    def _arrive(self) -> None:
        for request in sorted(self._late):
            at, name, data = request
            if at <= self._world.now:
                self._late.remove(request)
                self.objects.setdefault(name, (data, at))

    def _answer(self) -> None:
        self.requests += 1
        self._arrive()
        if self._chance(self._faults.busy):
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN), "claims")

    def names(self, after: str) -> Sequence[str]:
        self._answer()
        until = self._world.now
        if self._chance(self._faults.slow):
            until -= self._world.rng.uniform(0, self._faults.oldest)
        return sorted(
            name for name, (_, at) in self.objects.items() if name > after and at <= until
        )

    def read(self, names: Sequence[str]) -> Sequence[bytes]:
        self._answer()
        return [self.objects[name][0] for name in names]

    def create(self, name: str, data: bytes) -> bool:
        if self._chance(self._faults.between):
            self.between()
        self._answer()
        now, rng = self._world.now, self._world.rng
        if self._chance(self._faults.late):
            self._late.append((now + rng.uniform(0, self._faults.latest), name, data))
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT), name)
        if name in self.objects:
            self.refused += 1
            return False
        self.objects[name] = (data, now)
        if self._chance(self._faults.lost):
            raise OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET), name)
        return not self._chance(self._faults.retried)


class LoggedView(View):
    """The journals, and a mirror of the log in which entries arrive late, as one machine has it."""

    def __init__(self, world: World, machine: int, claims: Claims, late: float) -> None:
        super().__init__(world, machine)
        self.total = world.total
        self.log = Position(lambda: world.now)
        self._claims, self._late = claims, late
        self._known: set[tuple[str, int]] = set()

    def is_new(self, event: Event) -> bool:
        key = event.writer, event.n
        is_new = key not in self._known
        self._known.add(key)
        return is_new

    def take(self, entry: Entry, skip: str) -> Iterator[Read]:
        return self.log.take(entry, skip, self.is_new)

    def keep(self, name: str, data: bytes) -> None:
        """Do nothing: the entry arrives as on other machines."""

    def new_events(self, skip: str) -> Iterator[Read]:
        while (found := self._claims.objects.get(name_of(self.log.next))) is not None:
            data, at = found
            if at + self._late > self._world.now and not self._world.delivers:
                break
            for entry in entries_in(data, self.log.next, self.total):
                yield from self.take(entry, skip)
        for event, line in super().new_events(skip):
            if self.is_new(event) and event.kind != "claim":
                yield event, line


def shuffled(rng: random.Random, faults: float) -> Faults:
    """Return faults of every kind, each with a share of at most `faults`."""
    busy, lost, retried, late, slow = (rng.uniform(0, faults) for _ in range(5))
    return Faults(busy, lost, retried, late, slow, between=0.4)


def _nothing() -> None:
    pass
