"""A Dask cluster for tests: a scheduler and workers, each a process that can be killed."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import clean, until

DASK = [sys.executable, "-m", "distributed.cli.dask_worker"]


def can_hide() -> bool:
    """Whether this user may hide a folder from a process, by a mount of its own."""
    tool = shutil.which("unshare")
    command = [str(tool), "-m", "true"]
    return (
        tool is not None
        and subprocess.run(command, check=False, capture_output=True).returncode == 0
    )


hiding = pytest.mark.skipif(
    not can_hide() and not os.environ.get("CI"), reason="no mount namespaces for this user"
)


@dataclass
class Cluster:
    """A scheduler, and workers by the names that tests give them."""

    folder: Path
    workers: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    scheduler: "subprocess.Popen[bytes] | None" = None
    more: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        """The scheduler's file."""
        return self.folder / "scheduler.json"

    def start(self) -> None:
        """Start the scheduler; return once it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.file.unlink(missing_ok=True)
        arguments = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show"]
        self.scheduler = self._run(
            "scheduler", "distributed.cli.dask_scheduler", *arguments,
            "--scheduler-file", str(self.file), *self.more,
        )  # fmt: skip
        until(self.file.exists, "the start of the scheduler")

    def add(
        self, name: str, *arguments: str, hides: Path | None = None, **environ: str
    ) -> "subprocess.Popen[bytes]":
        """Start a worker of one thread, perhaps one that does not see a folder."""
        self.workers[name] = self._run(
            name, "distributed.cli.dask_worker", "--scheduler-file", str(self.file),
            "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name,
            "--local-directory", str(self.folder / name), *arguments, *self.more,
            hides=hides, environ=environ,
        )  # fmt: skip
        return self.workers[name]

    def _run(
        self, name: str, module: str, *arguments: str, hides: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> "subprocess.Popen[bytes]":  # fmt: skip
        command = [sys.executable, "-m", module, *arguments]
        if hides is not None:
            script = f'mount -t tmpfs none "{hides}" && exec "$@"'
            command = ["unshare", "-m", "sh", "-c", script, "sh", *command]
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={**clean(os.environ), **(environ or {})},
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """Kill a worker as a machine dies: with no chance to say anything."""
        worker = self.workers.pop(name)
        worker.send_signal(signal.SIGKILL)
        worker.wait()

    def end(self) -> None:
        """Kill all of it."""
        for process in (*self.workers.values(), self.scheduler):
            if process is not None:
                process.kill()
                process.wait()

    def log(self, name: str) -> str:
        """Return what a process of it has printed."""
        return (self.folder / f"{name}.log").read_text()
