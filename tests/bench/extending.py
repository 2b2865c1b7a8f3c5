"""What extending a sweep of 100,000 tasks by 1,000 costs, and to declare it.

    python -m tests.bench.extending [--repeats 3] [--folder DISK]

Seconds of CPU of whole commands, because a busy machine changes those least. Each repeat declares a
sweep and extends it. Then workers finish its 100,000 tasks as in tests/bench/finished.py, and it is
extended twice again: before anyone has read the journals, and after `status` has read them.
"""

import argparse
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.figures import print_figures
from tests.bench.finished import finish
from tests.bench.processes import output, together
from tests.bench.tools import colabctl, prepare_project

TASKS, MORE = 100_000, 1_000
TARGET = "2 s"
PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "random": {"lr": {"min": 0.0, "max": 1.0}, "depth": {"min": 1, "max": 9}},
    "grid": {
        "dataset": {"values": [f"dataset-{number}" for number in range(TASKS // MORE)]},
        "seed": {"min": 1, "max": MORE},
    },
}
"""By the method of the sweep; one is extended by --trials, the other by --value."""

DECLARED, EXTENDED, FINISHED, READ = (
    "declared",
    "extended",
    "extended, all finished, journals not read yet",
    "extended, all finished, after status",
)


def measure(place: Path, method: str) -> dict[str, float]:
    """Return the seconds of CPU of each command by what it does, in an empty folder."""
    declare = prepare_project(place, PARAMETERS[method])
    if method == "random":
        file = place / "project" / "noop.yaml"
        of_grid, drawn = "method: grid\n", f"method: random\ntrials: {TASKS}\n"
        file.write_text(file.read_text().replace(of_grid, drawn))
    found = {DECLARED: together([declare]).cpu}
    for number, title in enumerate((EXTENDED, FINISHED, READ)):
        if title == FINISHED:
            finish(place / "project" / "sweeps" / "noop", range(TASKS), "first")
        if title == READ:
            output(colabctl(place, "status", "noop"))
        more = f"--trials=+{MORE}" if method == "random" else f"--value=dataset=new-{number}"
        found[title] = together([colabctl(place, "extend", "noop", more)]).cpu
    return found


def rows(folder: Path, repeats: int) -> list[tuple[str, str, str]]:
    """Measure both kinds of sweeps; return a row for each command."""
    found = []
    for method in PARAMETERS:
        several = []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as scratch:
                os.environ["XDG_CACHE_HOME"] = str(Path(scratch, "cache"))
                several.append(measure(Path(scratch), method))
        for title in several[0]:
            seconds = median(each[title] for each in several)
            found.append((f"{method}, {title}", f"{seconds:.2f} s", TARGET * (title != DECLARED)))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=f"Extends {TASKS:,} tasks by {MORE:,}.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    asked = parser.parse_args()
    print(f"seconds of CPU, {TASKS:,} tasks, {MORE:,} more by --trials (random) or --value (grid)")
    print_figures(rows(asked.folder, asked.repeats), asked.repeats)


if __name__ == "__main__":
    main()
