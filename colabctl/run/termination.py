"""Stops processes, and describes how a process ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

KILL_AFTER = 30.0  # seconds between SIGTERM and SIGKILL, as W&B's agent waits
_LAST_SECONDS = 2.0  # that a process may take to end after it has closed its pipe
_SHELL = 128  # a shell's exit code for a process that a signal ended is 128 + its number
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL})
_GROUPS = Path("/sys/fs/cgroup")
_MACHINE = Path("/proc/vmstat")
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal to a process and everything it started; ignore processes that are gone."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            subprocess.run(  # noqa: S603 - ends the process tree where there are no groups
                ["taskkill", "/F", "/T", "/PID", str(process.pid)],  # noqa: S607
                check=False,
                capture_output=True,
            )
    except (ProcessLookupError, PermissionError):
        return


def kill_tree(pid: int) -> None:
    """Kill a process of this process's own group, and what it started, where the system tells."""
    parents: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        if text := _text(file):
            parents[int(file.parent.name)] = int(text.rpartition(")")[2].split()[1])
    tree = [pid]
    for each in tree:
        tree += [child for child, parent in parents.items() if parent == each]
    for each in tree:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(each, KILL)


def end_group(process: "subprocess.Popen[bytes]", oom_kills_before: int) -> str:
    """End a process that has closed its pipe, and all it started; return how it ended.

    It may end by itself: its exit code says more than our kill.
    """
    try:
        return how_it_ended(process.wait(_LAST_SECONDS), oom_kills_before)
    except subprocess.TimeoutExpired:
        return "closed its connection to the worker"
    finally:
        signal_group(process, KILL)
        process.wait()


class GracefulStop:
    """Stops something in two steps: asks it to end after `patience` seconds, then kills it.

    It is killed `kill_after` seconds after the request. `asked` is whether it has been asked.
    """

    def __init__(
        self,
        ask: Callable[[], object],
        kill: Callable[[], object],
        patience: float,
        kill_after: float,
    ) -> None:
        self._ask = ask
        self._kill = kill
        self._ask_at = time.monotonic() + patience
        self._kill_at = self._ask_at + kill_after
        self.asked = False

    def advance(self) -> None:
        """Take the next step if it is due."""
        now = time.monotonic()
        if now >= self._kill_at:
            self._kill()
        elif now >= self._ask_at and not self.asked:
            self.asked = True
            self._ask()


def how_it_ended(code: int, oom_kills_before: int | None = None) -> str:
    """Return an exit code in words, such as "was killed by SIGKILL".

    With the value of `oom_kills` from before, a kill for lack of memory is called that.
    """
    number = -code if code < 0 else code - _SHELL
    name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
    text = f"was killed by {name}" if code < 0 else f"ended with exit code {code}"
    if number == KILL and oom_kills_before is not None and oom_kills() > oom_kills_before:
        return f"{text}: the machine ran out of memory"
    return f"{text} ({name})" if number in _CRASHES and code > 0 else text


def oom_kills() -> int:
    """Return how many processes the system has killed for lack of memory, 0 if it does not tell.

    The limit can be that of a container (a control group), or of the machine.
    """
    return sum(_counted(file, key) for file, key in (*_group_counters(), (_MACHINE, "oom_kill")))


def _group_counters() -> Iterator[tuple[Path, str]]:
    """Yield the files with the counters of this process's control groups, of both versions."""
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield _GROUPS / group.lstrip("/") / "memory.events", "oom_kill"
        elif "memory" in controllers.split(","):
            yield _GROUPS / "memory" / group.lstrip("/") / "memory.oom_control", "oom_kill"


def _counted(file: Path, key: str) -> int:
    words = (line.split() for line in _text(file).splitlines())
    return sum(int(line[1]) for line in words if len(line) == 2 and line[0] == key)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
