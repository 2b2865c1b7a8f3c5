"""Runs a script written for W&B as a task, without a server or account, and reads its metrics.

Like W&B's own agent (wandb/agents/pyagent.py, wandb 0.31), this passes the parameters in a file,
and the run's names in the environment. The runs stay on this machine, and their logs are read here.
"""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from colabctl.run.wandb.datastore import Entry, WandbLog
from colabctl.task import Assignment, Task

# These turn off what only a run's page on the server would show.
_OFFLINE = {
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_QUIET": "true",
    "WANDB_X_DISABLE_STATS": "true",
}
_READABLE = {
    "WANDB_X_HISTORY_VALUE_ENCODING": "json",
    "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "0.5",  # seconds; the default is 15
}
_NOT_IN_ID = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_ID = 128  # characters, W&B's limit

_RESERVED = {"_runtime", "_step", "_timestamp", "_wandb"}
_DEEPEST = 20  # levels of maps in logged values
_LONGEST_TEXT = 1000  # characters; a longer text is not a metric
_POLL_ELSEWHERE = 25  # checks of the task's own folder for each check of the project's
_POLL = 0.2  # seconds between checks while a function runs


def wandb_environment(
    task: Assignment, scratch: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that make W&B run a task offline, with its files in `scratch`.

    W&B variables in `environ` win: with WANDB_MODE=online, the runs also go to the user's account.
    But the parameters always come from the task; this writes them to a file in `scratch`.
    """
    import yaml  # noqa: PLC0415 - in the first task, not when the worker starts

    parameters = scratch / "wandb-parameters.yaml"
    values = {name: {"value": value} for name, value in task.params.items()}
    parameters.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    # The folder of an attempt is never used twice, so its name is a unique id for the run.
    run = _NOT_IN_ID.sub("-", Path(task.folder).name)[:_LONGEST_ID]
    ours = {
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(scratch),
        "WANDB_RUN_ID": run,
        **_READABLE,
    }
    if environ.get("WANDB_MODE", "offline") in ("offline", "dryrun"):
        ours |= {**_OFFLINE, "WANDB_NAME": run, "WANDB_SWEEP_ID": task.sweep}
    return {
        **{name: value for name, value in ours.items() if name not in environ},
        "WANDB_SWEEP_PARAM_PATH": str(parameters),
    }


class WandbRuns:
    """The W&B runs of one task, and the values that they have logged so far.

    Args:
        task: gets the numbers of each step as reports.
        environ: environment of the runs, with the variables from `wandb_environment`.
        scratch: the folder passed to `wandb_environment`.
        current: the current folder of the program.
    """

    def __init__(
        self, task: Task, environ: Mapping[str, str], scratch: Path, current: Path
    ) -> None:
        self._task = task
        # If the user or a script has a folder for all runs, the id marks the task's own.
        mark = "-" + environ["WANDB_RUN_ID"]
        folder = current / environ["WANDB_DIR"]
        self._here = (folder / "wandb", "run-" if folder == scratch else mark)
        self._elsewhere = (current / "wandb", mark)  # for example Lightning's init(dir=".")
        self._runs: dict[Path, _Run] = {}  # by their folder
        self._polls = 0

    def pass_on(self, *, final: bool = False) -> None:
        """Report new values; `final` means that the program has ended."""
        self._find(*self._here)
        if final or self._polls % _POLL_ELSEWHERE == 0:
            self._find(*self._elsewhere)
        self._polls += 1
        for run in self._runs.values():
            for step, values in run.read():
                self._task.record(step, values)

    def metrics(self) -> dict[str, Any]:
        """Return the summaries of the runs, merged; a later run wins."""
        metrics: dict[str, Any] = {}
        for run in self._runs.values():
            metrics |= run.metrics()
        return metrics

    @property
    def fault(self) -> str:
        """The error of a log that cannot be read; "" if there is none."""
        return next((run.fault for run in self._runs.values() if run.fault), "")

    def _find(self, folder: Path, mark: str) -> None:
        """Add the runs in a folder that have started since the last call."""
        try:
            runs = sorted(folder.iterdir())
        except OSError:
            return
        for run in runs:
            if mark in run.name and run not in self._runs:
                for log in run.glob("run-*.wandb"):
                    self._runs[run] = _Run(WandbLog(log))


@contextmanager
def runs_in_this_process(task: Task) -> Iterator[WandbRuns]:
    """Report what the code inside the `with` block logs with W&B.

    W&B reads its environment only once, so this tears it down before and after the block, as
    `wandb.agent(function=…)` does between calls.
    """
    with TemporaryDirectory(prefix="colabctl-wandb-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        added = wandb_environment(task.assignment, scratch, os.environ)
        before = {name: os.environ.get(name) for name in added}
        os.environ |= added
        _tear_down(0)
        runs = WandbRuns(task, os.environ, scratch, Path.cwd())
        over = threading.Event()

        def follow() -> None:
            while not over.wait(_POLL):
                runs.pass_on()

        follower = threading.Thread(target=follow, daemon=True)
        follower.start()
        code = 1
        try:
            yield runs
            code = 0
        finally:
            _tear_down(code)
            over.set()
            follower.join()
            runs.pass_on(final=True)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def logging_by_wandb(function: Callable[..., Any]) -> Callable[[dict[str, Any], Task], Any]:
    """Return `function` with its W&B metrics added; metrics that it returns itself win."""

    def run(params: dict[str, Any], task: Task) -> Any:
        with runs_in_this_process(task) as runs:
            answer = function(params, task)
        task.metrics = {**runs.metrics(), **(task.metrics or {})}
        return answer

    return run


def _tear_down(code: int) -> None:
    """End all W&B runs of this process, so that their logs are complete."""
    teardown = getattr(sys.modules.get("wandb"), "teardown", None)
    if teardown is not None:
        teardown(code)


class _Run:
    """One run: its summary so far, and `fault`, the error of a log that cannot be read."""

    def __init__(self, log: WandbLog) -> None:
        self._log = log
        self._last: dict[str, float] = {}
        self._summary: dict[str, Any] = {}
        self.fault = ""

    def read(self) -> Iterator[tuple[int | None, dict[str, float]]]:
        """Yield the new steps, each with the numbers that it logged."""
        try:
            for entry in self._log.read():
                self.fault = ""
                if entry.kind == "summary":
                    self._summarise(entry)
                elif numbers := self._numbers(entry):
                    yield numbers
        except ValueError as error:
            if not self.fault:
                print(error, file=sys.stderr)
            self.fault = str(error)

    def metrics(self) -> dict[str, Any]:
        """Return the summary as W&B shows it, and the last values of metrics that are not in it.

        With `define_metric("loss", summary="min")`, the summary has only loss.min, but a sweep may
        optimise the loss.
        """
        return dict(sorted({**self._last, **dict(_flat(self._summary))}.items()))

    def _summarise(self, entry: Entry) -> None:
        for keys, value in entry.values:
            _put(self._summary, keys, value)
        for keys in entry.removed:
            inner: Any = self._summary
            for key in keys[:-1]:
                inner = inner.get(key) if isinstance(inner, dict) else None
            if isinstance(inner, dict):
                inner.pop(keys[-1], None)

    def _numbers(self, entry: Entry) -> tuple[int | None, dict[str, float]] | None:
        logged: dict[str, Any] = {}
        for keys, value in entry.values:
            _put(logged, keys, value)
        step = logged.get("_step")
        numbers = {name: value for name, value in _flat(logged) if type(value) in (int, float)}
        self._last |= numbers
        return (step if type(step) is int else None, numbers) if numbers else None


def _put(tree: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        branch = tree.get(key)
        if not isinstance(branch, dict):
            branch = tree[key] = {}
        tree = branch
    tree[keys[-1]] = value


def _flat(
    tree: Mapping[str, Any], before: str = "", left: int = _DEEPEST
) -> Iterator[tuple[str, Any]]:
    """Yield the numbers, booleans and texts, with their keys joined by dots.

    Lists are not metrics. Nor are images, tables and histograms, which are maps with a `_type`.
    """
    for key, value in tree.items():
        if not before and key in _RESERVED:
            continue
        if isinstance(value, dict):
            if "_type" not in value and left:
                yield from _flat(value, f"{before}{key}.", left - 1)
        elif type(value) in (int, float, bool) or (
            type(value) is str and len(value) <= _LONGEST_TEXT
        ):
            yield before + key, value
