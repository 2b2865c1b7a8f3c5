"""A group of machines with real workers that share a project on a simulated Drive."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.drive import Drive
from tests.processes import PATIENCE, clean

_NAP = """
import time

def run(params, task):
    time.sleep({seconds})
    return {{"loss": params["x"]}}
"""


class Group:
    """A project with a sweep on a drive, used from all of its machines.

    A task naps for `seconds`, unless another program is given.
    """

    def __init__(
        self, drive: Drive, tasks: int, seconds: float = 0.0, program: str | None = None
    ) -> None:
        self.drive = drive
        root = self.root(0)
        self.command(0, "init", str(root), "--name", "naps", "--member", "ana")
        (root / "nap.py").write_text(program or _NAP.format(seconds=seconds))
        (root / "nap.yaml").write_text(
            "program: nap.py:run\nmethod: grid\nmetric: {name: loss, goal: minimize}\n"
            f"parameters: {{x: {{values: {list(range(1, tasks + 1))}}}}}\n"
        )
        declared = self.command(0, "sweep", str(root / "nap.yaml"), "--root", str(root))
        assert declared.returncode == 0, declared.stderr
        drive.deliver()

    def root(self, machine: int) -> Path:
        return self.drive.machine(machine).path / "project"

    def environ(self, machine: int, **more: str) -> dict[str, str]:
        return {
            **clean(os.environ),
            "XDG_STATE_HOME": str(self.drive.machine(machine).home),
            **more,
        }

    def work(
        self, machine: int, *options: str, sweep: str = "nap", **environ: str
    ) -> "subprocess.Popen[str]":
        """Start a worker on a machine; its output goes to a file."""
        log = self.drive.machine(machine).home / f"worker-{time.monotonic_ns()}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "colabctl", "work", sweep, *options,
                 "--root", str(self.root(machine))],
                stdout=file, stderr=file, text=True, env=self.environ(machine, **environ),
            )  # fmt: skip
        process.said = log.read_text  # type: ignore[attr-defined]
        return process

    def work_apart(self, machine: int, *options: str, sweep: str = "nap", **environ: str) -> str:
        """Run a worker to its end, while its files are uploaded but reach no other machine."""
        worker = self.work(machine, *options, sweep=sweep, **environ)
        until = time.monotonic() + PATIENCE
        while worker.poll() is None:
            assert time.monotonic() < until, worker.said()  # type: ignore[attr-defined]
            self.drive.upload(self.drive.machine(machine))
            time.sleep(0.1)
        said: str = worker.said()  # type: ignore[attr-defined]
        assert worker.returncode == 0, said
        return said

    def command(self, machine: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "colabctl", *arguments],
            capture_output=True, text=True, env=self.environ(machine), check=False, timeout=PATIENCE,
        )  # fmt: skip

    def status(self, machine: int) -> dict[str, Any]:
        answer = self.command(machine, "status", "nap", "--json", "--root", str(self.root(machine)))
        status: dict[str, Any] = json.loads(answer.stdout)
        return status

    def results(self, machine: int) -> list[dict[str, Any]]:
        answer = self.command(
            machine, "results", "nap", "--format", "json", "--root", str(self.root(machine))
        )
        rows: list[dict[str, Any]] = json.loads(answer.stdout)
        return rows


def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait until a condition is true; fail if that takes too long."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not true within {seconds:g} s"
        time.sleep(0.05)
