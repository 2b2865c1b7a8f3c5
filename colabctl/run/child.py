"""The process that runs tasks for a worker: it loads the code once and serves one task at a time.

On its standard input it reads assignments, a JSON list a line, and answers to reports, an object a
line; on its standard output it answers, an object a line. Whatever the task prints goes to the log
file instead, which holds the output of the current task only. When the worker dies its pipe closes,
and this process ends itself together with everything it started.
"""

import json
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

from colabctl.run.failure import ProgramError, Pruned, TaskError, headline, last_exception, tail
from colabctl.run.function import Run, run_one
from colabctl.run.loading import load
from colabctl.run.redaction import concealer
from colabctl.run.settings import Settings
from colabctl.task import Assignment, Task

# Seconds that a task waits for the worker, which may be waiting for the folder: an answer that
# comes later is found by the next question.
_ANSWERED_WITHIN = 5.0


class Answers:
    """What the worker says about running tasks: how many reports it has seen, and whether to stop.

    It is filled by the thread that reads the pipe and asked by the task.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._index = -1
        self._seen = 0
        self._stop = False

    def begin(self, index: int) -> None:
        """Forget what was said of the task before."""
        with self._changed:
            self._index, self._seen, self._stop = index, 0, False

    def take(self, index: int, *, stop: bool) -> None:
        """Take an answer; one that is not about the current task is late, and of no use."""
        with self._changed:
            if index == self._index:
                self._seen += 1
                self._stop = self._stop or stop
                self._changed.notify_all()

    def wait(self, reports: int) -> None:
        """Wait until the worker has seen so many reports of the task, but not for ever."""
        with self._changed:
            self._changed.wait_for(lambda: self._seen >= reports or self._stop, _ANSWERED_WITHIN)

    def stop(self) -> bool:
        """Whether the current task should stop."""
        return self._stop


class _PipeRecorder:
    """Sends a task's values to the worker as long as the task runs, whatever its threads do.

    answers  given if the sweep has a rule to stop tasks early
    """

    def __init__(
        self, index: int, send: Callable[[dict[str, Any]], None], answers: Answers | None
    ) -> None:
        self._index = index
        self._send = send
        self._answers = answers
        self._turn = threading.Lock()
        self._over = False
        self._reports = 0
        if answers is not None:
            answers.begin(index)

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        with self._turn:
            if self._over:
                return
            self._reports += 1
            self._send({"report": self._index, "step": step, "values": values})

    def should_stop(self) -> bool:
        if self._answers is None:
            return False
        self._answers.wait(self._reports)  # the last one may be what decides
        return self._answers.stop()

    def suggested(self, name: str, value: Any, distribution: Mapping[str, Any]) -> None:
        with self._turn:
            if not self._over:
                self._send({"suggested": self._index, "name": name, "value": value,
                            "distribution": distribution})  # fmt: skip

    def done(self, metrics: dict[str, Any]) -> None:
        """Leave them with the task: they travel with its outcome."""

    def failed(self, error: BaseException) -> None:
        raise error

    def close(self) -> None:
        """Drop what comes from here on: it would be taken for the next task's."""
        with self._turn:
            self._over = True


class _Output:
    """Standard output and standard error of the tasks, in a file that holds the current one's."""

    def __init__(self, log: Path) -> None:
        self.log = log
        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        os.close(handle)
        sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115 - for good
        sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115 - for good

    def clear(self) -> None:
        _flush()
        if os.fstat(1).st_size:
            os.ftruncate(1, 0)


def _flush() -> None:
    """Bring out what was printed without the end of a line."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the task may have closed or moved it
            stream.flush()


def serve(
    settings: Settings,
    channel: BinaryIO,
    assignments: "queue.SimpleQueue[list[dict[str, Any]]]",
    answers: Answers,
) -> None:
    """Run what comes in until an empty list does."""

    def send(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        channel.flush()

    output = _Output(Path(settings.log))
    conceal = concealer(settings.secrets, os.environ)
    try:
        run = load(settings)
    except TaskError as wrong:
        _flush()
        send({"broken": headline(wrong, conceal), "output": tail(output.log, conceal)})
        return
    except BaseException as error:  # noqa: BLE001 - user code may raise anything at import
        _flush()
        traceback.print_exc()
        send({"broken": headline(error, conceal), "output": tail(output.log, conceal)})
        return
    send({"ready": True})
    while handed := assignments.get():
        for parts in handed:
            output.clear()
            assignment = Assignment(**{**parts, "earlier": tuple(parts["earlier"])})
            recorder = _PipeRecorder(assignment.index, send, answers if settings.prunes else None)
            send(_attempt(run, Task(assignment, recorder), recorder, output.log, conceal))


def _attempt(
    run: Run, task: Task, recorder: _PipeRecorder, log: Path, conceal: Callable[[str], str]
) -> dict[str, Any]:
    """Run a task and return the answer that ends it."""
    answer: dict[str, Any]
    begun = time.perf_counter()
    try:
        answer = {"done": task.index, "metrics": run_one(run, task)}
    except Pruned:
        answer = {"pruned": task.index, "metrics": task.metrics or {}}
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        _flush()
        if not isinstance(error, TaskError):
            traceback.print_exc()
        output, what = tail(log, conceal), headline(error, conceal)
        if isinstance(error, ProgramError):
            what = ": ".join(filter(None, (what, last_exception(output))))
        answer = {"failed": task.index, "error": what, "output": output}
    recorder.close()
    if task.user_attributes:
        answer["attributes"] = task.user_attributes
    return {**answer, "seconds": round(time.perf_counter() - begun, 6)}


def _pipes() -> tuple[int, int]:
    """Return the pipes from and to the worker, which nothing that runs here gets hold of.

    What it starts could eat the assignments, or keep the worker from seeing that this process
    has died.
    """
    pipes = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    if hasattr(os, "register_at_fork"):
        for pipe in pipes:
            os.register_at_fork(after_in_child=partial(os.close, pipe))
    return pipes


def _follow(
    incoming: int, assignments: "queue.SimpleQueue[list[dict[str, Any]]]", answers: Answers
) -> None:
    """Pass on what the worker sends; when the worker is gone, end this whole process group."""
    with os.fdopen(incoming, "rb") as lines:
        for line in lines:
            message = json.loads(line)
            if isinstance(message, list):
                assignments.put(message)
            else:
                answers.take(message["task"], stop=message["stop"])
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Serve the worker that started this process with its settings as the one argument."""
    settings = Settings(**json.loads(sys.argv[1]))
    incoming, outgoing = _pipes()
    channel = os.fdopen(outgoing, "wb")
    assignments: queue.SimpleQueue[list[dict[str, Any]]] = queue.SimpleQueue()
    answers = Answers()
    following = (incoming, assignments, answers)
    threading.Thread(target=_follow, args=following, daemon=True).start()
    serve(settings, channel, assignments, answers)
    channel.flush()


if __name__ == "__main__":
    main()
