"""Simulated machines: the real workers of both kinds, with tasks that take simulated time."""

import random
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from colabctl.engines.contract import CarrierSlot
from colabctl.ledger import Ledger, Plan, TaskFiles, task_name
from colabctl.ledger.journals.shared_log import SharedLog
from colabctl.ledger.ledger import Claim
from colabctl.needs import ANYTHING, Capacity
from colabctl.project.layout import SweepLayout
from colabctl.run.messages import Done, Failed, Inbox, Record, Stop, TaskMessage
from colabctl.run.slots.waiting import Waiting
from colabctl.task import Assignment
from colabctl.work.identity import Identity
from colabctl.work.limits import Limits
from colabctl.work.loop.worker import InlineWorker
from colabctl.work.loop.worker import Run as LoopRun
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.pacing import pacing_for
from colabctl.work.tuner import Tuner
from colabctl.work.worker import Worker
from tests.simulation.claims import LoggedView
from tests.simulation.world import PREPARING, START, View, World


def _no_file(number: int) -> Path:
    raise AssertionError(f"task file {number} was read")


@dataclass
class Run:
    """One run of a task: when it started and ended, and whether it finished."""

    index: int
    started: float
    ended: float
    done: bool


def ledger_of(world: World, machine: int, plan: Plan, skew: float = 0.0) -> Ledger:
    """Return the ledger of one machine, or command, whose wall clock is wrong by `skew` seconds."""

    def wall() -> float:
        return START + world.now + skew

    if world.claims is None:
        return Ledger(View(world, machine), plan, wall)
    view = LoggedView(world, machine, world.claims, late=world.rng.uniform(0, 30))
    rng = random.Random(world.rng.random())
    return Ledger(view, plan, wall, shared=SharedLog(world.claims, view, _nothing, rng))


class SimulatedSlot:
    """A slot whose tasks take simulated time."""

    def __init__(
        self,
        world: World,
        durations: Sequence[float],
        runs: list[Run],
        waiting: Waiting,
        inbox: Inbox,
    ) -> None:
        self._world, self._durations, self._runs = world, durations, runs
        self._inbox = inbox
        self._queue = waiting
        self._current: tuple[Assignment, float] | None = None
        self.seconds: float | None = None

    def free_in(self) -> float:
        if self._current is None:
            return 0.0
        return float("inf") if self.seconds is None else self._ends() - self._world.now

    def running(self) -> tuple[Assignment, float] | None:
        return None if self._current is None else (self._current[0], 0.0)

    def stop(self, index: int, why: Stop, kill_after: float = 0.0) -> None:
        if self._current is not None and self._current[0].index == index:
            assignment, started = self._current
            self._runs.append(Run(index, started, self._world.now, done=False))
            end = why.end_of(Failed(index, self._world.now - started, why.error, ""))
            self._inbox.append(TaskMessage(assignment, end))
            self._current = None
            self.start_next()

    def close(self, within: float = 0.0) -> None:
        self._queue.close()

    def take_back_stuck(self) -> None:
        """Do nothing: it takes one task at a time."""

    def next_change(self) -> float:
        return self._ends() if self._current is not None else float("inf")

    def advance(self) -> None:
        """End the current task if its time is over."""
        while self._current is not None and self._ends() <= self._world.now:
            assignment, started = self._current
            seconds = self._durations[assignment.index]
            self._runs.append(Run(assignment.index, started, started + seconds, done=True))
            done = Done(assignment.index, seconds, {"loss": float(assignment.index)})
            self._inbox.append(TaskMessage(assignment, done))
            self.seconds = seconds if self.seconds is None else (self.seconds + seconds) / 2
            self._current = None
            self.start_next()

    def _ends(self) -> float:
        assert self._current is not None
        return self._current[1] + self._durations[self._current[0].index]

    def start_next(self) -> None:
        """Start the next task if the slot is idle."""
        if self._current is None and self._queue and self._queue.wait():
            self._current = (self._queue.take(1)[0], self._world.now)


class SimulatedSweep:
    """The parts of an open sweep that a worker needs, without files."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan, self.ledger = plan, ledger
        self.tasks = TaskFiles(_no_file, plan)
        # Simulated tasks print nothing, so nothing is written there.
        self.layout = SweepLayout(Path("simulated/sweeps/s"))

    def extended(self) -> Plan | None:
        return None

    def lock(self) -> AbstractContextManager[int | None]:
        return nullcontext()

    def tuner(self) -> Tuner:
        return Tuner(self.plan, self.ledger.state, lambda index: {}, list, list)

    def refused(self, claims: Sequence[Claim], tuner: Tuner) -> dict[int, str]:
        return {}

    def assignments(self, claims: Sequence[Claim], me: Identity, tuner: Tuner) -> list[Assignment]:
        return [
            Assignment(self.plan.sweep, task_name(index), index, attempt, {}, "")
            for index, attempt in claims
        ]


class SimulatedIdentity(Identity):
    """A worker whose start event says what its simulated machine has."""

    def start(self, **more: Any) -> tuple[str, dict[str, Any]]:
        """Return its start event."""
        kind, parts = super().start(**more)
        gpu = {"name": "Tesla T4", "memory": self.has.gpu_memory}
        chips = [gpu] * self.has.gpus if self.has != ANYTHING else []
        return kind, {**parts, "accelerators": chips, "elsewhere": self.has == ANYTHING}


class Machine(ABC):
    """A machine with one worker, whose wall clock is wrong by `skew` seconds."""

    def __init__(
        self, number: int, world: World, plan: Plan, durations: Sequence[float], skew: float = 0.0,
        starts: float = 0.0, has: Capacity = ANYTHING,
    ) -> None:  # fmt: skip
        self.number = number
        self.alive = True
        self.ended = False
        self.runs: list[Run] = []
        self.wakes = starts
        # Different in each simulation: the order of its claims depends on it.
        self.has = has
        self.name = f"m{number}-{world.rng.randrange(16**6):06x}"
        self.acts = False  # it is in a turn
        self.ledger = ledger_of(world, number, plan, skew)
        self._world, self._durations = world, durations
        self._sweep = cast("OpenSweep", SimulatedSweep(plan, self.ledger))
        self._pacing = pacing_for(plan.consistency)

    def _identity(self, plan: Plan, jobs: int) -> Identity:
        return SimulatedIdentity(
            self.name, f"m{self.number}", "sim", jobs, plan.heartbeat, plan.lease, self.has
        )

    def act(self) -> None:
        """Take a turn, in which another machine can take one too."""
        self.acts = True
        try:
            self.turn()
        finally:
            self.acts = False

    @abstractmethod
    def turn(self) -> None:
        """Do what the worker does when it wakes, and set when it wakes next."""

    @abstractmethod
    def lose_tasks(self) -> None:
        """Stop the running tasks."""

    def _end(self) -> None:
        self.ended = True
        self.wakes = float("inf")

    def die(self) -> None:
        """Die without a signal."""
        self.alive = False
        self.wakes = float("inf")
        self._world.lose(self.number)
        self.lose_tasks()


class SlotMachine(Machine):
    """A machine that runs `colabctl work`, with one or more slots."""

    def __init__(
        self, number: int, world: World, plan: Plan, durations: Sequence[float],
        rng: random.Random, *, jobs: int = 1, max_tasks: int | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(number, world, plan, durations, **options)
        self._slots: list[SimulatedSlot] = []
        world.announce(number, self.name, self.wakes - PREPARING)

        def make_slots(
            waiting: Waiting, inbox: Inbox, wake: Callable[[], None], record: Record
        ) -> list[CarrierSlot]:
            self._slots = [
                SimulatedSlot(world, durations, self.runs, waiting, inbox) for _ in range(jobs)
            ]
            return cast("list[CarrierSlot]", self._slots)

        self.worker = Worker(
            self._sweep,
            self._identity(plan, jobs),
            Limits(max_tasks=max_tasks),
            make_slots,
            tell=_nothing,
            progress=_nothing,
            interrupted=threading.Event(),
            rng=rng,
            monotonic=lambda: world.now,
        )

    def turn(self) -> None:
        for slot in self._slots:
            slot.advance()
        self.worker.step()
        for slot in self._slots:
            slot.start_next()
        if self.worker.should_end():
            self.worker.leave()
            self._end()
            return
        change = min((slot.next_change() for slot in self._slots), default=float("inf"))
        look = self._pacing.refresh if self.worker._pool.tasks else self._pacing.idle_poll
        soon = self._world.now + (self._pacing.flush if self.worker._claimer.outbox else look)
        self.wakes = max(min(change, soon), self._world.now + 0.01)

    def lose_tasks(self) -> None:
        for slot in self._slots:
            running = slot.running()
            if running:
                slot.stop(running[0].index, Stop("returned"))


class LoopMachine(Machine):
    """A machine with a notebook or script that loops over the tasks."""

    def __init__(
        self, number: int, world: World, plan: Plan, durations: Sequence[float],
        rng: random.Random, *, max_tasks: int | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(number, world, plan, durations, **options)
        self._run: LoopRun | None = None
        self._started = 0.0
        self.worker = InlineWorker(
            self._sweep,
            self._identity(plan, 1),
            max_tasks=max_tasks,
            rng=rng,
            monotonic=lambda: world.now,
        )

    def turn(self) -> None:
        if self._run is not None and self._world.now < self._ends():
            self.worker.keep_alive()
        else:
            self._next()
        if self.ended:
            return
        soon = self.worker.claimer.poll if self._run is None else self.worker.keep_alive_every
        self.wakes = self._world.now + max(soon, 0.01)
        if self._run is not None:
            self.wakes = min(self.wakes, self._ends())

    def _ends(self) -> float:
        assert self._run is not None
        return self._started + self._durations[self._run.task.index]

    def _next(self) -> None:
        """End the body of the loop, and ask for the next task."""
        if self._run is not None:
            index = self._run.task.index
            self.runs.append(Run(index, self._started, self._world.now, done=True))
            self._run.task.done(loss=float(index))
            self._run.finish()
        if not self.worker.step():
            self.worker.leave()
            self._end()
            return
        self._run, self._started = self.worker.start_next(), self._world.now

    def lose_tasks(self) -> None:
        if self._run is not None:
            index = self._run.task.index
            self.runs.append(Run(index, self._started, self._world.now, done=False))


def _nothing(*_: Any) -> None:
    pass
