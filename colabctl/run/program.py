"""Runs a program in any language for one task: its command, its files, its exit code."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.run.exchange import Exchange
from colabctl.run.failure import ProgramError, Pruned, TaskError
from colabctl.run.termination import KILL_AFTER, Ending, how_it_ended
from colabctl.run.wandb.runs import WandbRuns, wandb_environment
from colabctl.search.language.command import DEFAULT, expand
from colabctl.task import Task

_LOOK_EVERY = 0.2  # seconds between looks at a running program's reports


def runner(
    program: Path,
    command: Sequence[str] | None,
    root: Path,
    kill_after: float = KILL_AFTER,
    scratch: Path | None = None,
) -> Callable[[dict[str, Any], Task], dict[str, Any]]:
    """Return what runs `program` once for a task, as (params, task) -> metrics.

    The program finds its task in $COLABCTL_TASK and may leave metrics, a flat JSON object, in
    $COLABCTL_RESULT, and intermediate values, a JSON line each, in $COLABCTL_REPORTS. What it logs
    by W&B counts as well. The current folder is the project, so that data/raw/x.csv is found; the
    program itself is the frozen copy. Its files are in a folder of its own in `scratch`, which
    whoever gives it deletes: this process may be killed.

    If it should stop early, the file $COLABCTL_STOP appears, and it gets SIGTERM: at once, or, if
    it reports through `colabctl.task()` and so sees the answer, after `kill_after` seconds for
    itself. So much later comes SIGKILL.
    """
    # A stop is sent to the whole group. The program may take its time to end well, and this
    # process has to outlive it to tell how it ended; a handler, unlike SIG_IGN, is not inherited.
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    python_path = os.pathsep.join(
        part for part in (str(program.parent), os.environ.get("PYTHONPATH")) if part
    )

    def run(params: dict[str, Any], task: Task) -> dict[str, Any]:
        stopped.clear()
        with tempfile.TemporaryDirectory(
            prefix="colabctl-task-", dir=scratch, ignore_cleanup_errors=True
        ) as folder:
            place = Path(folder)
            exchange = Exchange(place, task)
            environ = {
                **os.environ,
                **exchange.environ,
                "PYTHONPATH": python_path,
                "PYTHONUNBUFFERED": "1",
            }
            environ |= wandb_environment(task.assignment, place, environ)
            runs = WandbRuns(task, environ, place, root)
            try:
                arguments = expand(
                    command or DEFAULT, program, params, place / "params.json", environ
                )
            except UserError as wrong:
                raise TaskError(str(wrong)) from None
            pruned = _run_to_end(
                arguments, environ, root, task, exchange, runs=runs, kill_after=kill_after
            )
            if stopped.is_set() and not pruned:  # exit code 0 says: saved what it had so far
                raise TaskError("stopped by SIGTERM")
            task.metrics = {**runs.metrics(), **exchange.metrics()}
            if pruned:
                raise Pruned
            if runs.fault and not task.metrics:
                raise TaskError(f"{runs.fault}; leave the metrics in $COLABCTL_RESULT")
            return task.metrics

    return run


def _run_to_end(
    arguments: list[str],
    environ: dict[str, str],
    root: Path,
    task: Task,
    exchange: Exchange,
    *,
    runs: WandbRuns,
    kill_after: float,
) -> bool:
    """Run the program, pass on its reports, and return whether it was stopped early."""
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is what the worker is here to run
            arguments, cwd=root, env=environ, stdin=subprocess.DEVNULL
        )
    except OSError as wrong:
        raise TaskError(f"{arguments[0]} cannot be started: {wrong.strerror}") from None
    ending: Ending | None = None
    code: int | None = None
    try:
        while code is None:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(_LOOK_EVERY)
            exchange.pass_on()
            runs.pass_on(to_the_end=code is not None)
            if code is None and task.should_stop():
                if ending is None:
                    exchange.tell_to_stop()
                    patience = kill_after if exchange.asked else 0.0
                    ask = partial(_terminate, process)
                    ending = Ending(ask, process.kill, patience, kill_after)
                ending.go_on()
    finally:
        if code is None:
            process.kill()
            process.wait()
    if ending is not None:
        return True
    if code:
        kind = ProgramError if code == 1 else TaskError
        raise kind(f"the program {how_it_ended(code)}")
    return False


def _terminate(process: "subprocess.Popen[bytes]") -> None:
    """Send SIGTERM to the program and all that it started; this process handles the signal."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGTERM)
    else:
        process.terminate()
