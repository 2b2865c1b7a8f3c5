"""Real workers in mirrors of an rclone store: `python -m tests.bench.mirrors`.

Four machines, each with one worker in a mirror of its own, and rclone's WebDAV server between them.
200 tasks of 1 s. Counts how often each task was begun, by a log outside the mirrors.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.drive import NAP
from tests.processes import clean
from tests.servers.servers import rclone_serve, remote_environ, remote_url


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--machines", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--protocol", choices=["webdav", "sftp", "s3"], default="webdav")
    options = parser.parse_args()
    table = Table(title=f"{options.machines} mirrors by rclone, {options.protocol}")
    for title in ("tasks", "runs started", "run twice", "results", "seconds", "speed"):
        table.add_column(title, justify="right")
    with tempfile.TemporaryDirectory() as folder:
        row = measure(
            Path(folder), options.protocol, options.machines, options.tasks, options.seconds
        )
    table.add_row(*row)
    Console(width=120).print(table)


def measure(
    folder: Path, protocol: str, machines: int, tasks: int, seconds: float
) -> tuple[str, ...]:
    """Let the workers run all tasks; return a row of the table."""
    log = folder / "log"
    log.touch()
    environ = {**clean(os.environ), **remote_environ(protocol), "RCLONE_CONFIG": os.devnull}
    served = folder / "served"
    server = rclone_serve(protocol, served)
    (served / "lab").mkdir()
    with server:
        root = folder / "mirror0"
        url = remote_url(protocol, server.port, "lab/naps")
        _call(_of_machine(environ, root), "init", str(root), "--name", "naps", "--member", "ana")
        _call(_of_machine(environ, root), "remote", "add", url, "--root", str(root))
        (root / "nap.py").write_text(NAP.format(log=str(log), seconds=seconds))
        (root / "nap.yaml").write_text(
            "program: nap.py:run\nmethod: grid\nmetric: {name: loss, goal: minimize}\n"
            f"parameters: {{x: {{min: 1, max: {tasks}}}}}\n"
        )
        _call(_of_machine(environ, root), "sweep", str(root / "nap.yaml"), "--root", str(root))
        roots = [root, *(folder / f"mirror{number}" for number in range(1, machines))]
        for each in roots[1:]:
            _call(_of_machine(environ, each), "clone", url, str(each))
        workers = [
            subprocess.Popen(
                [sys.executable, "-m", "colabctl", "work", "nap", "--root", str(each),
                 "--member", "ana"],
                env=_of_machine(environ, each), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for each in roots
        ]  # fmt: skip
        codes = [worker.wait() for worker in workers]
        if any(codes):
            raise SystemExit(f"the workers ended with {codes}")
        lines = [line.split() for line in log.read_text().splitlines()]
        began = Counter(line[1] for line in lines if line[0] == "begin")
        took = max(float(line[2]) for line in lines) - min(float(line[2]) for line in lines)
        results = _call(
            _of_machine(environ, root), "results", "nap", "--format", "csv", "--root", str(root)
        )
    twice = sum(number > 1 for number in began.values())
    ideal = tasks * seconds / machines
    return (
        f"{tasks}", f"{began.total()}", f"{twice} ({twice / tasks:.1%})",
        f"{len(results.splitlines()) - 1}", f"{took:.1f}", f"{ideal / took:.1%}",
    )  # fmt: skip


def _of_machine(environ: dict[str, str], root: Path) -> dict[str, str]:
    """Return the variables of a machine: its cache is not that of the others.

    The approvals of ana are the same on all of her machines here.
    """
    places = {"XDG_CACHE_HOME": f"{root}-cache"}
    return {**environ, **places}


def _call(environ: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "colabctl", *arguments],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


if __name__ == "__main__":
    main()
