"""Sends what a task records to the worker, also from other processes that the task starts.

Only this process has the pipe to the worker. A process that the task forks, or that gets the
pickled task, records through files, as a program does.
"""

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.run import messages
from colabctl.run.exchange import Exchange
from colabctl.run.failures.failure import TaskError
from colabctl.run.messages import Message
from colabctl.task import Assignment, FileRecorder, Task

Send = Callable[[Message], None]

# Seconds that a task waits for the worker's answer, as the worker may be waiting for the folder.
# The task sees a late answer the next time it asks.
_ANSWER_WITHIN = 5.0
_POLL = 0.2  # seconds between looks at what other processes have recorded


class StopFlag:
    """Whether the current task should stop, and how many of its reports the worker has answered.

    The thread that reads the pipe sets it, and the task reads it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._index = -1
        self._answers = 0
        self._stop = False

    def reset(self, index: int) -> None:
        """Clear the flag for the next task."""
        with self._changed:
            self._index, self._answers, self._stop = index, 0, False

    def update(self, answer: messages.Answer) -> None:
        """Record an answer; ignore it if it is for an earlier task."""
        with self._changed:
            if answer.index == self._index:
                self._answers += 1
                self._stop = self._stop or answer.stop
                self._changed.notify_all()

    def wait(self, reports: int) -> None:
        """Wait for a limited time until the worker has answered this many reports."""
        with self._changed:
            self._changed.wait_for(lambda: self._answers >= reports or self._stop, _ANSWER_WITHIN)

    def is_set(self) -> bool:
        """Whether the current task should stop."""
        return self._stop


class PipeRecorder:
    """Sends a task's values to the worker, but not after the task has ended.

    `stop_flag` is None if the sweep never stops tasks early. Files for other processes are in a
    new folder in `scratch`.
    """

    def __init__(
        self, assignment: Assignment, send: Send, stop_flag: StopFlag | None, scratch: Path
    ) -> None:
        self._assignment = assignment
        self._index = assignment.index
        self._send = send
        self._stop_flag = stop_flag
        self._scratch = scratch
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._closed = False
        self._reports = 0
        self._relay: _Relay | None = None
        if stop_flag is not None:
            stop_flag.reset(assignment.index)

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        """Send intermediate values."""
        if os.getpid() != self._process:
            self._elsewhere().report(step, values)
            return
        with self._lock:
            if not self._closed:
                self._reports += 1
                self._send(messages.Report(self._index, step, values))

    def should_stop(self) -> bool:
        """Whether the worker wants the task to stop."""
        if self._stop_flag is None:
            return False
        if os.getpid() != self._process:
            return self._elsewhere().should_stop()
        self._stop_flag.wait(self._reports)  # the answer to the last report may decide
        return self._stop_flag.is_set()

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        """Send a parameter that an Optuna objective asked for."""
        if os.getpid() != self._process:
            raise UserError(
                f"{name}: a forked process cannot suggest parameters; call trial.suggest_...() "
                "before the objective starts other processes"
            )
        with self._lock:
            if not self._closed:
                self._send(messages.Suggestion(self._index, name, value, distribution))

    def done(self, metrics: dict[str, Any]) -> None:
        """Record the metrics of another process; this one's are sent with the task's end."""
        if os.getpid() != self._process:
            self._elsewhere().done(metrics)

    def failed(self, error: BaseException) -> None:
        """Let the task fail."""
        raise error

    def close(self) -> dict[str, Any]:
        """Return the metrics of other processes; drop later values, which a thread may report.

        Raises TaskError if another process has written something else.
        """
        try:
            return {} if self._relay is None else self._relay.end()
        finally:
            with self._lock:
                self._closed = True

    def prepare(self) -> None:
        """Prepare for other processes: before a fork, and when the task is pickled."""
        if self._relay is None and not self._closed and os.getpid() == self._process:
            self._relay = _Relay(Task(self._assignment, self), self._stop_flag, self._scratch)

    def follow(self) -> None:
        """Pass on what other processes record, from now on: after a fork."""
        if self._relay is not None and os.getpid() == self._process:
            self._relay.start()

    def __reduce__(self) -> tuple[type[FileRecorder], tuple[Assignment]]:
        self.prepare()
        self.follow()
        return FileRecorder, (self._relayed(),)

    def _elsewhere(self) -> FileRecorder:
        return FileRecorder(self._relayed())

    def _relayed(self) -> Assignment:
        if self._relay is None:
            raise UserError(
                f"task {self._assignment.task} has ended, or started this process in an unknown "
                "way, so its values cannot be recorded; record them in the function itself"
            )
        return self._relay.assignment


class _Relay:
    """Passes on what the other processes of a task write into files."""

    def __init__(self, task: Task, stop_flag: StopFlag | None, scratch: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="colabctl-task-", dir=scratch))
        self._exchange = Exchange(self._folder, task)
        self.assignment = self._exchange.assignment
        self._stop_flag = stop_flag
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: TaskError | None = None

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._follow, daemon=True)
            self._thread.start()

    def end(self) -> dict[str, Any]:
        """Stop, and return the metrics; raise TaskError for what is neither metric nor report."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        try:
            if self._error is not None:
                raise self._error
            self._exchange.pass_on()
            return self._exchange.metrics()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _follow(self) -> None:
        while not self._over.wait(_POLL):
            try:
                self._exchange.pass_on()
            except TaskError as error:
                self._error = error
                return
            if self._stop_flag is not None and self._stop_flag.is_set():
                self._exchange.request_stop()
