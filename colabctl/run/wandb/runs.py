"""Lets a script written for W&B be a task: no server, no account, its runs tell the metrics.

W&B's own agent hands the parameters over in a file and tells a run its names by the environment
(wandb/agents/pyagent.py, wandb 0.31); so does this. The runs stay on this machine, and what they
log is read from there.
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

# A run that goes to no server has no use for what only its page there would show.
_OFFLINE = {
    "WANDB_CONSOLE": "off",
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_QUIET": "true",
    "WANDB_X_DISABLE_STATS": "true",
}
_READABLE = {
    "WANDB_X_HISTORY_VALUE_ENCODING": "json",
    "WANDB_X_TRANSACTION_LOG_FLUSH_INTERVAL": "0.5",  # seconds; of itself W&B takes 15
}
_NO_ID = re.compile(r"[^A-Za-z0-9._-]")
_LONGEST_ID = 128  # characters, W&B's limit

_OF_W_AND_B = {"_runtime", "_step", "_timestamp", "_wandb"}
_DEEPEST = 20  # levels of maps in what is logged
_LONGEST_TEXT = 1000  # characters; a longer one is no metric
_LOOK_ELSEWHERE = 25  # looks into the task's own folder for one into the project
_LOOK_EVERY = 0.2  # seconds between looks while a function runs


def wandb_environment(
    task: Assignment, scratch: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that make W&B run a task offline, writing in a folder of its own.

    What `environ` says of W&B already, wins: with WANDB_MODE=online the runs go to the user's own
    account as well. Only the parameters are always the task's; they are written to a file in
    `scratch`, where the runs' folders will be, too.
    """
    import yaml  # noqa: PLC0415 - by the first task, not at the worker's start

    parameters = scratch / "wandb-parameters.yaml"
    values = {name: {"value": value} for name, value in task.params.items()}
    parameters.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    # The folder of an attempt is never used twice, so its name is a good one for its run.
    run = _NO_ID.sub("-", Path(task.folder).name)[:_LONGEST_ID]
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
    """What the W&B runs of one task have logged so far.

    task     takes the numbers of each step as reports
    environ  the environment of the runs, with what `wandb_environment` gave
    scratch  the folder that was given to it
    current  the current folder of the program
    """

    def __init__(
        self, task: Task, environ: Mapping[str, str], scratch: Path, current: Path
    ) -> None:
        self._task = task
        # Where a user or a script keeps all runs, the task's own are told by their id.
        mark = "-" + environ["WANDB_RUN_ID"]
        folder = current / environ["WANDB_DIR"]
        self._here = (folder / "wandb", "run-" if folder == scratch else mark)
        self._elsewhere = (current / "wandb", mark)  # as with Lightning's init(dir=".")
        self._runs: dict[Path, _Run] = {}  # by their folder
        self._looks = 0

    def pass_on(self, *, to_the_end: bool = False) -> None:
        """Report what is new; `to_the_end` says that no more will come."""
        self._find(*self._here)
        if to_the_end or self._looks % _LOOK_ELSEWHERE == 0:
            self._find(*self._elsewhere)
        self._looks += 1
        for run in self._runs.values():
            for step, values in run.read():
                self._task.record(step, values)

    def metrics(self) -> dict[str, Any]:
        """Return the summaries of the runs, a later run's over an earlier one's."""
        metrics: dict[str, Any] = {}
        for run in self._runs.values():
            metrics |= run.metrics()
        return metrics

    @property
    def fault(self) -> str:
        """What is wrong with a log that cannot be read; "" if nothing is."""
        return next((run.fault for run in self._runs.values() if run.fault), "")

    def _find(self, folder: Path, mark: str) -> None:
        """Take up the runs in a folder that have begun since the last look."""
        try:
            places = sorted(folder.iterdir())
        except OSError:
            return
        for place in places:
            if mark in place.name and place not in self._runs:
                for log in place.glob("run-*.wandb"):
                    self._runs[place] = _Run(WandbLog(log))


@contextmanager
def runs_in_this_process(task: Task) -> Iterator[WandbRuns]:
    """Let a function that is called meanwhile log by W&B, and report what it logs.

    W&B reads its environment once, so it is torn down before and after, as between the calls of
    `wandb.agent(function=…)`.
    """
    with TemporaryDirectory(prefix="colabctl-wandb-", ignore_cleanup_errors=True) as folder:
        scratch = Path(folder)
        ours = wandb_environment(task.assignment, scratch, os.environ)
        before = {name: os.environ.get(name) for name in ours}
        os.environ |= ours
        _tear_down(0)
        runs = WandbRuns(task, os.environ, scratch, Path.cwd())
        over = threading.Event()

        def follow() -> None:
            while not over.wait(_LOOK_EVERY):
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
            runs.pass_on(to_the_end=True)
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value


def logging_by_wandb(function: Callable[..., Any]) -> Callable[[dict[str, Any], Task], Any]:
    """Return a function (params, task) -> metrics whose W&B runs count as well, below its own."""

    def run(params: dict[str, Any], task: Task) -> Any:
        with runs_in_this_process(task) as runs:
            answer = function(params, task)
        task.metrics = {**runs.metrics(), **(task.metrics or {})}
        return answer

    return run


def _tear_down(code: int) -> None:
    """End all runs of this process, if there can be any: then their logs are whole."""
    teardown = getattr(sys.modules.get("wandb"), "teardown", None)
    if teardown is not None:
        teardown(code)


class _Run:
    """One run: its summary so far, and `fault`, what is wrong with its log."""

    def __init__(self, log: WandbLog) -> None:
        self._log = log
        self._last: dict[str, float] = {}
        self._summary: dict[str, Any] = {}
        self.fault = ""

    def read(self) -> Iterator[tuple[int | None, dict[str, float]]]:
        """Yield the steps that are new, each with the numbers that were logged."""
        try:
            for entry in self._log.read():
                self.fault = ""
                if entry.kind == "summary":
                    self._summarise(entry)
                elif numbers := self._numbers(entry):
                    yield numbers
        except ValueError as wrong:
            if not self.fault:
                print(wrong, file=sys.stderr)
            self.fault = str(wrong)

    def metrics(self) -> dict[str, Any]:
        """Return the summary as W&B shows it, and last values that it does not hold.

        These are of metrics defined as with `define_metric("loss", summary="min")`: the summary
        has loss.min alone, and a sweep may well be about the loss.
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
    """Yield the numbers, truths and texts, their keys joined by dots.

    Lists are no metrics, nor are images, tables and histograms, which are maps with a `_type`.
    """
    for key, value in tree.items():
        if not before and key in _OF_W_AND_B:
            continue
        if isinstance(value, dict):
            if "_type" not in value and left:
                yield from _flat(value, f"{before}{key}.", left - 1)
        elif type(value) in (int, float, bool) or (
            type(value) is str and len(value) <= _LONGEST_TEXT
        ):
            yield before + key, value
