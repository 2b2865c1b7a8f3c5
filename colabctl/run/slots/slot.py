"""A slot: one process that runs tasks, and the thread that hands them to it."""

import math
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from colabctl.run.messages import (
    NEXT,
    Answer,
    Assign,
    Broken,
    Done,
    End,
    Failed,
    Inbox,
    Leaving,
    Message,
    Notice,
    Printed,
    Pruned,
    Ready,
    Record,
    Report,
    Returned,
    Stop,
    Suggestion,
    TaskMessage,
    Withdraw,
    Withdrawn,
    decode,
    encode,
)
from colabctl.run.outages import answers, names_mount
from colabctl.run.output import NewOutput, last_lines, output_of
from colabctl.run.redaction import cleaner
from colabctl.run.settings import Settings
from colabctl.run.slots.launch import close_pipes, launch, let_end
from colabctl.run.slots.waiting import Waiting, handout_size
from colabctl.run.termination import KILL, end_group, how_it_ended, oom_kills, signal_group
from colabctl.run.workspace.workspace import Workspace, tidy_after
from colabctl.sharedfs.faults import pause_after
from colabctl.task import Assignment

_STUCK = 0.2  # seconds that a task runs until those behind it in the process are taken back
# The error may name another disk than the project's, so this often while the project answers.
_STARTS = 3


class Slot:
    """Runs tasks one at a time, in a process that is replaced when it dies.

    It takes them from `waiting`, which the slots of a worker share. The slot's thread adds to
    `inbox`, and calls `wake` when the worker should look at them. At the end of a task it calls
    `record`, which calls its argument to start the next one.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        inbox: Inbox,
        wake: Callable[[], None],
        record: Record,
        *,
        waiting: Waiting,
    ) -> None:
        self._settings = settings
        self._workspace: Workspace | None = None  # until the first start
        self._environ = environ
        self._inbox = inbox
        self._wake = wake
        self._record = record
        self._waiting = waiting
        self._sent: deque[Assignment] = deque()  # the process has these and runs the first one
        self._started = 0.0
        self._changed = threading.Condition()
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = 0  # number of tasks that the process has ended
        self._killed_before = 0  # oom_kills() when the process started
        self._returned: set[int] = set()  # tasks that ran when a process died, perhaps innocent
        self._leaving = False  # the process ends with its current task
        self._loading = False  # the process has not sent its first message yet
        self._stopped: tuple[int, Stop] | None = None
        self._signalled: subprocess.Popen[bytes] | None = None  # the process that got SIGTERM
        self._sending = threading.Lock()
        self._new_output = NewOutput.of(settings, environ)
        self._followed: Assignment | None = None
        self._asked: Assignment | None = None  # the task during which others were asked for
        self.seconds: float | None = None  # that recent tasks took, on average
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def free_in(self) -> float:
        """Return an estimate of the seconds until the slot has run the tasks of its process."""
        if not self._sent:
            return 0.0
        if self.seconds is None:
            return math.inf
        return self._started + len(self._sent) * self.seconds - time.monotonic()

    def running(self) -> tuple[Assignment, float] | None:
        """Return the running task, and for how many seconds it has run."""
        with self._changed:
            return (self._sent[0], time.monotonic() - self._started) if self._sent else None

    def follow(self, index: int, *, answer: bool) -> None:
        """Report what this task, if it runs, has printed since the last call; at its end, all."""
        with self._changed:  # the log is this task's as long as its end is not reported
            if not self._sent or self._sent[0].index != index:
                return
            is_new = self._followed is not self._sent[0]
            self._followed = self._sent[0]
            text = self._new_output.read(is_new=is_new)
            if text or answer:
                self._inbox.append(TaskMessage(self._followed, Printed(text)))

    def take_back_stuck(self) -> None:
        """Ask the process for the tasks that wait there for a long one; other slots get them."""
        with self._changed:
            process, running = self._process, self._sent[0] if self._sent else None
            is_stuck = len(self._sent) > 1 and time.monotonic() - self._started > _STUCK
            if process is None or running is None or not is_stuck or running is self._asked:
                return
            self._asked = running
        with suppress(OSError, ValueError):  # the process has just ended
            self._send(process, Withdraw(running.index))

    def answer(self, index: int, *, stop: bool) -> None:
        """Tell a running task whether it should stop: after each report, or at any time."""
        with self._changed:
            process = self._process
            runs = bool(self._sent) and self._sent[0].index == index
        if process is not None and runs:
            with suppress(OSError, ValueError):  # the process has just ended
                self._send(process, Answer(index, stop))

    def _send(self, process: "subprocess.Popen[bytes]", message: Message) -> None:
        self._write(process, encode(message))

    def _write(self, process: "subprocess.Popen[bytes]", line: bytes) -> None:
        assert process.stdin is not None
        with self._sending:
            process.stdin.write(line)
            process.stdin.flush()

    def stop(self, index: int, why: Stop, kill_after: float | None = None) -> None:
        """Stop the task if it is running.

        The process gets SIGTERM, and SIGKILL if it is still running after `kill_after` seconds
        (default: those of the settings).
        """
        with self._changed:
            if self._stopped or not self._sent or self._sent[0].index != index:
                return
            self._stopped = stopped = (index, why)
            process = self._signalled = self._process
        if process is None:
            return

        def kill() -> None:
            with self._changed:
                if self._stopped is stopped:  # the task is still running
                    signal_group(process, KILL)

        signal_group(process, signal.SIGTERM)
        timer = threading.Timer(
            self._settings.kill_after if kill_after is None else kill_after, kill
        )
        timer.daemon = True
        timer.start()

    def close(self, within: float = 5.0) -> None:
        """End the process and the thread; after `within` seconds, kill the process."""
        with self._changed:
            self._closing = True
            self._changed.notify()
            loading = self._process if self._loading else None
        self._waiting.close()
        if loading is not None:
            signal_group(loading, signal.SIGTERM)
        self._thread.join(within)
        process = self._process
        if process is not None:
            if process.poll() is None:
                signal_group(process, KILL)
            process.wait()
        self._thread.join()

    def _serve(self) -> None:
        """Keep a process ready, and send it the tasks."""
        try:
            while not self._closing and self._start():
                # The process may have died while idle.
                if not self._waiting.wait() or not self._start():
                    break
                try:
                    self._hand_out()
                except (OSError, ValueError):  # the process is gone, or sent garbage
                    self._reap()
                    self._record(self._wake)
                self._wake()
        except (OSError, ValueError) as error:
            self._inbox.append(Broken(f"the task process cannot be started: {error}", ""))
            self._wake()
        if self._process is not None:
            self._shut_down(self._process)

    def _start(self) -> bool:
        """Make sure that a process has loaded the code; return whether one has.

        If the start fails because the project's folder does not answer, try again until it does.
        """
        if self._process is not None and self._process.poll() is None:
            return True
        root, pause, answered = Path(self._settings.root), 0.0, 0
        while True:
            self._reap()  # if it died between two tasks, no task is to blame
            first = self._start_once()
            if isinstance(first, Ready):
                return True
            if self._closing:  # `close` may have ended it
                return False
            is_there = answers(root)
            answered += is_there
            if is_there and (
                answered > _STARTS or not names_mount(f"{first.error}\n{first.output}")
            ):
                self._inbox.append(first)
                self._wake()
                return False
            if not pause:
                self._inbox.append(Notice(f"the code cannot be loaded while {root} does not answer;"
                                          " trying again until it does"))  # fmt: skip
                self._wake()
            pause = pause_after(pause)
            with self._changed:
                if self._changed.wait_for(lambda: self._closing, pause):
                    return False

    def _start_once(self) -> Ready | Broken:
        """Start a process, and return what came of it."""
        with self._changed:
            if self._closing:
                return Broken("", "")
            self._killed_before, self._ended = oom_kills(), 0
            try:
                self._workspace = self._workspace or Workspace.of(self._settings)
                process = self._process = launch(self._settings, self._environ)
            except OSError as error:
                return Broken(f"the task process cannot be started: {error}", "")
            self._loading, self._leaving = True, False
        assert process.stdout is not None
        line = process.stdout.readline()
        with self._changed:
            self._loading = False
        first = decode(line) if line else None
        if isinstance(first, Ready | Broken):
            return first
        ended = how_it_ended(process.wait(), self._killed_before)
        why, output = self._explained(f"the process {ended} while loading it")
        return Broken(why, last_lines(output))

    def _hand_out(self) -> None:
        """Send the process some tasks, and handle its messages until all of them have ended."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        with self._changed:
            batch = tuple(self._waiting.take(handout_size(self.seconds)))
            self._sent.extend(batch)
            self._started = started = time.monotonic()
        ended = self._ended
        if not batch:  # another slot was faster
            return
        if not self._waiting:
            self._wake()  # this slot will soon be idle
        self._send(process, Assign(batch))
        while self._sent:
            line = process.stdout.readline()
            if not line:
                raise BrokenPipeError
            message = decode(line)
            self._handle(message)
            if isinstance(message, Done | Pruned | Failed):
                self._record(self._proceed)
                if self._leaving:
                    self._replace(process)
        count = self._ended - ended
        if count:
            latest = (time.monotonic() - started) / count
            self.seconds = latest if self.seconds is None else (self.seconds + latest) / 2

    def _proceed(self) -> None:
        """Let the process start its next task, if it has one."""
        if self._sent and not self._leaving and self._process is not None:
            with suppress(OSError, ValueError):  # it has just ended
                self._write(self._process, NEXT)

    def _handle(self, message: Message) -> None:
        assignment, stopped = self._sent[0], self._stopped
        match message:
            case Withdrawn(indices):
                with self._changed:
                    back = [task for task in self._sent if task.index in indices]
                    self._sent = deque(task for task in self._sent if task not in back)
                    self._waiting.put_back(back)
            case Report(index) | Suggestion(index) if index == assignment.index:
                self._inbox.append(TaskMessage(assignment, message))
                if isinstance(message, Report) and self._settings.prunes:  # it needs an answer
                    self._wake()
            case Failed(index) if stopped and stopped[0] == index == assignment.index:
                self._finish(assignment, stopped[1].end_of(message))
            case Done(index) | Pruned(index) | Failed(index) if index == assignment.index:
                self._finish(assignment, message)
            case Leaving():
                self._leaving = True
            case _:
                raise ValueError(f"unexpected message: {message!r:.80}")

    def _finish(self, assignment: Assignment, end: End) -> None:
        with self._changed:
            if self._followed is assignment and (text := self._new_output.read(over=True)):
                self._inbox.append(TaskMessage(assignment, Printed(text)))
            self._inbox.append(TaskMessage(assignment, end))
            self._sent.popleft()
            self._started = time.monotonic()
            self._stopped = None
            self._ended += 1

    def _reap(self) -> None:
        """Clean up after a process that died: record the end of its task, and keep the others."""
        process, self._process = self._process, None
        if process is None:
            return
        ended = end_group(process, self._killed_before)
        close_pipes(process)
        fault = tidy_after(self._workspace)
        if not self._sent:
            return
        with self._changed:
            stopped = self._stopped
            seconds = round(time.monotonic() - self._started, 6)
        assignment = self._sent[0]
        error, output = self._explained(f"its process {ended}")
        output += fault
        end: End
        end = failure = Failed(assignment.index, seconds, error, output)
        if stopped and stopped[0] == assignment.index:
            end = stopped[1].end_of(failure)
        elif process is self._signalled:  # SIGTERM was for the previous task, which had just ended
            end = Returned()
        elif self._ended and assignment.index not in self._returned:
            # An earlier task may have left what ended the process, such as a thread.
            self._returned.add(assignment.index)
            others = "another task" if self._ended == 1 else f"{self._ended} other tasks"
            end = Returned(f"{error}; because it had run {others} before, no one is blamed yet")
        self._finish(assignment, end)
        self._keep_unstarted()

    def _keep_unstarted(self) -> None:
        """Keep the tasks that a process has not started, for the next one."""
        with self._changed:
            self._waiting.put_back(self._sent)
            self._sent.clear()

    def _explained(self, ending: str) -> tuple[str, str]:
        """Return how the process ended with what its output says of it, and that output."""
        from colabctl.run.failures import failure  # noqa: PLC0415 - few processes die

        output = output_of(Path(self._settings.log), cleaner(self._settings, self._environ))
        return failure.explained(ending, output), output

    def _replace(self, process: "subprocess.Popen[bytes]") -> None:
        """Let a process end that cannot or must not run another task."""
        self._keep_unstarted()
        with self._changed:
            self._process = None
        self._shut_down(process)

    def _shut_down(self, process: "subprocess.Popen[bytes]") -> None:
        """Let the process end by itself, so that its exit handlers run."""
        let_end(process, lambda: self._send(process, Assign(())))
        tidy_after(self._workspace)
        close_pipes(process)
