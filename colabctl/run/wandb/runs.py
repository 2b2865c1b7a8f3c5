"""Runs a script written for W&B as a task, without a server or account, and reads its metrics.

Like W&B's own agent (wandb/agents/pyagent.py, wandb 0.31), this passes the parameters in a file,
and the run's names in the environment. The runs stay on this machine. Patches in the task's
processes (run/startup/wandb_patches.py) write down what the runs log. W&B's own logs add what
these cannot see: the summaries that W&B computes, what it reads from TensorBoard's files, and runs
in processes that no patch reaches.
"""

import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from colabctl.run.failures.failure import Pruned
from colabctl.run.function import Run
from colabctl.run.startup.patches import WANDB_PATCHES, after_import
from colabctl.run.startup.wandb_patches import CALLS, OFFLINE, flat
from colabctl.run.wandb.calls import Report, WandbCalls
from colabctl.run.wandb.datastore import Entry, WandbLog
from colabctl.task import Assignment, Task

# These turn off what only a run's page on the server would show.
_QUIET = {
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
_CALLS = "wandb-calls.jsonl"
_POLL = 0.2  # seconds between checks while a function runs


def wandb_outside_tasks(scratch: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for code that runs before a task: W&B is offline, and nothing counts."""
    online = environ.get("WANDB_MODE") == "online"
    ours = {"WANDB_DIR": str(scratch or tempfile.gettempdir()), **_READABLE}
    if not online:
        ours |= _QUIET
    return {
        **{name: value for name, value in ours.items() if name not in environ},
        **({} if online else {OFFLINE: "1", "WANDB_MODE": "offline"}),
        CALLS: os.devnull,
    }


def wandb_environment(
    task: Assignment, scratch: Path, environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables that make W&B run a task offline, with its files in `scratch`.

    W&B variables in `environ` win, except that a run is offline or, with WANDB_MODE=online, also
    goes to the user's account. The parameters always come from the task; this writes them to a
    file in `scratch`.
    """
    import yaml  # noqa: PLC0415 - in the first task, not when the worker starts

    parameters = scratch / "wandb-parameters.yaml"
    values = {name: {"value": value} for name, value in task.params.items()}
    parameters.write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    # The folder of an attempt is never used twice, so its name is a unique id for the run.
    run = _NOT_IN_ID.sub("-", Path(task.folder).name)[:_LONGEST_ID]
    ours = {"WANDB_RUN_ID": run}
    if environ.get("WANDB_MODE") != "online":
        ours |= {"WANDB_NAME": run, "WANDB_SWEEP_ID": task.sweep}
    return {
        **wandb_outside_tasks(scratch, environ),
        **{name: value for name, value in ours.items() if name not in environ},
        "WANDB_SWEEP_PARAM_PATH": str(parameters),
        CALLS: str(scratch / _CALLS),
    }


def began_wandb_run(environ: Mapping[str, str]) -> bool:
    """Whether a task with this environment has called W&B."""
    return Path(environ.get(CALLS, os.devnull)).is_file()


class WandbRuns:
    """The W&B runs of one task, and the values that they have logged so far.

    Args:
        task: gets the numbers of each step as reports.
        scratch: the folder passed to `wandb_environment`.
    """

    def __init__(self, task: Task, scratch: Path) -> None:
        self.task = task
        self._scratch = scratch
        self._calls = WandbCalls(scratch / _CALLS)
        self._logs: dict[Path, _Log] = {}  # by the folder of their run
        self._lock = threading.Lock()

    def pass_on(self, *, final: bool = False) -> None:
        """Report new values; `final` means that the program has ended."""
        with self._lock:
            # The logs come first: then the calls include whatever a log has from a call.
            logged = list(self._read_logs())
            called = list(self._calls.read(final=final))
            if final:
                logged += self._read_logs()  # in folders that only the last calls name
            for step, values in called:
                self.task.record(step, values)
            if self._calls.names and not self._calls.tensorboard:
                return
            for step, values in logged:
                new = {
                    name: value for name, value in values.items() if name not in self._calls.names
                }
                if new:
                    self.task.record(step, new)

    def metrics(self) -> dict[str, Any]:
        """Return the last value of each name, and what else the summaries contain.

        With `define_metric("loss", summary="min")`, W&B's summary has only loss.min, but a sweep
        may optimise the loss.
        """
        metrics: dict[str, Any] = {}
        for log in self._logs.values():
            metrics |= log.metrics()
        return dict(sorted({**metrics, **self._calls.metrics}.items()))

    @property
    def fault(self) -> str:
        """The error of a log that cannot be read; "" if there is none."""
        return next((log.fault for log in self._logs.values() if log.fault), "")

    def keep(self, folder: Path) -> None:
        """Copy the runs that are in `scratch` to a folder, so that they can be sent later."""
        runs = self._scratch / "wandb"
        if not runs.is_dir():
            return
        here_only = shutil.ignore_patterns("latest-run*", "debug*")  # links, and logs for W&B
        try:
            shutil.copytree(runs, folder / "wandb", ignore=here_only, ignore_dangling_symlinks=True)
        except OSError as error:
            print(f"colabctl: cannot keep the W&B run: {error}", file=sys.stderr)

    def _read_logs(self) -> Iterator[Report]:
        with suppress(OSError):
            self._find(sorted((self._scratch / "wandb").iterdir()))
        self._find(self._calls.folders)
        for log in self._logs.values():
            yield from log.read()

    def _find(self, runs: Iterable[Path]) -> None:
        """Add the logs of runs that have started since the last call."""
        for run in runs:
            if run not in self._logs and not run.is_symlink():
                for file in run.glob("run-*.wandb"):
                    self._logs[run] = _Log(WandbLog(file))


def following_wandb(run: Run, scratch: Path, environ: Mapping[str, str], *, keep: bool) -> Run:
    """Return `run` for tasks in this process, with what they log with W&B.

    Metrics that the task returns itself win. A task that does not import W&B costs no time.

    Args:
        run: runs a task in this process.
        scratch: for temporary folders.
        environ: the environment before `wandb_outside_tasks`.
        keep: whether W&B's own files are kept in the task's folder.
    """
    here = _InThisProcess(scratch, environ, keep=keep)
    after_import("wandb", lambda _: here.follow())

    def run_and_follow(params: dict[str, Any], task: Task) -> dict[str, Any]:
        here.task = task
        if "wandb" in sys.modules:
            here.follow()
        metrics: dict[str, Any] = {}
        code = 1
        try:
            metrics, code = run(params, task), 0
        finally:
            here.task = None
            if here.runs is not None:
                metrics = {**here.end(code), **(task.metrics or {}), **metrics}
                task.metrics = metrics
        return metrics

    return run_and_follow


class _InThisProcess:
    """Follows the W&B runs of tasks in this process, from the moment that one imports W&B.

    W&B reads its environment only once, so this tears it down before and after a task, as
    `wandb.agent(function=…)` does between calls.

    Attributes:
        task: the task that is running.
        runs: the task's runs; None until it imports W&B.
    """

    def __init__(self, scratch: Path, environ: Mapping[str, str], *, keep: bool) -> None:
        self.task: Task | None = None
        self.runs: WandbRuns | None = None
        self._scratch = scratch
        self._environ = environ
        self._keep = keep
        self._process, self._thread = os.getpid(), threading.get_ident()
        self._open = ExitStack()

    def follow(self) -> None:
        """Begin to follow the task; do nothing between tasks."""
        if self.task is None or self.runs is not None:
            return
        folder = tempfile.TemporaryDirectory(
            prefix="colabctl-wandb-", dir=self._scratch, ignore_cleanup_errors=True
        )
        own = Path(self._open.enter_context(folder))
        added = wandb_environment(self.task.assignment, own, self._environ)
        self._open.enter_context(_variables(added))
        _tear_down(0)
        self.runs = WandbRuns(self.task, own)
        patches = sys.modules.get(WANDB_PATCHES)
        if patches is not None:
            self._open.enter_context(_attribute(patches, "after_log", self._after_log))
        self._open.enter_context(_polling(self.runs))

    def end(self, code: int) -> dict[str, Any]:
        """End the task's runs, with an exit code, and return their metrics."""
        runs, self.runs = self.runs, None
        assert runs is not None
        if os.getpid() != self._process:  # a process that the task forked
            return {}
        _tear_down(code)
        runs.pass_on(final=True)
        if self._keep:
            runs.keep(runs.task.folder)
        self._open.close()
        return runs.metrics()

    def _after_log(self) -> None:
        """Pass on a call of `log` at once, and end the task there if it should stop."""
        if self.runs is None or os.getpid() != self._process:
            return
        self.runs.pass_on()
        if threading.get_ident() == self._thread and self.runs.task.should_stop():
            raise Pruned


@contextmanager
def _polling(runs: WandbRuns) -> Iterator[None]:
    """Pass on what other processes of the task log, and W&B's own logs."""
    over = threading.Event()

    def poll() -> None:
        while not over.wait(_POLL):
            runs.pass_on()

    poller = threading.Thread(target=poll, daemon=True)
    poller.start()
    try:
        yield
    finally:
        over.set()
        poller.join()


@contextmanager
def _variables(added: Mapping[str, str]) -> Iterator[None]:
    """Add variables to this process's environment for a while."""
    before = {name: os.environ.get(name) for name in added}
    os.environ |= added
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def _attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute for a while."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def _tear_down(code: int) -> None:
    """End all W&B runs of this process, so that their logs are complete."""
    wandb: Any = sys.modules.get("wandb")
    if hasattr(wandb, "teardown"):  # it is not there while W&B is being imported
        wandb.finish(code)
        wandb.teardown(code)


class _Log:
    """A run's own log: its summary so far, and `fault`, the error of a log that cannot be read."""

    def __init__(self, log: WandbLog) -> None:
        self._log = log
        self._last: dict[str, float] = {}
        self._summary: dict[str, Any] = {}
        self.fault = ""

    def read(self) -> Iterator[Report]:
        """Yield the new steps, each with the numbers that it logged."""
        try:
            for entry in self._log.read():
                self.fault = ""
                if entry.kind == "summary":
                    self._summarise(entry)
                else:
                    yield from self._step(entry)
        except ValueError as error:
            if not self.fault:
                print(error, file=sys.stderr)
            self.fault = str(error)

    def metrics(self) -> dict[str, Any]:
        """Return the summary as W&B shows it, and the last values of what is not in it."""
        return {**self._last, **dict(flat(self._summary))}

    def _summarise(self, entry: Entry) -> None:
        for keys, value in entry.values:
            _put(self._summary, keys, value)
        for keys in entry.removed:
            inner: Any = self._summary
            for key in keys[:-1]:
                inner = inner.get(key) if isinstance(inner, dict) else None
            if isinstance(inner, dict):
                inner.pop(keys[-1], None)

    def _step(self, entry: Entry) -> Iterator[Report]:
        logged: dict[str, Any] = {}
        for keys, value in entry.values:
            _put(logged, keys, value)
        step = logged.get("_step")
        numbers = {name: value for name, value in flat(logged) if type(value) in (int, float)}
        self._last |= numbers
        if numbers:
            yield step if type(step) is int else None, numbers


def _put(tree: dict[str, Any], keys: tuple[str, ...], value: Any) -> None:
    for key in keys[:-1]:
        branch = tree.get(key)
        if not isinstance(branch, dict):
            branch = tree[key] = {}
        tree = branch
    tree[keys[-1]] = value
