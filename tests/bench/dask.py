"""No-op tasks per second of `work --on dask`, beside those of Dask's own client.map.

    python -m tests.bench.dask [--tasks 2000] [--workers 2] [--repeats 3]

client.map  the same function, with the same Dask workers, from the first call to the last result
colabctl    from the first claim to the last end in the journal, so without starting Python
ratio       the second over the first, of one round
killed      1,000 tasks, while a Dask worker is killed every 2 s and another one joins; none is
            killed while it is the only one

Rates are medians of the rounds.
"""

import argparse
import math
import os
import subprocess
import tempfile
import time
from itertools import count, pairwise
from pathlib import Path
from statistics import median

from distributed import Client
from rich.console import Console
from rich.table import Table

from tests.engines.dask.clusters import Cluster
from tests.processes import Project, end, new_project

PROGRAM = "import time\ndef train(params, task):\n    time.sleep(params['s'])\n    return {'y': params['x']}\n"
GRID = (
    "method: grid\nprogram: train.py:train\nparameters: {{s: {{value: {s}}}, x: {{values: {x}}}}}\n"
)
MARKED = f"import os\n{PROGRAM}".replace(
    "    time.sleep", """    with open(f"{os.environ['MARKS']}/{os.getppid()}", "a") as file:
        file.write(f"{params['x']} {time.time()}\\n")
    time.sleep""",
)  # fmt: skip
KILL_EVERY = 2.0  # seconds


def train(number: int) -> dict[str, int]:
    """Do nothing, as the sweep's function does."""
    time.sleep(0)
    return {"y": number}


def mapped(cluster: Cluster, tasks: int) -> float:
    """Return the tasks per second of client.map."""
    with Client(scheduler_file=str(cluster.file), set_as_default=False) as client:
        client.gather(client.map(train, range(-100, 0), pure=False))
        started = time.perf_counter()
        client.gather(client.map(train, range(tasks), pure=False))
        return tasks / (time.perf_counter() - started)


def carried(cluster: Cluster, project: Project, name: str, tasks: int) -> float:
    """Return the tasks per second of a sweep."""
    project.declare(name, GRID.format(s=0, x=list(range(tasks))), PROGRAM)
    ended = end(_worker(project, name, cluster))
    assert ended.code == 0, ended.err
    claims, ends = (project.events(name, kind) for kind in ("claim", "done"))
    assert len(ends) == tasks
    return float(tasks / (ends[-1]["t"] - claims[0]["t"]))


def killed(cluster: Cluster, project: Project, tasks: int, marks: Path) -> dict[str, str]:
    """Run a sweep while its workers are killed, and others join; return what was counted."""
    marks.mkdir()
    project.declare("killed", GRID.format(s=0.05, x=list(range(tasks))), MARKED)
    load, dead = os.getloadavg()[0], dict[int, float]()
    worker = _worker(project, "killed", cluster)
    for number in count():
        try:
            worker.wait(KILL_EVERY)
            break
        except subprocess.TimeoutExpired:
            ready = [name for name in cluster.workers if "Registered to" in cluster.log(name)]
        if len(ready) > 1 and project.status("killed")["done"]:  # one is left to work
            pid = cluster.workers[ready[0]].pid
            dead[pid] = time.time()  # before it dies: nothing can be repeated earlier
            cluster.kill(ready[0])
            cluster.add(f"late-{number}", MARKS=str(marks))
    ended = end(worker)
    assert ended.code == 0, ended.err
    status, events = project.status("killed"), project.events("killed")
    runs = _runs(marks)
    return {
        "done": f"{status['done']:,}",
        "failed": f"{status['failed']:,}",
        "counted twice": f"{status['duplicates']:,}",
        "workers killed": f"{len(dead):,}",
        "run once more, as their worker was killed": f"{sum(len(each) - 1 for each in runs):,}",
        "run once more while their worker lived": f"{_repeated(runs, dead):,}",
        "seconds": f"{events[-1]['t'] - events[0]['t']:.0f}",
        "load of the machine before": f"{load:.1f} on {os.cpu_count()} cores",
    }


def _runs(marks: Path) -> list[list[tuple[float, int]]]:
    """Return the runs of each task: when it started, and in which Dask worker."""
    runs: dict[str, list[tuple[float, int]]] = {}
    for file in marks.iterdir():
        for line in file.read_text().splitlines():
            x, started = line.split()
            runs.setdefault(x, []).append((float(started), int(file.name)))
    return [sorted(each) for each in runs.values()]


def _repeated(runs: list[list[tuple[float, int]]], dead: dict[int, float]) -> int:
    """Return how many runs started while the worker of the run before lived."""
    pairs = [pair for each in runs for pair in pairwise(each)]
    return sum(dead.get(worker, math.inf) > started for (_, worker), (started, _) in pairs)


def _worker(project: Project, name: str, cluster: Cluster) -> "subprocess.Popen[str]":
    return project.start("work", name, "--on", "dask", "--scheduler-file", str(cluster.file))


def _rates(tasks: int, rounds: list[tuple[float, float]]) -> Table:
    table = Table("tasks/s", "median", title=f"{tasks:,} no-op tasks")
    for name, rates in zip(("client.map", "colabctl"), zip(*rounds, strict=True), strict=True):
        table.add_row(name, f"{median(rates):,.0f}")
    table.add_row("ratio", f"{median(ours / theirs for theirs, ours in rounds):.2f}")
    return table


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3, help="0 for the killed workers alone")
    asked = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        project, cluster = new_project(Path(folder, "churn")), Cluster(Path(folder, "cluster"))
        marks = Path(folder, "marks")
        try:
            cluster.start()
            for number in range(asked.workers):
                cluster.add(f"w{number}", MARKS=str(marks))
            rounds = [
                (mapped(cluster, asked.tasks), carried(cluster, project, f"s{n}", asked.tasks))
                for n in range(asked.repeats)
            ]
            if rounds:
                console.print(_rates(asked.tasks, rounds))
            counted = Table("1,000 tasks of 0.05 s, a worker killed every 2 s", "")
            for row in killed(cluster, project, 1000, marks).items():
                counted.add_row(*row)
            console.print(counted)
        finally:
            cluster.end()
            project.end_all()


if __name__ == "__main__":
    main()
