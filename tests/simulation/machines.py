"""Pretended machines: the real worker, with slots whose tasks take simulated time."""

import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

from colabctl.ledger import Ledger, Plan, task_name
from colabctl.ledger.ledger import Claim
from colabctl.run.slot import Outcome, Slot, Stop
from colabctl.task import Assignment
from colabctl.work.identity import Identity
from colabctl.work.limits import Limits
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.tuner import Tuner
from colabctl.work.worker import Worker
from tests.simulation.world import START, View, World


@dataclass
class Run:
    """One run of a task: from when to when, and whether it came to its end."""

    index: int
    begun: float
    ended: float
    done: bool


class SimulatedSlot:
    """A slot whose tasks take the time that the simulation says, and no other."""

    def __init__(
        self, world: World, durations: Sequence[float], runs: list[Run], outcomes: "deque[Outcome]"
    ) -> None:
        self._world, self._durations, self._runs = world, durations, runs
        self._outcomes = outcomes
        self._queue: deque[Assignment] = deque()
        self._current: tuple[Assignment, float] | None = None
        self.seconds: float | None = None

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def free_in(self) -> float:
        if self._queue:
            return float("inf")
        if self._current is None:
            return 0.0
        return float("inf") if self.seconds is None else self._ends() - self._world.now

    def running(self) -> tuple[Assignment, float] | None:
        return None if self._current is None else (self._current[0], 0.0)

    def give(self, assignments: list[Assignment]) -> None:
        self._queue.extend(assignments)
        self._go_on()

    def take_back(self, count: int) -> list[Assignment]:
        return [self._queue.pop() for _ in range(min(count, len(self._queue)))]

    def drop(self, index: int) -> bool:
        kept = deque(each for each in self._queue if each.index != index)
        dropped = len(kept) < len(self._queue)
        self._queue = kept
        if not dropped:
            self.stop(index, Stop("returned"))
        return dropped

    def stop(self, index: int, why: Stop, kill_after: float = 0.0) -> None:
        if self._current is not None and self._current[0].index == index:
            assignment, begun = self._current
            self._runs.append(Run(index, begun, self._world.now, done=False))
            self._outcomes.append(Outcome(why.kind, assignment, error=why.error))
            self._current = None
            self._go_on()

    def close(self, within: float = 0.0) -> None:
        self._queue.clear()

    def next_change(self) -> float:
        return self._ends() if self._current is not None else float("inf")

    def advance(self) -> None:
        """Let the current task end if its time has come."""
        while self._current is not None and self._ends() <= self._world.now:
            assignment, begun = self._current
            seconds = self._durations[assignment.index]
            self._runs.append(Run(assignment.index, begun, begun + seconds, done=True))
            self._outcomes.append(
                Outcome("done", assignment, seconds, {"loss": float(assignment.index)})
            )
            self.seconds = seconds if self.seconds is None else (self.seconds + seconds) / 2
            self._current = None
            self._go_on()

    def _ends(self) -> float:
        assert self._current is not None
        return self._current[1] + self._durations[self._current[0].index]

    def _go_on(self) -> None:
        if self._current is None and self._queue:
            self._current = (self._queue.popleft(), self._world.now)


class SimulatedSweep:
    """What a worker needs of an open sweep, without any file."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan, self.ledger = plan, ledger

    def lock(self) -> AbstractContextManager[None]:
        return nullcontext()

    def tuner(self) -> Tuner:
        return Tuner(self.plan, self.ledger.state, lambda index: {}, list)

    def assign(self, claims: Sequence[Claim], me: Identity, tuner: Tuner) -> list[Assignment]:
        return [
            Assignment(self.plan.sweep, task_name(index), index, attempt, {}, "")
            for index, attempt in claims
        ]


class Machine:
    """A machine with one worker, whose wall clock is wrong by `skew` seconds."""

    def __init__(
        self, number: int, world: World, plan: Plan, durations: Sequence[float], rng: random.Random,
        skew: float = 0.0, starts: float = 0.0,
    ) -> None:  # fmt: skip
        self.number = number
        self.alive = True
        self.ended = False
        self.runs: list[Run] = []
        self.wakes = starts
        self._world = world
        self._slots: list[SimulatedSlot] = []
        self.ledger = Ledger(View(world, number), plan, wall=lambda: START + world.now + skew)
        self.told: list[str] = []

        def make_slots(outcomes: "deque[Outcome]", wake: Callable[[], None]) -> list[Slot]:
            self._slots = [SimulatedSlot(world, durations, self.runs, outcomes)]
            return cast("list[Slot]", self._slots)

        self.worker = Worker(
            sweep=cast("OpenSweep", SimulatedSweep(plan, self.ledger)),
            identity=Identity(f"m{number}", f"m{number}", "sim", 1, plan.heartbeat, plan.lease),
            limits=Limits(),
            make_slots=make_slots,
            tell=self.told.append,
            progress=_nothing,
            interrupted=threading.Event(),
            rng=rng,
            monotonic=lambda: world.now,
        )
        self._pacing = self.worker._pacing

    def turn(self) -> None:
        """Do what the worker does when it wakes, and tell when it wakes next."""
        for slot in self._slots:
            slot.advance()
        self.worker.step()
        if self.worker.over():
            self.worker._release_all()
            self.worker.part()
            self.ended = True
            self.wakes = float("inf")
            return
        look = self._pacing.look if self.worker._pool.tasks else self._pacing.idle_poll
        change = min((slot.next_change() for slot in self._slots), default=float("inf"))
        soon = self._world.now + (self._pacing.flush if self.worker._box else look)
        self.wakes = max(min(change, soon), self._world.now + 0.01)

    def die(self) -> None:
        """Vanish without a signal."""
        self.alive = False
        self.wakes = float("inf")
        self._world.bury(self.number)
        for slot in self._slots:
            running = slot.running()
            if running:
                slot.stop(running[0].index, Stop("returned"))


def _nothing(state: Any) -> None:
    pass
