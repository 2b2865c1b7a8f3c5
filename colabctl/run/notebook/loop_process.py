"""Runs a notebook that loops over its tasks: once, in a process that claims them by itself."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from colabctl.run.failure import TaskError, headline
from colabctl.run.termination import KILL, signal_group

VARIABLE = "COLABCTL_LOOP"
"""The variable by which the notebook's loops know who started them: see Orders."""

_LOOK_EVERY = 0.2  # seconds between looks at whether to end


class Orders(NamedTuple):
    """What loops are told: the mark of their workers' names, and how many tasks they may claim."""

    mark: str = ""
    most: int | None = None


def orders(environ: Mapping[str, str]) -> Orders:
    """Return what a loop in this process is told; nothing, where nobody started it."""
    return Orders(*json.loads(environ.get(VARIABLE, "[]")))


class LoopSettings(NamedTuple):
    """What the process is told.

    notebook  its file, inside a copy of the frozen code
    root      the project, the current folder of what runs
    keep_in   folder for the executed notebook
    kernels   how kernels are used
    secrets   variables whose values must not be kept
    """

    notebook: str
    root: str
    keep_in: str
    kernels: dict[str, Any]
    secrets: list[str]


def run(
    settings: LoopSettings,
    environ: Mapping[str, str],
    over: Callable[[], bool],
    kill_after: float,
) -> str:
    """Run the notebook to its end and return what was wrong with it, "" for nothing.

    Its output is this process's. When it is `over` it gets SIGTERM, releases what it holds, and
    is killed if it is still there after `kill_after` seconds.
    """
    process = subprocess.Popen(  # noqa: S603 - our own module
        [
            sys.executable,
            "-P",
            "-m",
            "colabctl.run.notebook.loop_process",
            json.dumps(settings._asdict()),
        ],
        cwd=settings.root,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        with suppress(subprocess.TimeoutExpired):
            while process.poll() is None:
                if over():
                    signal_group(process, signal.SIGTERM)
                    process.wait(kill_after)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_EVERY)
    finally:
        signal_group(process, KILL)
        process.wait()
    with process.stdout:
        said = process.stdout.read().decode(errors="replace").strip()
    if over() or process.returncode == 0:
        return ""
    return said or f"its process ended with exit code {process.returncode}"


def main() -> None:
    """Run the notebook; say on standard output, which nothing else gets, what is wrong."""
    from colabctl.run.notebook.kernel_lifecycle import KernelOptions  # noqa: PLC0415 - as above
    from colabctl.run.notebook.runner import run_loop  # noqa: PLC0415 - it needs Jupyter

    settings = LoopSettings(**json.loads(sys.argv[1]))
    answer, sys.stdout = sys.stdout, sys.stderr
    options = KernelOptions(**settings.kernels, secrets=tuple(settings.secrets))
    try:
        run_loop(Path(settings.notebook), Path(settings.root), options, Path(settings.keep_in))
    except TaskError as wrong:
        print(headline(wrong), file=answer)
        sys.exit(1)


if __name__ == "__main__":
    main()
