"""The process that runs tasks for a worker: it loads the code once and runs one task at a time.

It reads messages from standard input and writes messages to standard output. What a task prints
goes to a log file, which holds only the current task's output. When the worker dies, the pipe
closes, and this process kills itself and everything it started.
"""

import faulthandler
import math
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

from colabctl.run import device, messages
from colabctl.run.failures.failure import Pruned, TaskError, describe
from colabctl.run.function import Run, run_one
from colabctl.run.loading import load
from colabctl.run.messages import Message
from colabctl.run.output import last_lines, output_of
from colabctl.run.process_state import ProcessState
from colabctl.run.recorder import PipeRecorder, Send, StopFlag
from colabctl.run.redaction import cleaner
from colabctl.run.settings import Settings
from colabctl.run.workspace.workspace import Workspace
from colabctl.sharedfs.rights import is_shared, share_tree
from colabctl.task import Assignment, Task

_SHORT = 0.001  # seconds
_UNRECORDED = 8  # ends of short tasks that the worker need not have recorded yet

Assignments = queue.SimpleQueue[deque[Assignment]]
"""Batches of tasks; the thread that reads the pipe may remove tasks that have not started."""
Turns = queue.SimpleQueue[None]
"""One item for each task that may start after another one of its batch."""


class _Output:
    """Redirects standard output and error to a log, which holds only the current task's output."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(self._handle, 1)
        os.dup2(self._handle, 2)
        sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115 - stays open
        sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115 - stays open

    def clear(self) -> None:
        if os.fstat(self._handle).st_size:
            os.ftruncate(self._handle, 0)

    def printed(self, conceal: Callable[[str], str]) -> str:
        """Return what the current task has printed, shortened."""
        _flush()
        return output_of(self.log, conceal) if os.fstat(self._handle).st_size else ""


def _flush() -> None:
    """Write out unfinished lines."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):  # the task may have closed or moved it
            stream.flush()


def serve(  # noqa: PLR0917 - what one process holds, called once
    settings: Settings,
    workspace: Workspace | None,
    send: Send,
    assignments: Assignments,
    turns: Turns,
    stop_flag: StopFlag,
) -> None:
    """Load the code, then run tasks until an empty batch arrives, or this process is worn out."""
    output = _Output(Path(settings.log))
    faulthandler.enable(all_threads=False)  # a segmentation fault then says where
    conceal = cleaner(settings, os.environ)
    try:
        run = load(settings)
        if workspace is not None:
            run = workspace.around(run)
    except BaseException as error:  # noqa: BLE001 - user code may raise anything at import
        _flush()
        line, text = describe(error, output.log, conceal)
        send(messages.Broken(line, last_lines(text)))
        return
    state = ProcessState()
    _flush()
    send(messages.Ready())
    flag, scratch = stop_flag if settings.prunes else None, Path(settings.log).parent
    shares = is_shared(Path(settings.root))  # with the project's group
    left = settings.process_tasks or math.inf
    while batch := assignments.get():
        unrecorded, allowed, is_first = 0, 0, True
        while not turns.empty():  # of the last batch, whose rest was withdrawn
            turns.get()
        while batch:
            unrecorded += not is_first
            while unrecorded > allowed:
                turns.get()  # the worker has recorded the end of a task
                unrecorded -= 1
            is_first = False
            try:
                assignment = batch.popleft()
            except IndexError:  # it was withdrawn meanwhile
                break
            output.clear()
            _hooks.recorder = recorder = PipeRecorder(assignment, send, flag, scratch)
            end, is_usable = _attempt(run, Task(assignment, recorder), recorder, output, conceal)
            if shares:
                share_tree(Path(assignment.folder))
            left -= 1
            if not (state.restore() and is_usable and left > 0):
                send(messages.Leaving())
                send(end)
                return
            send(end)
            # To wait would take longer than to run these tasks again.
            allowed = _UNRECORDED if end.seconds < _SHORT else 0
        for _ in range(unrecorded):
            turns.get()


def _attempt(
    run: Run,
    task: Task,
    recorder: PipeRecorder,
    output: _Output,
    conceal: Callable[[str], str],
) -> tuple[messages.Done | messages.Pruned | messages.Failed, bool]:
    """Run a task; return the message with its outcome, and whether the device still works."""
    outcome: Callable[..., messages.Done | messages.Pruned | messages.Failed]
    process = os.getpid()
    started = time.perf_counter()
    faults: list[str] = []
    text: str | None = None
    try:
        try:
            metrics = run_one(run, task)
        finally:
            if os.getpid() != process:  # a process that the task forked has come here
                _end_fork()
            others = recorder.close()
        outcome = partial(messages.Done, metrics={**others, **metrics} if others else metrics)
    except Pruned:
        outcome = partial(messages.Pruned, metrics=task.metrics or {})
    except BaseException as error:  # noqa: BLE001 - user code may raise anything
        _flush()
        line, text = describe(error, output.log, conceal)
        outcome = partial(messages.Failed, error=line)
        faults = [] if isinstance(error, TaskError) else list(device.texts(error))
    seconds = round(time.perf_counter() - started, 6)
    if any(map(device.is_exhausted, faults)):
        device.free_memory()
    is_usable = not any(map(device.is_lost, faults)) and device.answers()
    if text is None:
        text = output.printed(conceal)
    attributes = task.user_attributes
    end = outcome(index=task.index, seconds=seconds, attributes=attributes, output=text)
    return end, is_usable


def _end_fork() -> NoReturn:
    """End a process that a task has forked, and that returned from the task's function."""
    error = sys.exception()
    is_failure = error is not None and not isinstance(error, Pruned)
    if is_failure and not isinstance(error, TaskError):  # otherwise it called sys.exit
        traceback.print_exception(error)
    _flush()
    os._exit(int(is_failure))


class _ForkHooks:
    """Keeps the pipes to the worker out of processes that a task forks.

    A number that was merely closed would be taken again by a file of the task's. The recorder
    prepares for the new process before the fork, and follows it afterwards.
    """

    recorder: PipeRecorder | None = None

    def install(self, pipes: Iterable[int]) -> None:
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child
            )
        self._pipes = tuple(pipes)

    def _before(self) -> None:
        if self.recorder is not None:
            self.recorder.prepare()

    def _in_parent(self) -> None:
        if self.recorder is not None:
            self.recorder.follow()

    def _in_child(self) -> None:
        null = os.open(os.devnull, os.O_RDWR)
        for pipe in self._pipes:
            os.dup2(null, pipe, inheritable=False)
        os.close(null)


_hooks = _ForkHooks()


def _pipes() -> tuple[int, int]:
    """Return the pipes from and to the worker, hidden from everything that runs here.

    Otherwise, a process that a task starts could read the assignments, or keep the worker from
    noticing that this process has died.
    """
    pipes = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    _hooks.install(pipes)
    return pipes


_sending = threading.Lock()  # two threads send


def _sender(pipe: int, translated: Callable[[bytes], bytes]) -> Send:
    """Return the function that sends a message; it ends this process if the pipe is gone.

    `translated` replaces the workspace's paths.
    A task may close every descriptor, as daemons do; then the number may be a file of the task's.
    """
    ours = os.fstat(pipe).st_ino

    def send(message: Message) -> None:
        data = translated(messages.encode(message))
        try:
            is_ours = os.fstat(pipe).st_ino == ours
        except OSError:
            is_ours = False
        if not is_ours:
            print("colabctl: a task closed the pipe to the worker", file=sys.stderr, flush=True)
            os._exit(1)
        with _sending:
            while data:
                data = data[os.write(pipe, data) :]

    return send


def _follow(
    incoming: int, send: Send, assignments: Assignments, turns: Turns, stop_flag: StopFlag
) -> None:
    """Pass on the worker's messages; when the worker is gone, kill this process group."""
    batch: deque[Assignment] = deque()
    # It may die within a line, or a task may have closed the pipe.
    with suppress(ValueError, OSError), os.fdopen(incoming, "rb", closefd=False) as lines:
        for line in lines:
            if line == messages.NEXT:  # for each short task
                turns.put(None)
                continue
            match messages.decode(line):
                case messages.Assign(tasks):
                    batch = deque(tasks)
                    assignments.put(batch)
                case messages.Withdraw(after):
                    indices = []
                    with suppress(IndexError):  # the last one has just started
                        while batch and batch[-1].index != after:
                            indices.append(batch.pop().index)
                    send(messages.Withdrawn(indices))
                case messages.Answer() as answer:
                    stop_flag.update(answer)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


def main() -> None:
    """Serve the worker that started this process, with the settings as its only argument."""
    settings = Settings.decode(sys.argv[1])
    incoming, outgoing = _pipes()
    assignments: Assignments = queue.SimpleQueue()
    turns: Turns = queue.SimpleQueue()
    stop_flag = StopFlag()
    plain = _sender(outgoing, bytes)  # for messages without paths
    follower = (incoming, plain, assignments, turns, stop_flag)
    threading.Thread(target=_follow, args=follower, daemon=True).start()
    try:
        workspace = Workspace.of(settings)
    except OSError as error:  # the project's folder does not answer
        plain(messages.Broken(f"{type(error).__name__}: {error}", ""))
        return
    translated = workspace.translated if workspace else bytes
    serve(settings, workspace, _sender(outgoing, translated), assignments, turns, stop_flag)


if __name__ == "__main__":
    main()
