"""A slot: one process that runs tasks, and the thread that hands them to it."""

import json
import math
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from colabctl.run.failure import tail
from colabctl.run.settings import Settings
from colabctl.run.termination import KILL, how_it_ended, signal_group
from colabctl.task import Assignment

# Tasks that went out to the process that runs them cannot be taken back without killing it.
HANDOUT_SECONDS = 0.05
_MOST_HANDOUT = 256


class Outcome(NamedTuple):
    """What became of a task, or what it told on the way.

    broken means that the code could not even be loaded: no task is to blame.
    returned means that the task was not run to its end and nobody is to blame.
    suggested brings a parameter of an objective: its name to [value, distribution], in metrics.
    """

    kind: Literal["done", "pruned", "failed", "report", "suggested", "returned", "broken"]
    assignment: Assignment | None = None
    seconds: float = 0.0
    metrics: dict[str, Any] = {}  # noqa: RUF012 - a default that nobody changes
    step: float | None = None
    error: str = ""
    output: str = ""
    attributes: dict[str, Any] = {}  # noqa: RUF012 - as above


_ENDS: tuple[Literal["done", "pruned", "failed"], ...] = ("done", "pruned", "failed")


class Stop(NamedTuple):
    """Why a running task is stopped, which decides what becomes of it."""

    kind: Literal["returned", "failed", "pruned"]
    error: str = ""


def handout_size(seconds: float | None) -> int:
    """Return how many tasks to send at once to the process that runs them."""
    if seconds is None:
        return 1
    return max(1, min(_MOST_HANDOUT, int(HANDOUT_SECONDS / max(seconds, 1e-6))))


class Slot:
    """Runs the tasks it is given, one at a time, in a process that is replaced when it dies.

    `outcomes` is filled by the slot's thread, `wake` is called when there is something to see.
    """

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        outcomes: "deque[Outcome]",
        wake: Callable[[], None],
    ) -> None:
        self._settings = settings
        self._environ = environ
        self._outcomes = outcomes
        self._wake = wake
        self._waiting: deque[Assignment] = deque()
        self._out: deque[Assignment] = deque()  # handed to the process, the first one runs
        self._begun = 0.0
        self._changed = threading.Condition()
        self._closing = False
        self._process: subprocess.Popen[bytes] | None = None
        self._loading = False  # the process has not answered yet
        self._stopped: tuple[int, Stop] | None = None
        self._signalled: subprocess.Popen[bytes] | None = None  # told to end, for whichever task
        self._sending = threading.Lock()
        self.seconds: float | None = None  # what a task takes, lately
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def free_in(self) -> float:
        """Return the seconds until the slot has nothing to do, as far as can be told."""
        if self._waiting:
            return math.inf
        if not self._out:
            return 0.0
        if self.seconds is None:
            return math.inf
        return self._begun + len(self._out) * self.seconds - time.monotonic()

    @property
    def waiting(self) -> int:
        """Number of tasks that can still be taken back."""
        return len(self._waiting)

    def running(self) -> tuple[Assignment, float] | None:
        """Return the task that runs and for how many seconds it has."""
        with self._changed:
            if not self._out:
                return None
            return self._out[0], time.monotonic() - self._begun

    def give(self, assignments: list[Assignment]) -> None:
        """Add tasks to run."""
        with self._changed:
            self._waiting.extend(assignments)
            self._changed.notify()

    def take_back(self, count: int) -> list[Assignment]:
        """Return up to `count` tasks that were not handed out yet; the slot forgets them."""
        with self._changed:
            return [self._waiting.pop() for _ in range(min(count, len(self._waiting)))]

    def drop(self, index: int) -> bool:
        """Forget a task that waits and say so; or stop it, if it runs, to come back as returned."""
        with self._changed:
            kept = deque(each for each in self._waiting if each.index != index)
            dropped = len(kept) < len(self._waiting)
            self._waiting = kept
        if not dropped:
            self.stop(index, Stop("returned"))
        return dropped

    def answer(self, index: int, *, stop: bool) -> None:
        """Answer a report of a running task, or tell it unasked that it should stop."""
        process = self._process
        if process is not None:
            with suppress(OSError, ValueError):  # it has just ended: nobody waits for the answer
                self._send(process, {"task": index, "stop": stop})

    def _send(self, process: "subprocess.Popen[bytes]", message: Any) -> None:
        assert process.stdin is not None
        with self._sending:
            process.stdin.write(json.dumps(message).encode() + b"\n")
            process.stdin.flush()

    def stop(self, index: int, why: Stop, kill_after: float | None = None) -> None:
        """End the task if it is the one that runs.

        The process gets SIGTERM, and SIGKILL if it is still there after `kill_after` seconds,
        where None is what the settings say.
        """
        with self._changed:
            if self._stopped or not self._out or self._out[0].index != index:
                return
            self._stopped = stopped = (index, why)
            process = self._signalled = self._process
        if process is None:
            return

        def kill() -> None:
            with self._changed:
                if self._stopped is stopped:  # not yet ended, and not another task by now
                    signal_group(process, KILL)

        signal_group(process, signal.SIGTERM)
        timer = threading.Timer(
            self._settings.kill_after if kill_after is None else kill_after, kill
        )
        timer.daemon = True
        timer.start()

    def close(self, within: float = 5.0) -> None:
        """End the process and the thread; what still runs is killed after `within` seconds."""
        with self._changed:
            self._closing = True
            self._waiting.clear()
            self._changed.notify()
            loading = self._process if self._loading else None
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
        """Keep a process ready, and hand it what is given."""
        try:
            while not self._closing and self._start():
                with self._changed:
                    while not self._waiting and not self._closing:
                        self._changed.wait()
                    if self._closing:
                        break
                if not self._start():  # it may have died while there was nothing to do
                    break
                try:
                    self._hand_out()
                except (OSError, ValueError):  # the process is gone, or it garbled its answers
                    self._bury()
                self._wake()
        except (OSError, ValueError) as error:
            self._outcomes.append(Outcome("broken", error=f"no process can be started: {error}"))
            self._wake()
        if self._process is not None:
            self._farewell(self._process)

    def _start(self) -> bool:
        """Make sure that there is a process that has loaded the code; tell if there is."""
        if self._process is not None and self._process.poll() is None:
            return True
        self._bury()  # it died between two tasks: nobody is to blame
        # -P: the current folder, where others write, must not be on the path.
        module = [sys.executable, "-P", "-m", "colabctl.run.child"]
        with self._changed:
            if self._closing:
                return False
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [*module, json.dumps(self._settings._asdict())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=self._settings.root,
                env=dict(self._environ),
                start_new_session=True,
            )
            self._loading = True
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        with self._changed:
            self._loading = False
        greeting = json.loads(answer) if answer else {}
        if greeting.get("ready"):
            return True
        log = Path(self._settings.log)
        ended = how_it_ended(self._process.wait())
        error = greeting.get("broken") or f"its process {ended} while loading"
        if not self._closing:  # that is why it ended
            self._outcomes.append(
                Outcome("broken", error=error, output=greeting.get("output", tail(log)))
            )
            self._wake()
        return False

    def _hand_out(self) -> None:
        """Send the process some tasks and take its answers, until all of them have one."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        with self._changed:
            count = min(handout_size(self.seconds), len(self._waiting))
            self._out.extend(self._waiting.popleft() for _ in range(count))
            self._begun = begun = time.monotonic()
            parts = [vars(each) for each in self._out]
        if not self._waiting:
            self._wake()  # soon there will be nothing to do
        self._send(process, parts)
        while self._out:
            line = process.stdout.readline()
            if not line:
                raise BrokenPipeError
            self._take(json.loads(line))
        if count:
            lately = (time.monotonic() - begun) / count
            self.seconds = lately if self.seconds is None else (self.seconds + lately) / 2

    def _take(self, answer: dict[str, Any]) -> None:
        assignment = self._out[0]
        if "report" in answer:
            self._outcomes.append(
                Outcome("report", assignment, step=answer["step"], metrics=answer["values"])
            )
            if self._settings.prunes:  # the task waits for an answer
                self._wake()
            return
        if "suggested" in answer:
            suggested = {answer["name"]: [answer["value"], answer["distribution"]]}
            self._outcomes.append(Outcome("suggested", assignment, metrics=suggested))
            return
        kind = next((kind for kind in _ENDS if kind in answer), None)
        if kind is None or answer[kind] != assignment.index:
            raise ValueError("an answer to another question")
        outcome = Outcome(
            kind,
            assignment,
            answer["seconds"],
            answer.get("metrics", {}),
            error=answer.get("error", ""),
            output=answer.get("output", ""),
            attributes=answer.get("attributes", {}),
        )
        if kind == "failed" and self._stopped and self._stopped[0] == assignment.index:
            why = self._stopped[1]
            outcome = outcome._replace(kind=why.kind, error=why.error)
        self._finish(outcome)

    def _finish(self, outcome: Outcome) -> None:
        with self._changed:
            self._outcomes.append(outcome)
            self._out.popleft()
            self._begun = time.monotonic()
            self._stopped = None

    def _bury(self) -> None:
        """Tell what became of the task that ran in a process that died, and keep the others."""
        process, self._process = self._process, None
        if process is None:
            return
        signal_group(process, KILL)
        code = process.wait()
        _hang_up(process)
        if not self._out:
            return
        with self._changed:
            stopped = self._stopped
            seconds = round(time.monotonic() - self._begun, 6)
        why = Stop("failed", f"its process {how_it_ended(code)}")
        if stopped and stopped[0] == self._out[0].index:
            why = stopped[1]
        elif process is self._signalled:  # meant for the task before, which had just ended
            why = Stop("returned")
        log = Path(self._settings.log)
        self._finish(Outcome(why.kind, self._out[0], seconds, error=why.error, output=tail(log)))
        with self._changed:
            self._waiting.extendleft(reversed(self._out))
            self._out.clear()

    def _farewell(self, process: "subprocess.Popen[bytes]") -> None:
        """Let the process end by itself, so that what it registered for its end is done."""
        try:
            self._send(process, [])
            process.wait(3)
        except (OSError, subprocess.TimeoutExpired):
            signal_group(process, KILL)
        else:
            signal_group(process, signal.SIGTERM)  # what its tasks left running
        _hang_up(process)


def _hang_up(process: "subprocess.Popen[bytes]") -> None:
    """Close the pipes to a process; what could not be sent to it any more is nobody's loss."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
