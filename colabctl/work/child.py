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
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from colabctl.task import Assignment, Task, plain_metrics

Run = Callable[[dict[str, Any], Task], Any]

TAIL_LINES = 40
_TAIL_BYTES = 64_000


class TaskError(Exception):
    """A task failed in a way that its message says in full: no traceback is wanted."""


class _PipeRecorder:
    """Sends a task's values to the worker."""

    def __init__(self, index: int, send: Callable[[dict[str, Any]], None]) -> None:
        self._index = index
        self._send = send

    def report(self, step: float | None, values: dict[str, Any]) -> None:
        self._send({"report": self._index, "step": step, "values": values})

    def done(self, metrics: dict[str, Any]) -> None:
        """Leave them with the task: they travel with its outcome."""

    def failed(self, error: BaseException) -> None:
        raise error


def tail(log: Path) -> str:
    """Return the last 40 lines of a log, fewer where lines are very long."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    # A progress bar rewrites its line; what a terminal would show is the last of it.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip().split("\n")]
    return "\n".join(lines[-TAIL_LINES:])


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
        if os.fstat(1).st_size:
            os.ftruncate(1, 0)


def serve(settings: Settings, channel: BinaryIO, assignments: "queue.SimpleQueue[str]") -> None:
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
        traceback.print_exc()
        send({"broken": _headline(error), "output": tail(output.log)})
        return
    send({"ready": True})
    while line := assignments.get().strip():
        for parts in json.loads(line):
            output.clear()
            assignment = Assignment(**{**parts, "earlier": tuple(parts["earlier"])})
            task = Task(assignment, _PipeRecorder(assignment.index, send))
            begun = time.perf_counter()
            try:
                metrics = run_one(run, task)
            except BaseException as error:  # noqa: BLE001 - user code may raise anything
                if not isinstance(error, TaskError):
                    traceback.print_exc()
                seconds = time.perf_counter() - begun
                send(
                    {
                        "failed": assignment.index,
                        "seconds": round(seconds, 6),
                        "error": _headline(error),
                        "output": tail(output.log),
                    }
                )
            else:
                seconds = time.perf_counter() - begun
                send({"done": assignment.index, "seconds": round(seconds, 6), "metrics": metrics})


def _headline(error: BaseException) -> str:
    if isinstance(error, TaskError):
        return str(error)
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1][:500]


def _follow(assignments: "queue.SimpleQueue[str]") -> None:
    """Pass on what the worker sends; when the worker is gone, end this whole process group."""
    for line in sys.stdin:
        assignments.put(line)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Serve the worker that started this process with its settings as the one argument."""
    settings = Settings(**json.loads(sys.argv[1]))
    channel = os.fdopen(os.dup(1), "wb")
    assignments: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_follow, args=(assignments,), daemon=True).start()
    serve(settings, channel, assignments)
    channel.flush()


if __name__ == "__main__":
    main()
