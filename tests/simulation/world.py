"""A simulated Drive in simulated time: files arrive late, in any order, or never."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colabctl.ledger.journals.checks import check
from colabctl.ledger.journals.events import Event, parse
from colabctl.ledger.journals.journal import Damage, Read
from tests.drive import delays

if TYPE_CHECKING:
    from tests.simulation.claims import Claims

START = 1.7e9  # wall clock at the beginning
PREPARING = 0.8  # seconds from the announcement of a worker until its first task can begin


@dataclass(frozen=True, slots=True)
class Delays(delays.Delays):
    """How late a file or a folder arrives on other machines, as on the Drive of `tests.drive`.

    A share `lost_for_hours` of them takes hours instead.
    """

    lost_for_hours: float = 0.0

    def draw(self, chance: random.Random) -> float:
        """Return one delay in seconds."""
        if self.lost_for_hours and chance.random() < self.lost_for_hours:
            return chance.uniform(3600, 4 * 3600)
        return delays.Delays.draw(self, chance)


Arrival = dict[int, float]
"""When an object arrives on each machine."""


@dataclass(eq=False)
class File:
    """One flush of one writer; from `uploaded` on, it survives the death of its machine."""

    machine: int
    arrived: list[Read]
    uploaded: float
    arrival: Arrival = field(default_factory=dict)

    @property
    def events(self) -> list[Event]:
        """The events in the file."""
        return [event for event, _ in self.arrived]


class World:
    """The Drive, its machines and the true time, in seconds from 0."""

    def __init__(self, machines: int, total: int, delays: Delays, rng: random.Random) -> None:
        self.now = 0.0
        self.total = total
        self.machines = machines
        self.files: list[File] = []
        self.writers: dict[str, tuple[int, Arrival]] = {}  # machine and folder of each
        self._delays = delays
        self.rng = rng
        self.delivers = False
        self.claims: Claims | None = None  # the store of a shared log, where there is one

    def publish(self, machine: int, writer: str, lines: bytes, folders: Sequence[Arrival]) -> None:
        """Add a file, which arrives on each machine at a different time, after its folders."""
        split = lines.split(b"\n")[:-1]
        events = [
            (check(body, writer, self.total), line)
            for line, body in zip(split, parse(split), strict=True)
        ]
        own = self.draw(machine, self.now)
        uploaded = self.now + (min(own.values(), default=self.now) - self.now) * self.rng.random()
        file = File(machine, events, uploaded)
        file.arrival = {
            other: max(at, *(folder[other] for folder in folders)) for other, at in own.items()
        }
        self.files.append(file)

    def announce(self, machine: int, writer: str, at: float) -> Arrival:
        """Add the folder of a writer, made at a given time."""
        _, folder = self.writers[writer] = machine, self.draw(machine, at)
        return folder

    def draw(self, machine: int, at: float) -> Arrival:
        """Return when an object that a machine makes arrives on each other machine."""
        return {
            other: at + self._delays.draw(self.rng)
            for other in range(self.machines)
            if other != machine
        }

    def lose(self, machine: int) -> None:
        """Lose a machine: the files that it has not uploaded never arrive."""
        self.files = [
            file for file in self.files if file.machine != machine or file.uploaded <= self.now
        ]

    def deliver(self) -> None:
        """Let every file and every entry of the log arrive at once."""
        self.delivers = True
        for file in self.files:
            file.arrival = dict.fromkeys(range(self.machines), 0.0)


class Store:
    """The files of one writer, on its machine."""

    def __init__(self, world: World, machine: int, writer: str) -> None:
        self._world, self._machine, self._writer = world, machine, writer
        self._folders: list[Arrival] = []
        self.position = 0

    def write(self, lines: bytes) -> int:
        """Write a file."""
        if not self._folders:
            machine, now = self._machine, self._world.now
            known = self._world.writers.get(self._writer)
            own = known[1] if known else self._world.announce(machine, self._writer, now)
            self._folders = [own, self._world.draw(machine, now)]  # the second is in the first
        self._world.publish(self._machine, self._writer, lines, self._folders)
        return len(lines)

    def sync(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class View:
    """All journals as one machine sees them: the files that have arrived there."""

    def __init__(self, world: World, machine: int) -> None:
        self.damage: list[Damage] = []
        self._world, self._machine = world, machine
        self._read: set[int] = set()

    def create(self, name: str, position: int = 0) -> Store:
        """Return the store of a new journal."""
        return Store(self._world, self._machine, name)

    def position(self) -> dict[str, Any]:
        """Return nothing: simulated machines keep nothing between processes."""
        return {}

    def missing(self) -> dict[str, int]:
        """Return nothing: of a journal, files may arrive in any order here."""
        return {}

    def counts(self) -> dict[str, int]:
        """Return the writers whose folder has arrived; how much was read does not matter."""
        return {
            writer: 0
            for writer, (machine, folder) in self._world.writers.items()
            if machine != self._machine and folder[self._machine] <= self._world.now
        }

    def resume(self, position: dict[str, Any]) -> bool:
        """Return False, as for journals that do not fit."""
        return False

    def new_events(self, skip: str) -> Iterator[Read]:
        """Yield the events in files that have arrived since the last call."""
        for file in self._world.files:
            if id(file) in self._read or file.machine == self._machine:
                continue
            if file.arrival.get(self._machine, math.inf) <= self._world.now:
                self._read.add(id(file))
                yield from file.arrived
