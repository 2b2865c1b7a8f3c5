"""No-op tasks per second of `work --on dask`, beside those of Dask's own client.map.

    python -m tests.bench.dask [--tasks 2000] [--workers 2] [--repeats 3]

client.map  the same function, with the same Dask workers, from the first call to the last result
colabctl    from the first claim to the last end in the journal, so without starting Python
ratio       the second over the first, of one round
killed      1,000 tasks, while a Dask worker is killed every 2 s and another one joins

Rates are medians of the rounds.
"""

import argparse
import subprocess
import tempfile
import threading
import time
from collections import Counter
from itertools import count
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


def killed(cluster: Cluster, project: Project, tasks: int) -> dict[str, int]:
    """Run a sweep while its workers are killed; return what was counted."""
    project.declare("killed", GRID.format(s=0.05, x=list(range(tasks))), PROGRAM)
    worker, over, kills = _worker(project, "killed", cluster), threading.Event(), 0
    for number in count():
        if worker.poll() is not None:
            break
        over.wait(KILL_EVERY)
        ready = [name for name in cluster.workers if "Registered to" in cluster.log(name)]
        if len(ready) > 1 and project.status("killed")["done"]:  # one is left to work
            cluster.kill(ready[0])
            cluster.add(f"late-{number}")
            kills += 1
    ended = end(worker)
    assert ended.code == 0, ended.err
    attempts = Counter(row["attempt"] for row in project.results("killed"))
    status = project.status("killed")
    lost = sum(
        len(event["tasks"]) for event in project.events("killed", "released") if event.get("lost")
    )
    return {
        "done": status["done"], "failed": status["failed"], "counted twice": status["duplicates"],
        "workers killed": kills, "attempts lost with them": lost,
        "tasks with several attempts": tasks - attempts[1],
    }  # fmt: skip


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
        try:
            cluster.start()
            for number in range(asked.workers):
                cluster.add(f"w{number}")
            rounds = [
                (mapped(cluster, asked.tasks), carried(cluster, project, f"s{n}", asked.tasks))
                for n in range(asked.repeats)
            ]
            if rounds:
                console.print(_rates(asked.tasks, rounds))
            counted = Table("1,000 tasks, a worker killed every 2 s", "")
            for name, number in killed(cluster, project, 1000).items():
                counted.add_row(name, f"{number:,}")
            console.print(counted)
        finally:
            cluster.end()
            project.end_all()


if __name__ == "__main__":
    main()
