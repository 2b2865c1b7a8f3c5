"""A sweep over mirrors of one S3 server: its speed against the ideal, repeated tasks, and requests.

    python -m tests.bench.stores [--tasks 200] [--seconds 1.0] [--workers 4]

Each worker has a mirror, settings and caches of its own, as on a machine of its own. The time runs
from the first claim to the last result, by the events of the sweep. What ran is counted outside the
mirrors. The server is one process: how many objects it takes in a second, with nothing else to do,
is shown too.
"""

import argparse
import http.client
import os
import re
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from colabctl.work.open_sweep import OpenSweep
from tests.processes import Finished, Project, end_together, new_project
from tests.servers.servers import moto

_TRAIN = """\
import os, time
def train(n):
    log = os.open({log!r}, os.O_WRONLY | os.O_APPEND)
    os.write(log, f"{{n}}\\n".encode())
    os.close(log)
    time.sleep({seconds})
    return {{"loss": n}}
"""
_SWEEP = "program: train.py:train\nmethod: grid\nparameters: {{n: {{min: 1, max: {tasks}}}}}\n"
_URL = "s3://lab/churn"
_ASKING = 2.0  # seconds for which the server alone is measured


@dataclass(frozen=True)
class _Machine:
    """A mirror, with the settings of one user there."""

    project: Project
    environ: dict[str, str]

    @classmethod
    def at(cls, root: Path) -> "_Machine":
        kinds = ("CACHE", "CONFIG", "STATE")
        return cls(Project(root), {f"XDG_{kind}_HOME": f"{root}-{kind.lower()}" for kind in kinds})

    def run(self, *arguments: str) -> Finished:
        done = self.project.run(*arguments, **self.environ)
        assert done.code == 0, done.err
        return done


def main() -> None:
    """Run a sweep, and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--workers", type=int, default=4)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        _run(Path(temporary), wanted.tasks, wanted.seconds, wanted.workers)


def _run(folder: Path, tasks: int, seconds: float, workers: int) -> None:
    load = os.getloadavg()[0]
    log = folder / "ran"
    log.touch()
    with moto(folder) as server:
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        }  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("PUT", "/lab")
        assert connection.getresponse().status == 200
        alone = _puts_per_second(server.port, workers)
        machines = _machines(folder, workers, _TRAIN.format(log=str(log), seconds=seconds), tasks)
        before = _requests(folder)
        end_together([each.project.start("work", "s", **each.environ) for each in machines])
        after = _requests(folder)
    requests = {kind: count - before.get(kind, 0) for kind, count in after.items()}
    ran = Counter(log.read_text().split())
    assert len(ran) == tasks, f"only {len(ran)} of {tasks} tasks have run"
    _show(machines[0].project, seconds, workers, ran, requests, alone, load)


def _machines(folder: Path, count: int, train: str, tasks: int) -> list[_Machine]:
    """Declare the sweep on one machine, and approve it on the others."""
    origin = _Machine.at(new_project(folder / "churn").root)
    origin.project.write("train.py", train)
    origin.project.write("s.yaml", _SWEEP.format(tasks=tasks))
    origin.run("remote", "add", _URL)
    origin.run("sweep", "s.yaml")
    machines = [origin]
    for number in range(1, count):
        machine = _Machine.at(folder / f"mirror{number}")
        cloned = origin.project.run("clone", _URL, str(machine.project.root), **machine.environ)
        assert cloned.code == 0, cloned.err
        machine.run("trust", "s", "--yes")
        machines.append(machine)
    return machines


def _puts_per_second(port: int, together: int) -> float:
    """Return how many small objects the server takes from this many clients that do nothing else."""
    until = time.monotonic() + _ASKING

    def put(client: int) -> int:
        connection, count = http.client.HTTPConnection("127.0.0.1", port), 0
        while time.monotonic() < until:
            connection.request("PUT", f"/lab/alone/{client}-{count}", b"x" * 200)
            connection.getresponse().read()
            count += 1
        return count

    with ThreadPoolExecutor(together) as pool:
        return sum(pool.map(put, range(together))) / _ASKING


def _requests(folder: Path) -> dict[str, int]:
    """Return how many requests of each kind the server has had, as its log says."""
    log = re.sub(r"\x1b\[[0-9;]*m", "", (folder / "moto.log").read_text())  # refusals have a colour
    kinds = re.findall(r'"(PUT|GET|HEAD|DELETE) ', log)
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _show(
    project: Project, seconds: float, workers: int, ran: Counter[str], requests: dict[str, int],
    alone: float, load: float,
) -> None:  # fmt: skip
    sweep = OpenSweep.at(project.root, project.config({}).layout.sweep("s"))
    sweep.ledger.refresh()
    total = sweep.plan.total
    events = [event for task in range(total) for event in sweep.ledger.state.events_of(task)]
    done = [event for event in events if event.kind == "done"]
    took = max(event.t for event in done) - min(event.t for event in events)
    table = Table(
        title=f"{total} tasks of {seconds:g} s, {workers} workers, guard {sweep.plan.consistency}"
    )
    for column in ("seconds", "tasks/s", "of the ideal", "ran twice", "requests a task",
                   "server alone", "load before"):  # fmt: skip
        table.add_column(column)
    ideal = total * seconds / workers
    asked = ", ".join(f"{count / total:.2f} {kind}" for kind, count in sorted(requests.items()))
    table.add_row(
        f"{took:.1f}", f"{total / took:.0f}", f"{ideal / took:.0%}" if ideal else "-",
        str(ran.total() - total), asked, f"{alone:.0f} PUT/s", f"{load:.1f}",
    )  # fmt: skip
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
