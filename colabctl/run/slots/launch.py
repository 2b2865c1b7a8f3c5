"""Starts the process of a slot."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress

from colabctl.run.settings import Settings


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
    )


def close_pipes(process: "subprocess.Popen[bytes]") -> None:
    """Close the pipes to a process, dropping what could not be sent."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()
