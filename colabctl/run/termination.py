"""Stops processes, and describes how a process ended."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

KILL_AFTER = 30.0  # seconds between SIGTERM and SIGKILL, as W&B's agent waits
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


def how_it_ended(code: int) -> str:
    """Return an exit code in words, such as "was killed by SIGKILL"."""
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = " (often the machine ran out of memory)" if -code == KILL else ""
    return f"was killed by {name}{hint}"
