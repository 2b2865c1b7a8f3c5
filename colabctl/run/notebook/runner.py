"""Runs a notebook, once for each task or once for a worker, and returns the outcome.

Jupyter is slow to import. So the first kernel starts before this process imports it.
"""

import asyncio
import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from colabctl.errors import UserError
from colabctl.notebook.executed import ExecutedNotebook, prepare
from colabctl.notebook.injection import parameters_source
from colabctl.notebook.kernel_options import KernelOptions
from colabctl.notebook.obstacles import COLAB, assumes_colab
from colabctl.notebook.reading import Kind, Notebook, read
from colabctl.run import startup
from colabctl.run.exchange import VARIABLES, Exchange, task_folder
from colabctl.run.failure import Pruned, TaskError
from colabctl.run.notebook.kernel_lifecycle import KernelPool, RunResult
from colabctl.run.redaction import concealed, concealer
from colabctl.run.settings import Settings
from colabctl.run.termination import KILL_AFTER, GracefulStop
from colabctl.run.wandb.runs import WandbRuns, wandb_environment, wandb_outside_tasks
from colabctl.run.workspace.workspace import Workspace
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.mounts import Anchor
from colabctl.sharedfs.rights import make_folder
from colabctl.task import Task

EXECUTED = "executed.ipynb"
_POLL = 0.2  # seconds between looks at a task's reports, and at whether it should stop
_SAVE_EVERY = 10.0  # seconds between saves of a running notebook on this machine
# After SIGTERM, seconds until the cell and then the kernel must end. The worker waits for two.
_INTERRUPT = 0.5


def run_loop(settings: Settings, keep_in: Path) -> None:
    """Run a notebook of kind `loop`, which claims its tasks itself, to its end.

    The executed notebook, if it is kept, goes to the folder `keep_in`. For the main thread only.
    Raises TaskError if the notebook fails.
    """
    runner = Runner(
        Path(settings.code, settings.program),
        Path(settings.root),
        settings.kernels,
        kind="loop",
        cwd=Path(settings.cwd),
        python_path=settings.python_path,
        secrets=settings.secrets,
    )
    workspace = Workspace.of(settings)
    try:
        if workspace is not None:
            workspace.prepare()
        runner.run_once(keep_in)
    finally:
        runner.close()


def _environ(python_path: Sequence[str], notebook: Notebook) -> dict[str, str]:
    """Return the environment of a kernel without a task, which imports from these folders."""
    environ = startup.importing_from(python_path, startup.environ(os.environ))
    if assumes_colab(notebook.code):
        environ["COLABCTL_STAND_IN"] = COLAB
    return {name: value for name, value in environ.items() if name not in VARIABLES}


class Runner:
    """Runs a notebook of kind `parameters`, once for each task.

    The current folder is `cwd`, by default the project's `root`. Python imports from the folders in
    `python_path`, by default from the notebook's. In its cells, `colabctl.task()` returns the task.
    To stop a task early, this interrupts the kernel: at once, or after `kill_after` seconds if the
    task reports through `colabctl.task()`, where it learns that it should stop. Another
    `kill_after` seconds later, it kills the kernel. Temporary files are in `scratch`, which the
    caller deletes, because this process may be killed.

    For the main thread only. Raises TaskError for a notebook that cannot run here.
    """

    def __init__(
        self,
        path: Path,
        root: Path,
        options: KernelOptions,
        *,
        kind: Kind = "parameters",
        cwd: Path | None = None,
        python_path: Sequence[str] = (),
        secrets: Sequence[str] = (),
        kill_after: float = KILL_AFTER,
        scratch: Path | None = None,
        keep_wandb: bool = False,
    ) -> None:
        try:
            self._notebook = notebook = read(path.read_bytes(), path.name)
        except UserError as error:
            raise TaskError(str(error)) from None
        if notebook.kind != kind:
            raise TaskError(f"{path.name} is of kind {notebook.kind}, and was declared as {kind}")
        self._cwd = cwd or root
        self._environ = _environ(python_path or [str(path.parent)], notebook)
        self._keeps_wandb = keep_wandb
        above = wandb_outside_tasks(scratch, self._environ) if kind == "parameters" else {}
        conceal = concealer(secrets, os.environ)
        self._kernels = KernelPool(
            {**self._environ, **above},
            self._cwd,
            path.parent,
            options,
            root=root,
            fresh=options.fresh or kind == "loop",
            colab=any(
                COLAB in cell.source or "get_ipython" in cell.source for cell in notebook.code
            ),
            scratch=scratch,
            conceal=conceal,
        )
        self._scratch = scratch
        self._keeps = options.keep
        self._concealed = partial(concealed, conceal=conceal)
        self._anchor = Anchor(root)
        self._kill_after = kill_after
        self._stop: GracefulStop | None = None
        self._terminating = False  # SIGTERM has replaced `_stop`
        self._loop = asyncio.new_event_loop()
        # As in program.py: SIGTERM goes to the group, and this process must outlive it.
        self._terminated = threading.Event()
        self._handler = signal.signal(signal.SIGTERM, lambda *_: self._terminated.set())
        atexit.register(self.close)
        self._kernels.warm_up()

    def set_up(self) -> None:
        """Run the cells above the parameters cell; raise TaskError if they fail."""
        result = self._loop.run_until_complete(
            self._kernels.set_up(prepare(self._notebook, None), {}, self._terminated.is_set)
        )
        if result.error is not None:
            self._kernels.drop()
            raise TaskError(f"{self._notebook.name}: {result.error}")

    def close(self) -> None:
        """End the kernels."""
        atexit.unregister(self.close)
        self._kernels.close()
        self._loop.close()
        signal.signal(signal.SIGTERM, self._handler)

    def __call__(self, params: Mapping[str, Any], task: Task) -> dict[str, Any]:
        """Run one task and return its metrics; raise TaskError or Pruned."""
        origin = f"task {task.name} of sweep {task.sweep}, attempt {task.attempt}"
        try:
            document = prepare(self._notebook, parameters_source(params, origin))
        except UserError as error:
            raise TaskError(str(error)) from None
        with task_folder(self._scratch) as folder:
            exchange = Exchange(folder, task)
            environ = {
                **exchange.environ,
                **wandb_environment(task.assignment, folder, self._environ),
            }
            runs = WandbRuns(task, folder)
            result = self._run(document, folder, environ, _Channels(task, exchange, runs))
            if self._keeps_wandb:
                runs.keep(Path(task.assignment.folder))
            pruned = self._stop is not None and not self._terminated.is_set()
            about = {"sweep": task.sweep, "task": task.name, "attempt": task.attempt}
            if pruned:
                result = replace(result, error=None)
            self._keep(document, result, about, Path(task.assignment.folder))
            if result.error is not None:
                raise TaskError(result.error)
            task.metrics = {**runs.metrics(), **exchange.metrics()}
        if pruned:
            raise Pruned
        return task.metrics

    def run_once(self, keep_in: Path) -> None:
        """Run the notebook without a task; raise TaskError if it fails."""
        document = prepare(self._notebook, None)
        with task_folder(self._scratch) as folder:
            result = self._run(document, folder, {}, None)
        self._keep(document, result, {}, keep_in)
        if result.error is not None:
            raise TaskError(result.error)

    def _keep(
        self, document: ExecutedNotebook, result: RunResult, about: dict[str, Any], folder: Path
    ) -> None:
        """Save the executed notebook if it should be kept; if that fails, the task does not."""
        if self._keeps == "none" or (self._keeps == "failed" and result.error is None):
            return
        document.mark(about, result.error, result.index)
        try:
            self._anchor.check()
            make_folder(folder, parents=True)
            write_once(folder / EXECUTED, document.encode(self._concealed))
        except OSError as error:
            print(f"colabctl: cannot write {EXECUTED}: {error}", file=sys.stderr)

    def _run(
        self,
        document: ExecutedNotebook,
        folder: Path,
        environ: Mapping[str, str],
        channels: "_Channels | None",
    ) -> RunResult:
        self._terminated.clear()
        self._stop, self._terminating = None, False
        try:
            result = self._loop.run_until_complete(self._watch(document, folder, environ, channels))
        except TaskError as error:  # a report is not valid, and a cell may still be running
            self._kernels.drop()
            return RunResult(str(error))
        except BaseException:
            self._kernels.drop()
            raise
        if self._terminated.is_set():
            self._kernels.drop(_INTERRUPT)
            return RunResult("stopped by SIGTERM", result.index)
        interrupted = self._stop is not None and self._stop.asked
        self._kernels.settle(replace(result, reusable=result.reusable and not interrupted))
        return result

    async def _watch(
        self,
        document: ExecutedNotebook,
        folder: Path,
        environ: Mapping[str, str],
        channels: "_Channels | None",
    ) -> RunResult:
        """Run a document; meanwhile, pass on its reports and stop it if it should stop."""
        execution = asyncio.ensure_future(self._kernels.run(document, environ, self._halted))
        save_at = time.monotonic() + _SAVE_EVERY
        try:
            while not execution.done():
                await asyncio.wait({execution}, timeout=_POLL)
                if execution.done():
                    break
                # In a thread, because this may wait for the worker, and the worker for the folder.
                should_stop = channels is not None and await asyncio.to_thread(channels.look)
                self._advance_stop(channels.exchange if channels and should_stop else None)
                if self._keeps != "none" and time.monotonic() >= save_at:
                    (folder / EXECUTED).write_bytes(document.encode(self._concealed))
                    save_at = time.monotonic() + _SAVE_EVERY
        finally:
            if not execution.done():
                execution.cancel()
                await asyncio.wait({execution})
        if channels is not None:
            channels.look(over=True)
        return execution.result()

    def _halted(self) -> bool:
        return self._terminated.is_set() or (self._stop is not None and self._stop.asked)

    def _advance_stop(self, exchange: Exchange | None) -> None:
        """Stop the notebook, step by step, after SIGTERM or if an exchange is passed."""
        if self._terminated.is_set() and not self._terminating:  # the kernel got the signal too
            self._terminating = True
            self._stop = GracefulStop(self._interrupt, self._kill, _INTERRUPT, _INTERRUPT)
        elif exchange is not None and self._stop is None:
            exchange.request_stop()
            patience = self._kill_after if exchange.asked else 0.0
            self._stop = GracefulStop(self._interrupt, self._kill, patience, self._kill_after)
        if self._stop is not None and self._kernels.kernel is not None:
            self._stop.advance()

    def _interrupt(self) -> None:
        assert self._kernels.kernel is not None
        self._kernels.kernel.interrupt()

    def _kill(self) -> None:
        assert self._kernels.kernel is not None
        self._kernels.kernel.process.kill()


class _Channels(NamedTuple):
    """The channels through which a running task returns values."""

    task: Task
    exchange: Exchange
    runs: WandbRuns

    def look(self, *, over: bool = False) -> bool:
        """Pass on new values; return whether the task, if it is not over, should stop."""
        self.exchange.pass_on()
        self.runs.pass_on(final=over)
        return not over and self.task.should_stop()
