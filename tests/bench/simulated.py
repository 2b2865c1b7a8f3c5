"""What late files cost, simulated: `python -m tests.bench.simulated [--seeds 20] [--loops 0.5]`.

Workers see each other's files and folders a median of 10 s late, 60 s at worst; with tasks of half a second, 4
and 30 s. The share of all tasks' time that was spent twice, and the speed beside the ideal (all
tasks' time / workers / time until the last result). Medians over the seeds, with the worst seed
behind them.
"""

import argparse
import random
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.simulation.sweep import Outcome, Simulation
from tests.simulation.world import Delays

HEARTBEAT = 60.0
_DELAYS = Delays(10.0, 60.0)


@dataclass(frozen=True)
class Case:
    """A sweep, and what it is to reach; a task takes half to one and a half of `seconds`."""

    workers: int
    tasks: int
    seconds: float
    repeated: float
    speed: float | None
    delays: Delays = _DELAYS


CASES = (
    Case(6, 360, 60.0, 0.005, 0.97),
    Case(6, 1000, 5.0, 0.03, 0.95),
    Case(6, 60, 60.0, 0.015, 0.85),
    Case(20, 1000, 60.0, 0.005, None),
    Case(4, 120, 0.5, 0.2, 0.7, Delays(4.0, 30.0)),
    Case(6, 120, 0.5, 0.3, 0.55, Delays(4.0, 30.0)),
    Case(6, 240, 0.5, 0.15, 0.75, Delays(4.0, 30.0)),
    Case(6, 360, 0.5, 0.1, 0.8, Delays(4.0, 30.0)),
)


def simulate(case: Case, seed: int, loops: float) -> Outcome:
    """Run one simulated sweep; `loops` is the share of workers that are loops."""
    rng = random.Random(seed)
    durations = [case.seconds * rng.uniform(0.5, 1.5) for _ in range(case.tasks)]
    return Simulation(
        machines=case.workers, durations=durations, delays=case.delays, seed=seed,
        heartbeat=HEARTBEAT, loops=round(loops * case.workers),
    ).run()  # fmt: skip


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--loops", type=float, default=0.0, help="share of workers that are loops")
    options = parser.parse_args()
    seeds = range(options.seeds)
    table = Table(title=f"files arrive late; {len(seeds)} seeds")
    for title in (
        "workers", "tasks", "seconds", "late", "repeated", "worst", "target", "speed", "worst ", "target ",
        "files/task", "allowed",
    ):  # fmt: skip
        table.add_column(title, justify="right")
    for case in CASES:
        label = f"{case.workers} workers, {case.tasks} tasks"
        console = Console(stderr=True)
        found = [
            simulate(case, seed, options.loops) for seed in track(seeds, label, console=console)
        ]
        allowed = 1.1 + case.seconds / HEARTBEAT
        table.add_row(
            f"{case.workers}", f"{case.tasks}", f"{case.seconds:g}",
            f"{case.delays.median:g} to {case.delays.worst:g} s",
            f"{median(each.repeated for each in found):.2%}",
            f"{max(each.repeated for each in found):.2%}",
            f"{case.repeated:.1%}",
            f"{median(each.speed for each in found):.1%}",
            f"{min(each.speed for each in found):.1%}",
            f"{case.speed:.0%}" if case.speed else "",
            f"{median(each.writes for each in found):.2f}",
            f"{allowed:.2f}",
        )  # fmt: skip
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
