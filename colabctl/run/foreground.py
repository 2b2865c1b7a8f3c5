"""The process that runs one task for `colabctl try`: in the foreground, with the terminal.

What the task prints goes where this process prints. It writes how the task ended to a file.
"""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from colabctl.run.failure import Pruned, TaskError, headline, traceback_of
from colabctl.run.function import run_one
from colabctl.run.loading import load
from colabctl.run.messages import Message, Report, Suggestion
from colabctl.run.recorder import PipeRecorder
from colabctl.run.redaction import cleaner
from colabctl.run.settings import Settings
from colabctl.run.workspace.workspace import Workspace
from colabctl.task import Assignment, Task


@dataclass
class Outcome:
    """How a task ended: `error` is "" if it was done; `reports` is a list of (step, values)."""

    seconds: float = 0.0
    metrics: dict[str, Any] = field(default_factory=dict)
    reports: list[tuple[float | None, dict[str, Any]]] = field(default_factory=list)
    suggested: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def write(self, file: Path) -> None:
        """Write it to a file."""
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, file: Path) -> Self | None:
        """Return what `write` wrote; None if the process ended before."""
        try:
            return cls(**json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def take(self, message: Message) -> None:
        """Take what the task reports."""
        if isinstance(message, Report):
            self.reports.append((message.step, message.values))
        elif isinstance(message, Suggestion):
            self.suggested[message.name] = message.value


def run(settings: Settings, assignment: Assignment) -> Outcome:
    """Run a task; print the traceback if it fails."""
    outcome, process = Outcome(), os.getpid()
    recorder = PipeRecorder(assignment, outcome.take, None, Path(settings.log).parent)
    task = Task(assignment, recorder)
    started = time.perf_counter()
    try:
        workspace = Workspace.of(settings)
        call = load(settings)
        if workspace is not None:
            call = workspace.around(call)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(before=recorder.prepare, after_in_parent=recorder.follow)
        started = time.perf_counter()
        try:
            metrics = run_one(call, task)
        finally:
            if os.getpid() != process:  # a process that the task forked has come here
                sys.stdout.flush()
                os._exit(int(sys.exception() is not None))
            others = recorder.close()
        outcome.metrics = {**others, **metrics}
    except Pruned:
        outcome.metrics = task.metrics or {}
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        outcome.error = headline(error)
        if not isinstance(error, TaskError):
            sys.stdout.flush()
            text = cleaner(settings, os.environ)(traceback_of(error))
            print(text, file=sys.stderr, end="", flush=True)
    outcome.seconds = time.perf_counter() - started
    return outcome


def main() -> None:
    """Run the task in a file with the settings in the first argument; write the outcome."""
    settings = Settings.decode(sys.argv[1])
    folder = Path(sys.argv[2])
    parts = json.loads((folder / "assignment.json").read_text(encoding="utf-8"))
    assignment = Assignment(**{**parts, "earlier": tuple(parts["earlier"])})
    sys.argv[1:] = []
    try:
        run(settings, assignment).write(folder / "outcome.json")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
