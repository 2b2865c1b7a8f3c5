"""Makes a sweep whose tasks six workers have finished, as they would have left it.

    python -m tests.bench.finished FOLDER TASKS [--eventual] [--but N]

A million tasks take seconds, not hours. FOLDER then holds a project with the sweep `noop`, whose last
N tasks are still open.
"""

import argparse
import random
from collections.abc import Sequence
from pathlib import Path

from colabctl.ledger import Ledger, open_ledger, read_plan
from tests.bench.processes import output
from tests.bench.tools import prepare_project

WORKERS = 6
START = 1.7e9  # ledger time
_BATCH = 64  # tasks of a claim


class Wall:
    """The machine's clock, which the bench sets."""

    now = START

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def declare(place: Path, tasks: int, *, eventual: bool = False) -> Path:
    """Declare a grid of `tasks` points; return the sweep's folder."""
    command = prepare_project(place, {"x": {"min": 1, "max": tasks}})
    if eventual:
        with (place / "project" / "colabctl.yaml").open("a") as settings:
            settings.write("consistency: eventual\n")
    output(command)
    return place / "project" / "sweeps" / "noop"


def finish(sweep: Path, tasks: Sequence[int], mark: str) -> None:
    """Let six workers finish tasks in turns, a batch at a time; `mark` is part of their names."""
    plan, wall = read_plan(sweep / "plan.json"), Wall()
    workers = []
    for number in range(WORKERS):
        worker = open_ledger(sweep / "journal", plan, wall)
        worker.join(f"ana-vm{number}-{mark}-000000")
        start = {"member": "ana", "host": f"vm{number}", "pid": 1, "jobs": 1, "lease": 60.0}
        worker.record([("start", start)])
        workers.append(worker)
    for number, first in enumerate(range(0, len(tasks), _BATCH)):
        _finish_batch(workers[number % WORKERS], wall, tasks[first : first + _BATCH])
    for worker in workers:
        worker.record([("end", {"reason": "no tasks left"})])
        worker.close()


def _finish_batch(worker: Ledger, wall: Wall, batch: Sequence[int]) -> None:
    journal = worker.writer
    assert journal is not None
    wall.now += 0.05
    journal.append([("claim", {"tasks": [[index, 1] for index in batch]})])
    wall.now += 0.01
    journal.append(map(_done, batch))
    journal.flush()


def _done(index: int) -> tuple[str, dict[str, object]]:
    metrics = {"loss": (index * 7919 % 10_007) / 1000, "accuracy": 0.5}
    return "done", {"task": index, "attempt": 1, "seconds": 0.000347, "metrics": metrics}


def main() -> None:
    """Make the sweep."""
    parser = argparse.ArgumentParser(description="Makes a sweep of finished tasks.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("tasks", type=int)
    parser.add_argument("--eventual", action="store_true")
    parser.add_argument("--but", type=int, default=0)
    asked = parser.parse_args()
    sweep = declare(asked.folder, asked.tasks, eventual=asked.eventual)
    order = list(range(asked.tasks - asked.but))
    random.Random(0).shuffle(order)
    finish(sweep, order, "first")


if __name__ == "__main__":
    main()
