"""What many tasks and large declarations cost, each beside its target.

    python -m tests.bench.scale [--repeats 7] [--folder DISK] [--tasks 100000 [1000000 ...]]

Finished sweeps are made by tests/bench/finished.py. The floor of reading one is json.loads of all
lines of its journals. Every figure is a median of the repeats. Linux and macOS: peak memory is the kernel's own count.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from colabctl.ledger import TaskFiles, cache_of, open_ledger, read_plan
from colabctl.views.status import status as status_of
from tests.bench.figures import print_figures
from tests.bench.finished import finish
from tests.bench.processes import Finished, together
from tests.bench.throughput import Sample, measure
from tests.bench.tools import COLABCTL, colabctl, prepare_project

FEW, MANY = 1_000, 20_000  # tasks
# Several parameters, as a real grid has: 10 x 10 x 10 x 100 = 100,000 points.
GRID = {
    "learning_rate": {"values": [10.0**-power for power in range(10)]},
    "batch_size": {"values": [2**power for power in range(10)]},
    "optimizer": {"values": [f"optimizer-{number}" for number in range(10)]},
    "seed": {"min": 1, "max": 100},
}
Row = tuple[str, str, str]  # what was measured, the figure, its target


def run(command: Sequence[str]) -> Finished:
    """Run one command to its end."""
    return together([command])


def cost_rows(one: Sequence[float], few: Sequence[Sample], many: Sequence[Sample]) -> list[Row]:
    """Cost per task of MANY tasks over that of FEW, with the fixed costs taken off in two ways.

    Off the finished set's time, as in the throughput table, the start of the child process stays
    in and weighs more on few tasks than on many, which flatters the ratio. Off the time of a
    one-task sweep (`one`), it goes too, and what is left is the cost of each further task.
    """

    def net(samples: Sequence[Sample], tasks: int) -> float:
        return (median(s.raw for s in samples) - median(s.idle for s in samples)) / tasks

    def further(samples: Sequence[Sample], tasks: int) -> float:
        return (median(s.raw for s in samples) - median(one)) / (tasks - 1)

    rows: list[Row] = []
    for label, cost in (("net", net), ("beyond the first", further)):
        low, high = cost(few, FEW), cost(many, MANY)
        rows.append((f"cost per task at {FEW:,}, {label}", f"{low * 1e6:,.0f} us", ""))
        rows.append((f"cost per task at {MANY:,}, {label}", f"{high * 1e6:,.0f} us", ""))
        times = f"{high / low:.2f}" if low > 0 else "-"
        rows.append((f"{MANY:,} over {FEW:,}, {label}", times, "1.2"))
    return rows


def many_tasks(folder: Path, repeats: int) -> list[Row]:
    """Cost per task of one worker, then `status` and `results` on the finished sweep."""
    one, few, many = [], [], []
    status, results = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as scratch:
            places = [Path(scratch, name) for name in ("one", "few", "many")]
            for place in places:
                place.mkdir()
            one.append(measure(COLABCTL, places[0], 1, 1).raw)
            few.append(measure(COLABCTL, places[1], FEW, 1))
            many.append(measure(COLABCTL, places[2], MANY, 1))
            status.append(run(colabctl(places[2], "status", "noop", "--json")).seconds)
            database = str(Path(scratch, "results.sqlite"))
            results.append(run(colabctl(places[2], "results", "noop", "-o", database)).seconds)
    return [
        *cost_rows(one, few, many),
        (f"status --json, {MANY:,} finished tasks", f"{median(status):.2f} s", "1 s"),
        (f"results -o x.sqlite, {MANY:,} finished tasks", f"{median(results):.2f} s", "2 s"),
    ]


def large_grid(folder: Path, repeats: int) -> list[Row]:
    """Time and memory of declaring a grid of 100,000 points."""
    declared = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as scratch:
            declared.append(run(prepare_project(Path(scratch), GRID)))
    seconds = median(finished.seconds for finished in declared)
    megabytes = median(finished.peak for finished in declared) / 1e6
    return [
        ("sweep, grid of 100,000 points", f"{seconds:.2f} s", "5 s"),
        ("sweep, grid of 100,000 points, peak memory", f"{megabytes:,.0f} MB", "300 MB"),
    ]


def finished_tasks(folder: Path, repeats: int, tasks: int) -> list[Row]:
    """Measure commands on a sweep with many finished tasks: CPU time and memory."""
    large = tasks > 100_000
    first, later, watched, exported, floors = [], [], [], [], []
    with tempfile.TemporaryDirectory(prefix="bench-", dir=folder) as scratch:
        place = Path(scratch)
        os.environ["XDG_CACHE_HOME"] = str(place / "cache")
        new = 100 * repeats
        maker = [sys.executable, "-m", "tests.bench.finished", scratch, str(tasks)]
        run([*maker, "--but", str(new)])
        sweep = place / "project" / "sweeps" / "noop"
        status = colabctl(place, "status", "noop", "--json")
        for number in range(repeats):
            shutil.rmtree(place / "cache", ignore_errors=True)
            first.append(run(status))
            later.append(run(status))
            floors.append(_floor(sweep / "journal"))
            watched.append(
                _refresh(sweep, range(tasks - new + 100 * number, tasks - new + 100 * (number + 1)))
            )
            database = str(place / "results.sqlite")
            exported.append(run(colabctl(place, "results", "noop", "-o", database, "--force")))
    cpu, peak = [each.cpu for each in first], max(each.peak for each in (*first, *later)) / 1e6
    title = f"{tasks:,} finished tasks"
    return [
        (f"{title}: json.loads of all lines, the floor", f"{median(floors):.2f} s", ""),
        (f"{title}: first status, CPU", f"{median(cpu):.2f} s", "15 s" if large else "3 s"),
        (
            f"{title}: next status, CPU",
            f"{median(each.cpu for each in later):.2f} s",
            "1 s" if large else "0.5 s",
        ),
        (f"{title}: status, peak memory", f"{peak:,.0f} MB", "1,000 MB" if large else "400 MB"),
        (f"{title}: refresh after 100 more", f"{median(watched):.3f} s", "" if large else "0.1 s"),
        (
            f"{title}: results -o x.sqlite, CPU",
            f"{median(each.cpu for each in exported):.2f} s",
            "" if large else "5 s",
        ),
        (
            f"{title}: results, peak memory",
            f"{max(each.peak for each in exported) / 1e6:,.0f} MB",
            "" if large else "400 MB",
        ),
    ]


def _floor(journals: Path) -> float:
    began = time.process_time()
    for file in journals.glob("*/events.jsonl"):
        for line in file.read_bytes().splitlines():
            json.loads(line)
    return time.process_time() - began


def _refresh(sweep: Path, tasks: Sequence[int]) -> float:
    """Return the seconds of CPU for one more look, as with --watch, after `tasks` were finished."""
    plan = read_plan(sweep / "plan.json")
    seen = open_ledger(sweep / "journal", plan, cache=cache_of(sweep / "journal", plan))
    files = TaskFiles(lambda number: sweep / "tasks" / f"{number:05d}.jsonl", plan)
    seen.refresh()
    status_of(plan, seen, files)
    finish(sweep, tasks, f"more{tasks[0]}")
    began = time.process_time()
    seen.refresh()
    status_of(plan, seen, files)
    return time.process_time() - began


def main() -> None:
    """Measure everything and print one table."""
    parser = argparse.ArgumentParser(description="Figures of size, each beside its target.")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    parser.add_argument("--tasks", type=int, nargs="*", default=[100_000])
    asked = parser.parse_args()
    rows = [
        *(row for n in asked.tasks for row in finished_tasks(asked.folder, asked.repeats, n)),
        *large_grid(asked.folder, asked.repeats),
        *many_tasks(asked.folder, asked.repeats),
    ]
    print_figures(rows, asked.repeats)


if __name__ == "__main__":
    main()
