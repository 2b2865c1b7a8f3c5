"""Runs a program in any language for one task: its command, its files, its exit code."""

import errno
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.run import startup
from colabctl.run.exchange import Exchange, task_folder
from colabctl.run.failures.failure import ProgramError, Pruned, TaskError
from colabctl.run.function import Run
from colabctl.run.termination import KILL_AFTER, GracefulStop, how_it_ended, oom_kills
from colabctl.run.wandb.runs import WandbRuns, wandb_environment
from colabctl.search.language.commands.command import DEFAULT, expand, refuse_code
from colabctl.task import Task

_POLL = 0.2  # seconds between looks at a running program's reports


def runner(
    program: Path,
    command: Sequence[str] | None,
    cwd: Path,
    kill_after: float = KILL_AFTER,
    scratch: Path | None = None,
    *,
    python_path: Sequence[str] = (),
    keep_wandb: bool = False,
    foreground: bool = False,
) -> Run:
    """Return the function that runs `program` for one task.

    The program reads its task from $COLABCTL_TASK. It may write metrics, a flat JSON object, to
    $COLABCTL_RESULT, and intermediate values, one JSON object per line, to $COLABCTL_REPORTS.
    Values that it logs with W&B count as well. Its current folder is `cwd`, and Python imports
    from the folders in `python_path`. The task's files are in a new folder in `scratch`, which the
    caller deletes, because this process may be killed; with `keep_wandb`, W&B's runs are copied to
    the task's folder.

    To stop a task early, this creates the file $COLABCTL_STOP and sends SIGTERM: at once, or after
    `kill_after` seconds if the program reports through `colabctl.task()`, where it learns that it
    should stop. SIGKILL follows another `kill_after` seconds later.

    In the foreground, the program reads standard input, and Ctrl-C is for the program alone.
    """
    # SIGTERM goes to the process group. The program may need time to end, and this process must
    # outlive it to report how it ended. Unlike SIG_IGN, a handler is not inherited.
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    if foreground:
        signal.signal(signal.SIGINT, lambda *_: None)
    paths = python_path or [str(program.parent)]

    def run(params: dict[str, Any], task: Task) -> dict[str, Any]:
        stopped.clear()
        with task_folder(scratch) as folder:
            exchange = Exchange(folder, task)
            environ = {
                **startup.importing_from(paths, os.environ),
                **exchange.environ,
                "PYTHONUNBUFFERED": "1",
            }
            environ |= wandb_environment(task.assignment, folder, environ)
            runs = WandbRuns(task, folder)
            try:
                refuse_code(command or DEFAULT, params)
                arguments = expand(
                    command or DEFAULT, program, params, folder / "params.json", environ
                )
            except UserError as error:
                raise TaskError(str(error)) from None
            try:
                pruned = _run_to_end(
                    arguments,
                    environ,
                    cwd,
                    task,
                    exchange,
                    runs=runs,
                    kill_after=kill_after,
                    stdin=None if foreground else subprocess.DEVNULL,
                )
            finally:
                if keep_wandb:
                    runs.keep(Path(task.assignment.folder))
            if stopped.is_set() and not pruned:  # even with exit code 0: the results are partial
                raise TaskError("stopped by SIGTERM")
            task.metrics = {**runs.metrics(), **exchange.metrics()}
            if pruned:
                raise Pruned
            if runs.fault and not task.metrics:
                raise TaskError(f"{runs.fault}; write the metrics to $COLABCTL_RESULT")
            return task.metrics

    return run


def _run_to_end(
    arguments: list[str],
    environ: dict[str, str],
    cwd: Path,
    task: Task,
    exchange: Exchange,
    *,
    runs: WandbRuns,
    kill_after: float,
    stdin: int | None = subprocess.DEVNULL,
) -> bool:
    """Run the program, pass on its reports, and return whether it was stopped early."""
    killed_before = oom_kills()
    try:
        process = subprocess.Popen(  # noqa: S603 - running this command is the worker's purpose
            arguments, cwd=cwd, env=environ, stdin=stdin
        )
    except OSError as error:
        if error.errno == errno.E2BIG:
            raise TaskError(
                "the arguments are longer in all than this system allows; pass the parameters in a "
                "file: ${args_json_file}"
            ) from None
        raise TaskError(f"{arguments[0]} cannot be started: {error.strerror}") from None
    stop: GracefulStop | None = None
    code: int | None = None
    try:
        while code is None:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(_POLL)
            exchange.pass_on()
            runs.pass_on(final=code is not None)
            if code is None and task.should_stop():
                if stop is None:
                    exchange.request_stop()
                    patience = kill_after if exchange.asked else 0.0
                    ask = partial(_terminate, process)
                    stop = GracefulStop(ask, process.kill, patience, kill_after)
                stop.advance()
    finally:
        if code is None:
            process.kill()
            process.wait()
    if stop is not None:
        return True
    if code:
        raise ProgramError(f"the program {how_it_ended(code, killed_before)}")
    return False


def _terminate(process: "subprocess.Popen[bytes]") -> None:
    """Send SIGTERM to the group: the program, everything it started, and this process."""
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGTERM)
    else:
        process.terminate()
