"""Starts the process of a slot."""

import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from colabctl.run.settings import Settings
from colabctl.run.termination import KILL, signal_group
from colabctl.sharedfs.rights import umask_for


def launch(settings: Settings, environ: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    """Start the process."""
    # -P keeps the current folder, where others write, off the import path.
    module = [sys.executable, "-P", "-m", "colabctl.run.child"]
    return subprocess.Popen(  # noqa: S603 - our own module
        [*module, settings.encode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=settings.cwd,
        env=dict(environ),
        start_new_session=True,
        umask=umask_for(Path(settings.root)),
    )


def let_end(process: "subprocess.Popen[bytes]", ask: Callable[[], None]) -> None:
    """Let a process end by itself after `ask`; kill it if it does not."""
    try:
        ask()
        process.wait(3)
    except (OSError, subprocess.TimeoutExpired):
        signal_group(process, KILL)
    else:
        signal_group(process, signal.SIGTERM)  # for processes that its tasks left running


def close_pipes(process: "subprocess.Popen[bytes]") -> None:
    """Close the pipes to a process, dropping what could not be sent."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
