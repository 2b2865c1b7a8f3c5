"""Runs a program in any language for one task: its command, its files, its exit code."""

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.search.command import DEFAULT, expand
from colabctl.task import Task, plain_metrics
from colabctl.work.failure import TaskError

_LOOK_EVERY = 0.2  # seconds between looks at a running program's reports


def runner(
    program: Path, command: Sequence[str] | None, root: Path
) -> Callable[[dict[str, Any], Task], dict[str, Any]]:
    """Return what runs `program` once for a task, as (params, task) -> metrics.

    The program finds its task in $COLABCTL_TASK and may leave metrics, a flat JSON object, in
    $COLABCTL_RESULT, and intermediate values, a JSON line each, in $COLABCTL_REPORTS. The current
    folder is the project, so that data/raw/x.csv is found; the program itself is the frozen copy.
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
        with tempfile.TemporaryDirectory(prefix="colabctl-task-") as scratch:
            place = Path(scratch)
            assignment = replace(
                task.assignment,
                result=str(place / "result.json"),
                reports=str(place / "reports.jsonl"),
            )
            task_file = place / "task.json"
            task_file.write_text(json.dumps(vars(assignment)), encoding="utf-8")
            environ = {
                **os.environ,
                "COLABCTL_TASK": str(task_file),
                "COLABCTL_RESULT": assignment.result,
                "COLABCTL_REPORTS": assignment.reports,
                "COLABCTL_FOLDER": assignment.folder,
                "PYTHONPATH": python_path,
                "PYTHONUNBUFFERED": "1",
            }
            try:
                arguments = expand(
                    command or DEFAULT, program, params, place / "params.json", environ
                )
            except UserError as wrong:
                raise TaskError(str(wrong)) from None
            _run_to_end(arguments, environ, root, task)
            if stopped.is_set():  # and exit code 0 says that it has saved what it had so far
                raise TaskError("stopped by SIGTERM")
            return _metrics(Path(assignment.result))

    return run


def _run_to_end(arguments: list[str], environ: dict[str, str], root: Path, task: Task) -> None:
    reports = Path(environ["COLABCTL_REPORTS"])
    try:
        process = subprocess.Popen(  # noqa: S603 - the command is what the worker is here to run
            arguments, cwd=root, env=environ, stdin=subprocess.DEVNULL
        )
    except OSError as wrong:
        raise TaskError(f"{arguments[0]} cannot be started: {wrong.strerror}") from None
    seen = 0
    code: int | None = None
    try:
        while code is None:
            with suppress(subprocess.TimeoutExpired):
                code = process.wait(_LOOK_EVERY)
            seen = _pass_on(reports, seen, task)
    finally:
        if code is None:
            process.kill()
            process.wait()
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        hint = " (often the machine ran out of memory)" if -code == signal.SIGKILL else ""
        raise TaskError(f"killed by {name}{hint}")
    if code:
        raise TaskError(f"exit code {code}")


def _pass_on(reports: Path, seen: int, task: Task) -> int:
    """Report the lines from byte `seen` on, and return how far they were whole."""
    try:
        with reports.open("rb") as file:
            file.seek(seen)
            data = file.read()
    except OSError:
        return seen
    whole = data.rfind(b"\n") + 1
    for line in data[:whole].splitlines():
        try:
            entry = json.loads(line)
            task.report(entry["step"], **entry["values"])
        except (ValueError, KeyError, TypeError) as wrong:
            raise TaskError(f"COLABCTL_REPORTS: {line[:80]!r} is not a report ({wrong})") from None
    return seen + whole


def _metrics(result: Path) -> dict[str, Any]:
    try:
        metrics = json.loads(result.read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError as wrong:
        raise TaskError(f"COLABCTL_RESULT holds no JSON ({wrong})") from None
    if not isinstance(metrics, dict):
        raise TaskError('COLABCTL_RESULT must hold an object, such as {"accuracy": 0.91}')
    return plain_metrics(metrics)
