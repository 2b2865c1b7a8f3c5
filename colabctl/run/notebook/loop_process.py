"""Runs a notebook that loops over its tasks, once, in a process of its own."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from colabctl.run.failures.failure import TaskError, headline
from colabctl.run.settings import Settings
from colabctl.run.termination import KILL, signal_group
from colabctl.run.workspace.workspace import Workspace, tidy_after
from colabctl.sharedfs.rights import umask_for

VARIABLE = "COLABCTL_LOOP"
"""The environment variable with the Orders for a notebook's loops."""

_POLL = 0.2  # seconds between checks whether to end


class Orders(NamedTuple):
    """What the loops of a notebook get from the worker that runs it.

    Attributes:
        mark: the mark in the names of the loops' own workers.
        most: number of tasks that they may claim; None for any number.
        sweep, digest: the sweep that the worker was started for, and the run digest of what its
            member approved.
    """

    mark: str = ""
    most: int | None = None
    sweep: str = ""
    digest: str = ""


def orders(environ: Mapping[str, str]) -> Orders:
    """Return the orders in an environment, or the defaults if no worker started this process."""
    return Orders(*json.loads(environ.get(VARIABLE, "[]")))


def run(
    settings: Settings, keep_in: Path, environ: Mapping[str, str], should_end: Callable[[], bool]
) -> str:
    """Run the notebook to its end and return its error, "" after a success.

    Its output is this process's. The executed notebook, if it is kept, goes to the folder
    `keep_in`. If it `should_end`, the process gets SIGTERM and releases its tasks; it is killed
    after the settings' `kill_after` seconds.
    """
    workspace = Workspace.of(settings)
    module = [sys.executable, "-P", "-m", "colabctl.run.notebook.loop_process"]
    process = subprocess.Popen(  # noqa: S603 - our own module
        [*module, settings.encode(), str(keep_in)],
        cwd=settings.cwd,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        umask=umask_for(Path(settings.root)),
    )
    assert process.stdout is not None
    try:
        with suppress(subprocess.TimeoutExpired):
            while process.poll() is None:
                if should_end():
                    signal_group(process, signal.SIGTERM)
                    process.wait(settings.kill_after)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL)
    finally:
        signal_group(process, KILL)
        process.wait()
        tidy_after(workspace)
    with process.stdout:
        error = process.stdout.read().decode(errors="replace").strip()
    if should_end() or process.returncode == 0:
        return ""
    return error or f"its process ended with exit code {process.returncode}"


def main() -> None:
    """Run the notebook; print its error to standard output, which nothing else uses."""
    from colabctl.run.notebook.runner import run_loop  # noqa: PLC0415 - Jupyter

    settings, keep_in = Settings.decode(sys.argv[1]), Path(sys.argv[2])
    answer, sys.stdout = sys.stdout, sys.stderr
    try:
        run_loop(settings, keep_in)
    except TaskError as error:
        print(headline(error), file=answer)
        sys.exit(1)


if __name__ == "__main__":
    main()
