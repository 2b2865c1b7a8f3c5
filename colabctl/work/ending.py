"""How a process that should end is ended, and how one that has ended tells why."""

import os
import signal
import subprocess

KILL_AFTER = 30.0  # seconds between SIGTERM and SIGKILL, as W&B's agent waits
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)


def signal_group(process: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal to a process and to all that it started; no harm if they are gone."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            subprocess.run(  # noqa: S603 - ends a tree of processes where there are no groups
                ["taskkill", "/F", "/T", "/PID", str(process.pid)],  # noqa: S607
                check=False,
                capture_output=True,
            )
    except (ProcessLookupError, PermissionError):
        return


def how_it_ended(code: int) -> str:
    """Return in words what a process's exit code says, as in "was killed by SIGKILL"."""
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = " (often the machine ran out of memory)" if -code == KILL else ""
    return f"was killed by {name}{hint}"
