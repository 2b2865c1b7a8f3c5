"""A sweep over mirrors of one S3 server: its speed against the ideal, repeated tasks, and requests.

    python -m tests.bench.stores [--tasks 200] [--seconds 1.0] [--workers 4]

Each worker has a mirror of its own. The time runs from the first claim to the last result, by the
events of the sweep.
"""

import argparse
import http.client
import os
import re
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from colabctl.work.open_sweep import OpenSweep
from tests.processes import Project, end_together, new_project
from tests.servers.servers import moto

_TRAIN = "import time\ndef train(n):\n    time.sleep({seconds})\n    return {{'loss': n}}\n"
_SWEEP = "program: train.py:train\nmethod: grid\nparameters: {{n: {{values: {values}}}}}\n"


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
    for name in ("CACHE", "CONFIG", "STATE"):
        os.environ[f"XDG_{name}_HOME"] = str(folder / name.lower())
    with moto(folder) as server:
        os.environ |= {
            "AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}",
        }  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("PUT", "/lab")
        assert connection.getresponse().status == 200
        origin = new_project(folder / "churn")
        origin.write("train.py", _TRAIN.format(seconds=seconds))
        origin.write("s.yaml", _SWEEP.format(values=[*range(tasks)]))
        assert origin.run("remote", "add", "s3://lab/churn").code == 0
        assert origin.run("sweep", "s.yaml").code == 0
        mirrors = [origin]
        for number in range(1, workers):
            root = folder / f"mirror{number}"
            assert origin.run("clone", "s3://lab/churn", str(root)).code == 0
            mirrors.append(Project(root))
        before = _requests(folder)
        end_together([each.start("work", "s") for each in mirrors])
        after = _requests(folder)
    _show(mirrors[0], seconds, workers, {k: n - before.get(k, 0) for k, n in after.items()})


def _requests(folder: Path) -> dict[str, int]:
    """Return how many requests of each kind the server has had, as its log says."""
    kinds = re.findall(r'"(PUT|GET|HEAD|DELETE) ', (folder / "moto.log").read_text())
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _show(project: Project, seconds: float, workers: int, requests: dict[str, int]) -> None:
    sweep = OpenSweep.at(project.root, project.config({}).layout.sweep("s"))
    sweep.ledger.refresh()
    total = sweep.plan.total
    events = [event for task in range(total) for event in sweep.ledger.state.events_of(task)]
    done = [event for event in events if event.kind == "done"]
    took = max(event.t for event in done) - min(event.t for event in events)
    table = Table(
        title=f"{total} tasks of {seconds:g} s, {workers} workers, guard {sweep.plan.consistency}"
    )
    for column in ("seconds", "tasks/s", "of the ideal", "repeated", "requests a task"):
        table.add_column(column)
    ideal = total * seconds / workers
    asked = ", ".join(f"{count / total:.2f} {kind}" for kind, count in sorted(requests.items()))
    table.add_row(
        f"{took:.1f}", f"{total / took:.0f}", f"{ideal / took:.0%}", str(len(done) - total), asked
    )
    Console().print(table)


if __name__ == "__main__":
    main()
