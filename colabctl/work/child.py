"""The process that runs tasks for a worker: it loads the code once and serves one task at a time.

It reads assignments from its standard input, a JSON list a line, and answers on its standard
output, an object a line. Whatever the task prints goes to the log file instead, which holds the
output of the current task only. When the worker dies its pipe closes, and this process ends
itself together with everything it started.
"""

import importlib.util
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from colabctl.task import Assignment, Task, plain_metrics
from colabctl.work.failure import TaskError, headline, tail

Run = Callable[[dict[str, Any], Task], Any]


class _PipeRecorder:
    """Sends a task's values to the worker as long as the task runs, whatever its threads do."""

    def __init__(self, index: int, send: Callable[[dict[str, Any]], None]) -> None:
        self._index = index
        self._send = send
        self._turn = threading.Lock()
        self._over = False

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        with self._turn:
            if not self._over:
                self._send({"report": self._index, "step": step, "values": values})

    def done(self, metrics: dict[str, Any]) -> None:
        """Leave them with the task: they travel with its outcome."""

    def failed(self, error: BaseException) -> None:
        raise error

    def close(self) -> None:
        """Drop what comes from here on: it would be taken for the next task's."""
        with self._turn:
            self._over = True


class Settings(NamedTuple):
    """What a worker tells this process at its start.

    program  "file.py:function", or the file of a program, inside `code`
    command  W&B's command list, for a program
    code     a copy of the sweep's frozen code on this machine
    root     the project, the current folder of what runs
    log      file for what the tasks print
    """

    program: str
    command: list[str] | None
    code: str
    root: str
    log: str


def load(settings: Settings) -> Run:
    """Return what runs a task: the function "file.py:name", or a runner for a program's file.

    Raises whatever the file raises when it is imported, TaskError if it has no such function.
    """
    code = Path(settings.code)
    file, _, name = settings.program.partition(":")
    path = code / file
    if not name:
        from colabctl.work.programs import runner  # noqa: PLC0415 - functions do not need it

        return runner(path, settings.command, Path(settings.root))
    sys.path[:0] = list(dict.fromkeys([str(path.parent), str(code)]))
    # Under its own name, as the program's own pickles and sub-processes will look for it.
    known = path.stem if path.stem not in sys.modules else f"{path.stem}_{code.name}"
    spec = importlib.util.spec_from_file_location(known, path)
    if spec is None or spec.loader is None:
        raise TaskError(f"program: {file} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[known] = module
    spec.loader.exec_module(module)
    run: Any = getattr(module, name, None)
    if not callable(run):
        raise TaskError(f"program: {file} has no function {name}")
    return cast("Run", run)


def run_one(run: Run, task: Task) -> dict[str, Any]:
    """Run one task and return its metrics; raise what it raises."""
    try:
        answer = run(task.params, task)
    except SystemExit as end:
        if end.code not in (None, 0):
            raise TaskError(f"sys.exit({end.code!r})") from None
        answer = None
    if answer is None:
        answer = task.metrics or {}
    elif not isinstance(answer, dict):
        raise TaskError(
            f"the function returned a {type(answer).__name__}; "
            'return a dict of metrics, such as {"accuracy": 0.91}'
        )
    return plain_metrics({**(task.metrics or {}), **answer})


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


def serve(settings: Settings, channel: BinaryIO, assignments: "queue.SimpleQueue[bytes]") -> None:
    """Run what comes in until an empty line does."""

    def send(message: dict[str, Any]) -> None:
        channel.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        channel.flush()

    output = _Output(Path(settings.log))
    try:
        run = load(settings)
    except TaskError as wrong:
        send({"broken": str(wrong), "output": ""})
        return
    except BaseException as error:  # noqa: BLE001 - user code may raise anything at import
        _flush()
        traceback.print_exc()
        send({"broken": headline(error), "output": tail(output.log)})
        return
    send({"ready": True})
    while line := assignments.get().strip():
        for parts in json.loads(line):
            output.clear()
            assignment = Assignment(**{**parts, "earlier": tuple(parts["earlier"])})
            send(_attempt(run, assignment, send, output.log))


def _attempt(
    run: Run, assignment: Assignment, send: Callable[[dict[str, Any]], None], log: Path
) -> dict[str, Any]:
    """Run a task and return the answer that ends it."""
    recorder = _PipeRecorder(assignment.index, send)
    answer: dict[str, Any]
    begun = time.perf_counter()
    try:
        metrics = run_one(run, Task(assignment, recorder))
        answer = {"done": assignment.index, "metrics": metrics}
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        _flush()
        if not isinstance(error, TaskError):
            traceback.print_exc()
        answer = {"failed": assignment.index, "error": headline(error), "output": tail(log)}
    recorder.close()
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


def _follow(incoming: int, assignments: "queue.SimpleQueue[bytes]") -> None:
    """Pass on what the worker sends; when the worker is gone, end this whole process group."""
    with os.fdopen(incoming, "rb") as lines:
        for line in lines:
            assignments.put(line)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Serve the worker that started this process with its settings as the one argument."""
    settings = Settings(**json.loads(sys.argv[1]))
    incoming, outgoing = _pipes()
    channel = os.fdopen(outgoing, "wb")
    assignments: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_follow, args=(incoming, assignments), daemon=True).start()
    serve(settings, channel, assignments)
    channel.flush()


if __name__ == "__main__":
    main()
