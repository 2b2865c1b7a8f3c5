"""A simulated Drive in simulated time: files arrive late, in any order, or never."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from colabctl.ledger.events import Event, check, parse
from colabctl.ledger.journal import Damage, Read

START = 1.7e9  # wall clock at the beginning


@dataclass(frozen=True)
class Delays:
    """How late a file arrives on other machines, in seconds: log-normal, and at most `worst`.

    A share `lost_for_hours` of all files takes hours instead.
    """

    median: float = 10.0
    worst: float = 60.0
    lost_for_hours: float = 0.0

    def draw(self, rng: random.Random) -> float:
        """Return one delay."""
        if self.lost_for_hours and rng.random() < self.lost_for_hours:
            return rng.uniform(3600, 4 * 3600)
        return min(self.worst, self.median * math.exp(rng.gauss(0.0, 0.7)))


@dataclass(eq=False)
class File:
    """One flush of one writer; from `uploaded` on, it survives the death of its machine."""

    machine: int
    arrived: list[Read]
    uploaded: float
    arrival: dict[int, float] = field(default_factory=dict)

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
        self._delays = delays
        self._rng = rng

    def publish(self, machine: int, writer: str, lines: bytes) -> None:
        """Add a file, which arrives on each other machine at a different time."""
        split = lines.split(b"\n")[:-1]
        events = [
            (check(body, writer, self.total), line)
            for line, body in zip(split, parse(split), strict=True)
        ]
        delays = {
            other: self._delays.draw(self._rng)
            for other in range(self.machines)
            if other != machine
        }
        uploaded = self.now + min(delays.values(), default=0.0) * self._rng.random()
        file = File(machine, events, uploaded)
        file.arrival = {other: self.now + delay for other, delay in delays.items()}
        self.files.append(file)

    def lose(self, machine: int) -> None:
        """Lose a machine: the files that it has not uploaded never arrive."""
        self.files = [
            file for file in self.files if file.machine != machine or file.uploaded <= self.now
        ]

    def deliver(self) -> None:
        """Let every file arrive at once."""
        for file in self.files:
            file.arrival = dict.fromkeys(range(self.machines), 0.0)


class Store:
    """The files of one writer, on its machine."""

    def __init__(self, world: World, machine: int, writer: str) -> None:
        self._world, self._machine, self._writer = world, machine, writer
        self.position = 0

    def write(self, lines: bytes) -> int:
        """Write a file."""
        self._world.publish(self._machine, self._writer, lines)
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

    def counts(self) -> dict[str, int]:
        """Return nothing, as `position` does."""
        return {}

    def missing(self) -> dict[str, int]:
        """Return nothing, as `position` does."""
        return {}

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
