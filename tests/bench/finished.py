"""Writes the journals of a sweep whose tasks six workers have finished, as the workers would.

    python -m tests.bench.finished FOLDER TASKS [--eventual] [--more N]

So a sweep of a million finished tasks takes seconds to make, not hours to run. FOLDER then holds a
project with the sweep `noop`.
"""

import argparse
import random
from pathlib import Path

from colabctl.ledger import Ledger, open_ledger
from colabctl.ledger.plan import Plan, read_plan
from tests.bench.processes import output
from tests.bench.tools import prepare_project

WORKERS = 6
START = 1.7e9  # ledger time
_BATCH = 64  # tasks of a claim


def declare(place: Path, tasks: int, *options: str) -> Path:
    """Declare a grid of `tasks` points; return the sweep's folder."""
    output([*prepare_project(place, {"x": {"min": 1, "max": tasks}}), *options])
    return place / "project" / "sweeps" / "noop"


class Wall:
    """The machine's clock, which the bench sets."""

    now = START

    def __call__(self) -> float:
        return self.now


class Workers:
    """Six workers that take turns and finish batches of tasks at once."""

    def __init__(self, sweep: Path, mark: str = "first") -> None:
        self.plan: Plan = read_plan(sweep / "plan.json")
        self.wall = Wall()
        self.ledgers: list[Ledger] = []
        for number in range(WORKERS):
            ledger = open_ledger(sweep / "journal", self.plan, self.wall)
            ledger.join(f"ana-vm{number}-{mark}-000000")
            start = {"member": "ana", "host": f"vm{number}", "pid": 1, "jobs": 1, "lease": 60.0}
            ledger.record([("start", start)])
            self.ledgers.append(ledger)

    def finish(self, tasks: list[int]) -> None:
        """Claim and finish these tasks, in batches."""
        for number, first in enumerate(range(0, len(tasks), _BATCH)):
            self._finish_batch(self.ledgers[number % WORKERS], tasks[first : first + _BATCH])

    def _finish_batch(self, ledger: Ledger, batch: list[int]) -> None:
        writer = ledger.writer
        assert writer is not None
        self.wall.now += 0.05
        writer.append([("claim", {"tasks": [[index, 1] for index in batch]})])
        self.wall.now += 0.01
        writer.append(map(_done, batch))
        writer.flush()

    def end(self) -> None:
        """End all workers, as after their last task."""
        for ledger in self.ledgers:
            ledger.record([("end", {"reason": "no tasks left"})])
            ledger.close()


def _done(index: int) -> tuple[str, dict[str, object]]:
    metrics = {"loss": (index * 7919 % 10_007) / 1000, "accuracy": 0.5}
    return "done", {"task": index, "attempt": 1, "seconds": 0.000347, "metrics": metrics}


def shuffled(tasks: int) -> list[int]:
    """Return the indices of all tasks, in the random order in which workers claim them."""
    order = list(range(tasks))
    random.Random(0).shuffle(order)
    return order


def main() -> None:
    """Make the sweep."""
    parser = argparse.ArgumentParser(description="Makes a sweep of finished tasks.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("tasks", type=int)
    parser.add_argument("--eventual", action="store_true")
    asked = parser.parse_args()
    sweep = declare(asked.folder, asked.tasks)
    workers = Workers(sweep)
    workers.finish(shuffled(asked.tasks))
    workers.end()


if __name__ == "__main__":
    main()
