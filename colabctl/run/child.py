"""The process that runs tasks for a worker: it loads the code once and runs one task at a time.

It reads messages from standard input and writes messages to standard output. What a task prints
goes to a log file, which holds only the current task's output. When the worker dies, the pipe
closes, and this process kills itself and everything it started.
"""

import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from colabctl.run import messages
from colabctl.run.failure import ProgramError, Pruned, TaskError, headline, last_exception, tail
from colabctl.run.function import Run, run_one
from colabctl.run.loading import load
from colabctl.run.messages import Message
from colabctl.run.redaction import concealer
from colabctl.run.settings import Settings
from colabctl.run.workspace.workspace import Workspace
from colabctl.task import Assignment, Task

Assignments = queue.SimpleQueue[tuple[Assignment, ...]]
Send = Callable[[Message], None]

# Seconds that a task waits for the worker's answer, as the worker may be waiting for the folder.
# The task sees a late answer the next time it asks.
_ANSWER_WITHIN = 5.0


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


class _PipeRecorder:
    """Sends a task's values to the worker, but not after the task has ended.

    `stop_flag` is None if the sweep never stops tasks early.
    """

    def __init__(self, index: int, send: Send, stop_flag: StopFlag | None) -> None:
        self._index = index
        self._send = send
        self._stop_flag = stop_flag
        self._lock = threading.Lock()
        self._closed = False
        self._reports = 0
        if stop_flag is not None:
            stop_flag.reset(index)

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        with self._lock:
            if not self._closed:
                self._reports += 1
                self._send(messages.Report(self._index, step, values))

    def should_stop(self) -> bool:
        if self._stop_flag is None:
            return False
        self._stop_flag.wait(self._reports)  # the answer to the last report may decide
        return self._stop_flag.is_set()

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        with self._lock:
            if not self._closed:
                self._send(messages.Suggestion(self._index, name, value, distribution))

    def done(self, metrics: dict[str, Any]) -> None:
        """Do nothing: the metrics are sent with the task's end."""

    def failed(self, error: BaseException) -> None:
        raise error

    def close(self) -> None:
        """Drop later values, which a thread of the task may still report."""
        with self._lock:
            self._closed = True


class _Output:
    """Redirects standard output and error to a log, which holds only the current task's output."""

    def __init__(self, log: Path) -> None:
        self.log = log
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.close(handle)
        sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115 - stays open
        sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115 - stays open

    def clear(self) -> None:
        _flush()
        if os.fstat(1).st_size:
            os.ftruncate(1, 0)


def _flush() -> None:
    """Write out unfinished lines."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the task may have closed or moved it
            stream.flush()


def serve(
    settings: Settings, channel: BinaryIO, assignments: Assignments, stop_flag: StopFlag
) -> None:
    """Load the code, then run tasks until an empty batch arrives."""
    workspace = Workspace.of(settings)

    def send(message: Message) -> None:
        line = messages.encode(message)
        channel.write(workspace.translated(line) if workspace else line)
        channel.flush()

    output = _Output(Path(settings.log))
    conceal = concealer(settings.secrets, os.environ)
    try:
        run = load(settings)
        if workspace is not None:
            run = workspace.around(run)
    except BaseException as error:  # noqa: BLE001 - user code may raise anything at import
        send(messages.Broken(*_describe(error, output.log, conceal)))
        return
    send(messages.Ready())
    while batch := assignments.get():
        for assignment in batch:
            output.clear()
            recorder = _PipeRecorder(assignment.index, send, stop_flag if settings.prunes else None)
            send(_attempt(run, Task(assignment, recorder), recorder, output.log, conceal))


def _describe(error: BaseException, log: Path, conceal: Callable[[str], str]) -> tuple[str, str]:
    """Return an error in one line, and the end of the output, with the traceback."""
    _flush()
    if not isinstance(error, TaskError):
        traceback.print_exception(error)
    return headline(error, conceal), tail(log, conceal)


def _attempt(
    run: Run, task: Task, recorder: _PipeRecorder, log: Path, conceal: Callable[[str], str]
) -> Message:
    """Run a task and return the message with its outcome."""
    outcome: Callable[..., Message]
    started = time.perf_counter()
    try:
        outcome = partial(messages.Done, metrics=run_one(run, task))
    except Pruned:
        outcome = partial(messages.Pruned, metrics=task.metrics or {})
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        line, output = _describe(error, log, conceal)
        if isinstance(error, ProgramError):
            line = ": ".join(filter(None, (line, last_exception(output))))
        outcome = partial(messages.Failed, error=line, output=output)
    recorder.close()
    seconds = round(time.perf_counter() - started, 6)
    return outcome(index=task.index, seconds=seconds, attributes=task.user_attributes)


def _pipes() -> tuple[int, int]:
    """Return the pipes from and to the worker, hidden from everything that runs here.

    Otherwise, a process that a task starts could read the assignments, or keep the worker from
    noticing that this process has died.
    """
    pipes = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    if hasattr(os, "register_at_fork"):
        for pipe in pipes:
            os.register_at_fork(after_in_child=partial(os.close, pipe))
    return pipes


def _follow(incoming: int, assignments: Assignments, stop_flag: StopFlag) -> None:
    """Pass on the worker's messages; when the worker is gone, kill this process group."""
    with os.fdopen(incoming, "rb") as lines, suppress(ValueError):  # it may die within a line
        for line in lines:
            match messages.decode(line):
                case messages.Assign(batch):
                    assignments.put(batch)
                case messages.Answer() as answer:
                    stop_flag.update(answer)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Serve the worker that started this process, with the settings as its only argument."""
    settings = Settings.decode(sys.argv[1])
    incoming, outgoing = _pipes()
    channel = os.fdopen(outgoing, "wb")
    assignments: Assignments = queue.SimpleQueue()
    stop_flag = StopFlag()
    threading.Thread(target=_follow, args=(incoming, assignments, stop_flag), daemon=True).start()
    serve(settings, channel, assignments, stop_flag)
    channel.flush()


if __name__ == "__main__":
    main()
