"""A project on disk, and real processes of the command in it."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from colabctl.declare.declare import declare
from colabctl.declare.preview import draft
from colabctl.project.approvals import approvals_for
from colabctl.project.config import Config, load
from colabctl.project.create import create
from colabctl.views.results import Results, as_json
from colabctl.views.status import status
from colabctl.work.open_sweep import OpenSweep

linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc")

COMMAND = [sys.executable, "-m", "colabctl"]
PATIENCE = 300.0  # seconds; what has not happened by then never will
START_TOGETHER = """
import os, pathlib, time

def start_together(number):  # of processes: none continues before all have started a task
    together = pathlib.Path("together")
    together.mkdir(exist_ok=True)
    (together / str(os.getpid())).touch()
    deadline = time.monotonic() + 120
    while len(list(together.iterdir())) < number:
        assert time.monotonic() < deadline, "the others have not started"
        time.sleep(0.01)
"""
_MARK = "TEST_OF_COLABCTL"  # in the environment of every process of one test


@dataclass(frozen=True)
class Finished:
    """A process that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The standard output, parsed as strict JSON."""
        return json.loads(self.out, parse_constant=_refuse)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def until(condition: Callable[[], Any], what: str = "it") -> Any:
    """Return the value of `condition` as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {PATIENCE:g} s")


@dataclass(frozen=True)
class Project:
    """A project with the members ana and ben, in which processes of the command run."""

    root: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    started: "list[subprocess.Popen[str]]" = field(default_factory=list)

    def write(self, name: str, text: str) -> Path:
        """Write a file in the project."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def declare(self, name: str, text: str, program: str | None = None, **environ: str) -> None:
        """Declare a sweep from the text of its file and, if it has one, of its program."""
        if program is not None:
            file = next(line for line in text.splitlines() if line.startswith("program:"))
            self.write(file.split(":")[1].strip(), program)
        config = self.config(environ)
        declare(
            draft(text.encode(), f"{name}.yaml"),
            config.layout,
            config,
            name=name,
            member="ana",
            now=time.time(),
            approvals=approvals_for(self.root, os.environ),
        )

    def config(self, environ: Mapping[str, str]) -> Config:
        """Return the configuration under some environment variables."""
        return load(self.root, environ)

    def start(
        self, *arguments: str, member: str = "ana", **environ: str
    ) -> "subprocess.Popen[str]":
        """Start `colabctl ARGUMENTS` in the project without waiting for it."""
        return self.start_python(*COMMAND[1:], *arguments, member=member, **environ)

    def start_python(
        self, *arguments: str, member: str = "ana", **environ: str
    ) -> "subprocess.Popen[str]":
        """Start Python in the project without waiting for it."""
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env={
                **clean(os.environ),
                _MARK: self.mark,
                "COLABCTL_MEMBER": member,
                **environ,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str, member: str = "ana", **environ: str) -> Finished:
        """Run `colabctl ARGUMENTS` in the project to its end."""
        return end(self.start(*arguments, member=member, **environ))

    def python(self, text: str, member: str = "ana", **environ: str) -> Finished:
        """Run a script in the project to its end."""
        script = self.write("notebooks/ana/script.py", text)
        return end(self.start_python(str(script), member=member, **environ))

    def results(self, sweep: str) -> list[dict[str, Any]]:
        """Return the rows of a sweep's results, as scripts get them."""
        declared = self._open(sweep)
        return [
            as_json(asdict(row))
            for row in Results(declared.plan, declared.ledger.state, declared.tasks)
        ]

    def status(self, sweep: str) -> dict[str, Any]:
        """Return the status of a sweep, as scripts get it."""
        declared = self._open(sweep)
        state = status(declared.plan, declared.ledger, declared.tasks)
        return dict(as_json(asdict(state)))

    def _open(self, sweep: str) -> OpenSweep:
        declared = OpenSweep.at(self.root, self.config({}).layout.sweep(sweep))
        declared.ledger.refresh()
        return declared

    def events(self, sweep: str, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the events of a sweep with their writers, in event order."""
        events = [
            {"writer": file.parent.name, **json.loads(line)}
            for file in sorted((self.root / "sweeps" / sweep / "journal").glob("*/events.jsonl"))
            for line in file.read_text().splitlines()
        ]
        events.sort(key=lambda event: (event["t"], event["writer"], event["n"]))
        return [event for event in events if kind in (None, event["event"])]

    def reports(self, sweep: str) -> list[dict[str, Any]]:
        """Return every intermediate value in the journals: {task, attempt, step, values}."""
        return [
            {"task": event["task"], "attempt": event["attempt"], "step": step, "values": values}
            for event in self.events(sweep, "report")
            for step, values in event["reports"]
        ]

    def journal(self, sweep: str, *events: dict[str, Any], writer: str = "ana-vm-1") -> Path:
        """Write a worker's journal: its events, one second apart, starting almost a minute ago.

        The dates of a journal that is written again are as long, so its events are in their places.
        """
        start = {"event": "start", "member": writer.partition("-")[0], "host": "vm", "lease": 30.0}
        first = time.time() // 1 - 57.5
        lines = [
            json.dumps({"n": n, "t": first + n, **event})
            for n, event in enumerate((start, *events))
        ]
        return self.write(f"sweeps/{sweep}/journal/{writer}/events.jsonl", "\n".join(lines) + "\n")

    def processes(self) -> list[int]:
        """Return the ids of this test's running processes, except the test itself."""
        return list(processes_with(f"{_MARK}={self.mark}"))

    def end_all(self) -> None:
        """Kill the processes that this test has left."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        for process in self.started:
            process.kill()
            process.communicate()


def check_interrupted_leaves_nothing(project: Project, sweep: str, machine: Path) -> None:
    """Interrupt a worker, and check that its temporary folder is empty afterwards.

    Its task ignores signals and has created the file `started`. `machine` is a folder to create for
    the worker's temporary files.
    """
    machine.mkdir()
    worker = project.start("work", sweep, TMPDIR=str(machine))
    until((project.root / "started").exists)
    assert [each.name[:14] for each in machine.iterdir()] == ["colabctl-work-"]
    worker.send_signal(signal.SIGINT)
    assert end(worker).code == 130
    assert list(machine.iterdir()) == []


def end(process: "subprocess.Popen[str]") -> Finished:
    """Wait for the end of a process, and return its exit code and output."""
    out, err = process.communicate(timeout=PATIENCE)
    return Finished(process.returncode, out, err)


def end_together(processes: "Sequence[subprocess.Popen[str]]") -> list[Finished]:
    """Wait for the end of all processes, which must succeed."""
    ended = [end(process) for process in processes]
    assert [each.code for each in ended] == [0] * len(ended), [each.err for each in ended]
    return ended


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the settings of the user who runs the tests."""
    dropped = (
        "COLABCTL_", "CUDA_VISIBLE_DEVICES",
        "PYTHONUNBUFFERED",  # it hides what happens as Python exits
        "TERM", "TTY_", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR",  # Rich reads these
    )  # fmt: skip
    return {name: value for name, value in environ.items() if not name.startswith(dropped)}


def processes_with(variable: str) -> Iterator[int]:
    """Yield the ids of this user's processes that started with a variable, NAME=VALUE."""
    mark = variable.encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:
            continue  # it has ended, or belongs to another user


def new_project(root: Path) -> Project:
    """Create a project with the members ana and ben."""
    create(root, "churn", "ana", ["ana", "ben"])
    return Project(root)
