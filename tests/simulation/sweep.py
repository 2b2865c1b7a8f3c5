"""One simulated sweep from its start to the last result, and its costs."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from colabctl.ledger import Plan
from colabctl.needs import ANYTHING, Capacity, Need, Rule, encode
from colabctl.sharedfs.mounts import Consistency
from colabctl.work.open_sweep import OpenSweep
from tests.simulation.claims import Claims, Faults
from tests.simulation.machines import (
    LoopMachine,
    Machine,
    SimulatedSweep,
    SlotMachine,
    ledger_of,
)
from tests.simulation.world import START, Delays, World


def plan_of(
    total: int, heartbeat: float = 60.0, lease: float = 600.0, *, careful: bool = False,
    consistency: Consistency = "eventual", **more: Any,
) -> Plan:  # fmt: skip
    """Return the plan of a sweep, on a Drive mount unless its claims are in a store."""
    return Plan(
        sweep="simulated", total=total, kind="function", method="grid", consistency=consistency,
        heartbeat=heartbeat, lease=lease, declared_by="ana", declared_at=START,
        metric="loss", claims="careful" if careful else "eager", **more,
    )  # fmt: skip


def with_needs(plan: Plan, needs: Sequence[Need]) -> Plan:
    """Return a plan in which each task is a cell with a need of its own."""
    rules = [Rule(need, f"cell = {number}") for number, need in enumerate(needs) if need]
    cells = tuple({"values": {"cell": number}, "tasks": 1} for number in range(plan.total))
    return replace(plan, cells=cells, needs=encode(rules))


@dataclass(frozen=True)
class Outcome:
    """The outcome of a simulated sweep.

    Attributes:
        repeated: Time spent on unnecessary runs, as a share of all tasks' time.
        speed: All tasks' time / machines / time until the last result: 1 is ideal.
        writes: Files written for each task.
        duration: Seconds until the last result.

    """

    repeated: float
    speed: float
    writes: float
    duration: float


class Simulation:
    """A running sweep; `incidents` are (time, what happens then).

    Args:
        commands: How many commands of members there are.
        faults: Those of the store that has the shared log of claims; None where there is none.
        keys: Further keys of the plan.


        needs: What each task needs; each has a cell of its own.
        has: What each machine has.
        loops: How many of the machines run a loop; the others have workers with `jobs` slots.

    """

    def __init__(
        self, *, machines: int, durations: Sequence[float], delays: Delays, seed: int,
        heartbeat: float = 60.0, lease: float = 600.0, skew: float = 0.0, stagger: float = 0.0,
        careful: bool = False, loops: int = 0, jobs: int = 1, max_tasks: int | None = None,
        commands: int = 0, faults: Faults | None = None, keys: Mapping[str, Any] | None = None,
        needs: Sequence[Need] = (), has: Sequence[Capacity] = (),
    ) -> None:  # fmt: skip
        self.rng = random.Random(seed)
        self.durations = durations
        guard: Consistency = "eventual" if faults is None else "created"
        self.plan = plan_of(
            len(durations), heartbeat, lease, careful=careful, consistency=guard, **keys or {}
        )
        if needs:
            self.plan = with_needs(self.plan, needs)
        # One more view, for a reader, and one for each command of a member.
        self.world = World(machines + 1 + commands, len(durations), delays, self.rng)
        if faults is not None:
            self.world.claims = Claims(self.world, faults)
            self.world.claims.between = self._act_between
        self.machines: list[Machine] = []
        for number in range(machines):
            rng = random.Random(seed * 1000 + number)
            own = has[number] if has else ANYTHING
            offset, start = self.rng.uniform(-skew, skew), self.rng.uniform(0, stagger)
            if number < loops:
                machine: Machine = LoopMachine(
                    number, self.world, self.plan, durations, rng,
                    max_tasks=max_tasks, skew=offset, starts=start, has=own,
                )  # fmt: skip
            else:
                machine = SlotMachine(
                    number, self.world, self.plan, durations, rng,
                    jobs=jobs, max_tasks=max_tasks, skew=offset, starts=start, has=own,
                )  # fmt: skip
            self.machines.append(machine)
        self.reader = ledger_of(self.world, machines, self.plan)
        self._commands = iter(range(machines + 1, machines + 1 + commands))
        self.incidents: list[tuple[float, Callable[[], None]]] = []
        self.checks: list[Callable[[Machine], None]] = []

    def command(self, skew: float = 0.0) -> OpenSweep:
        """Return the sweep as a member's command sees it now, whose clock is wrong by `skew`."""
        ledger = ledger_of(self.world, next(self._commands), self.plan, skew)
        ledger.refresh()
        return cast("OpenSweep", SimulatedSweep(self.plan, ledger))

    def _act_between(self) -> None:
        """Let another machine take a turn."""
        others = [
            machine
            for machine in self.machines
            if machine.alive and not machine.ended and not machine.acts
            and machine.wakes <= self.world.now + 5.0
        ]  # fmt: skip
        if others:
            self.rng.choice(others).act()

    def run(self, longest: float = 1e5) -> Outcome:
        """Run until every machine has ended or died."""
        self.incidents.sort(key=lambda incident: incident[0])
        while any(machine.alive and not machine.ended for machine in self.machines):
            machine = min(self.machines, key=lambda machine: machine.wakes)
            if self.incidents and self.incidents[0][0] <= machine.wakes:
                at, incident = self.incidents.pop(0)
                self.world.now = max(self.world.now, at)
                incident()
                continue
            assert machine.wakes < longest, "the sweep does not end"
            self.world.now = max(self.world.now, machine.wakes)
            machine.act()
            for check in self.checks:
                check(machine)
        return self.outcome()

    def outcome(self) -> Outcome:
        """Return the outcome so far."""
        runs = [run for machine in self.machines for run in machine.runs]
        first: dict[int, float] = {}
        for run in runs:
            if run.done:
                first[run.index] = min(first.get(run.index, float("inf")), run.ended)
        total = sum(self.durations)
        spent = sum(run.ended - run.started for run in runs)
        last = max(first.values(), default=0.0)
        return Outcome(
            repeated=(spent - total) / total,
            speed=total / len(self.machines) / last if last else 0.0,
            writes=len(self.world.files) / len(self.durations),
            duration=last,
        )
