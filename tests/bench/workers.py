"""How close many workers on one folder come to the ideal, with tasks that only sleep.

    python -m tests.bench.workers [--workers 4 24 64] [--each 60] [--seconds 1] [--folder DISK]

ideal    seconds of sleep that each worker gets if the tasks are shared evenly
took     wall clock from starting the first worker process to the exit of the last
share    ideal over took, start of the workers included
running  the same from the first claim to the last outcome: the start and end left out
CPU      seconds of CPU of all processes together, and how much of the machine that is
load     of the machine before the start: what else runs on it takes time from the workers

All tasks must have run exactly once.
"""

import argparse
import json
import os
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.processes import output, together
from tests.bench.tools import colabctl

PROGRAM = """\
import time

def run(params, task):
    time.sleep({seconds})
    return {{"loss": 0.0}}
"""
SWEEP = """\
program: nap.py:run
method: grid
metric: {{name: loss, goal: minimize}}
parameters:
  x: {{min: 1, max: {tasks}}}
"""


@dataclass(frozen=True)
class Sample:
    """One run: what it took, all in seconds."""

    workers: int
    ideal: float
    took: float
    running: float
    cpu: float
    repeated: int
    load: float


def measure(place: Path, workers: int, each: int, seconds: float) -> Sample:
    """Let `workers` processes do `each` tasks apiece in a new project in `place`."""
    tasks = workers * each
    project = place / "project"
    output([*colabctl(place)[:3], "init", str(project), "--name", "bench", "--member", "ana"])
    (project / "nap.py").write_text(PROGRAM.format(seconds=seconds))
    (project / "nap.yaml").write_text(SWEEP.format(tasks=tasks))
    output(colabctl(place, "sweep", str(project / "nap.yaml")))
    load, before = os.getloadavg()[0], os.times()
    took = together([colabctl(place, "work", "nap", "--member", "ana")] * workers).seconds
    after = os.times()
    events = [
        json.loads(line)
        for file in project.glob("sweeps/nap/journal/*/events.jsonl")
        for line in file.read_text().splitlines()
    ]
    done = Counter(event["task"] for event in events if event["event"] == "done")
    if len(done) != tasks:
        raise RuntimeError(f"{len(done)} of {tasks} tasks are done")
    first = min(event["t"] for event in events if event["event"] == "claim")
    last = max(event["t"] for event in events if event["event"] == "done")
    cpu = sum(after[2:4]) - sum(before[2:4])
    repeated = sum(done.values()) - tasks
    return Sample(workers, each * seconds, took, last - first, cpu, repeated, load)


def table(samples: list[Sample]) -> Table:
    """One row for each sample."""
    headings = ("workers", "ideal", "took", "share", "running", "CPU", "busy", "repeated", "load")
    result = Table(box=box.MARKDOWN)
    for heading in headings:
        result.add_column(heading, justify="right")
    for each in samples:
        result.add_row(
            str(each.workers),
            f"{each.ideal:.0f} s",
            f"{each.took:.1f} s",
            f"{each.ideal / each.took:.0%}",
            f"{each.ideal / each.running:.0%}",
            f"{each.cpu:.0f} s",
            f"{each.cpu / each.took / (os.cpu_count() or 1):.0%}",
            str(each.repeated),
            f"{each.load:.1f}",
        )
    return result


def main() -> None:
    """Measure what the command line asks for and print the table."""
    parser = argparse.ArgumentParser(description="Many workers on one folder, beside the ideal.")
    parser.add_argument("--workers", type=int, nargs="+", default=[4, 24, 64])
    parser.add_argument("--each", type=int, default=60, help="tasks for each worker")
    parser.add_argument("--seconds", type=float, default=1.0, help="that a task sleeps")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"))
    asked = parser.parse_args()
    samples = []
    for workers in asked.workers:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=asked.folder) as scratch:
            samples.append(measure(Path(scratch), workers, asked.each, asked.seconds))
        time.sleep(1)
    Console(width=120).print(table(samples))


if __name__ == "__main__":
    main()
