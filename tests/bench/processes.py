"""Child processes, started together and timed to the exit of the last one."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB on Linux


@dataclass(frozen=True)
class Finished:
    """What a group of processes took and said."""

    seconds: float  # wall clock, from starting the first to the exit of the last
    peak: int  # bytes: the largest resident set of any one process, its own children included
    outputs: tuple[str, ...]  # standard output of each
    cpu: float = 0.0  # seconds of all processes together


def together(commands: Sequence[Sequence[str]]) -> Finished:
    """Start every command at once and wait for all; raises RuntimeError if one exits non-zero.

    The children see no COLABCTL_ variable, so that the caller's own settings do not take part, and
    keep compiled modules: without them, the figures would tell how fast Python compiles.
    Peak memory is never less than this process's own, which Linux hands to a child at its start.
    """
    environment = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith("COLABCTL_") and k != "PYTHONDONTWRITEBYTECODE"
    }
    with ExitStack() as stack:
        # Files and not pipes: a child must not wait for us to read.
        files = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in commands]
        errors = [stack.enter_context(tempfile.TemporaryFile("w+")) for _ in commands]
        start = time.perf_counter()
        processes = [
            subprocess.Popen(command, stdout=out, stderr=err, env=environment)
            for command, out, err in zip(commands, files, errors, strict=True)
        ]
        peak, cpu = 0, 0.0
        for process in processes:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpu += usage.ru_utime + usage.ru_stime
            peak = max(peak, usage.ru_maxrss * MAXRSS_UNIT)
        seconds = time.perf_counter() - start
        for file in (*files, *errors):
            file.seek(0)
        for process, error in zip(processes, errors, strict=True):
            if process.returncode:
                said = error.read()[-2000:]
                raise RuntimeError(f"{process.args!r} exited {process.returncode}:\n{said}")
        return Finished(seconds, peak, tuple(file.read() for file in files), cpu)


def output(command: Sequence[str]) -> str:
    """Run one command and give its standard output; raises RuntimeError if it fails."""
    return together([command]).outputs[0]
