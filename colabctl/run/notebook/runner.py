"""Runs a notebook, once for each task or once for a worker, and tells how that went.

Only the process that runs notebooks imports this: Jupyter is heavy.
"""

import asyncio
import atexit
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from colabctl.errors import UserError
from colabctl.notebook import Notebook, injected, read
from colabctl.notebook.executed import Executed, prepare
from colabctl.run import startup
from colabctl.run.exchange import VARIABLES, Exchange
from colabctl.run.failure import Pruned, TaskError
from colabctl.run.notebook.kernel_lifecycle import End, KernelOptions, Series
from colabctl.run.redaction import concealed, concealer
from colabctl.run.termination import KILL_AFTER, Ending
from colabctl.run.wandb.runs import WandbRuns, wandb_environment
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.mounts import Anchor
from colabctl.task import Task

EXECUTED = "executed.ipynb"
_LOOK_EVERY = 0.2  # seconds between looks at what a task reports and at what it is told
_SAVE_EVERY = 10.0  # seconds between savings of a running notebook on this machine
# Seconds for a cell, and then for its kernel, to end when the worker must, which waits for two.
_INTERRUPTED = 0.5


def runner(
    notebook: Path,
    root: Path,
    options: KernelOptions,
    kill_after: float = KILL_AFTER,
    scratch: Path | None = None,
) -> "Runner":
    """Return what runs a notebook of kind `parameters` once for a task, (params, task) -> metrics.

    The current folder is the project, the notebook is the frozen copy, and modules beside it can
    be imported. `colabctl.task()` in its cells is the task. If it should stop early, the kernel is
    interrupted: at once, or, if it reports by `colabctl.task()` and so sees the answer, after
    `kill_after` seconds for itself; so much later the kernel is killed. What it needs meanwhile is
    in `scratch`, which whoever gives it deletes: this process may be killed.

    For the main thread only. Raises TaskError for a notebook that cannot be run here.
    """
    known = _read(notebook)
    if known.kind != "parameters":
        raise TaskError(f"{known.name} has no parameters cell, and so is not run for each task")
    return Runner(known, notebook.parent, root, options, kill_after=kill_after, scratch=scratch)


def run_loop(notebook: Path, root: Path, options: KernelOptions, keep_in: Path) -> None:
    """Run a notebook of kind `loop` to its end; it claims its tasks itself.

    keep_in  folder for the executed notebook, if it is to be kept
    For the main thread only. Raises TaskError if the notebook fails.
    """
    once = Runner(_read(notebook), notebook.parent, root, options)
    try:
        once.run_once(keep_in)
    finally:
        once.close()


def _read(notebook: Path) -> Notebook:
    try:
        return read(notebook.read_bytes(), notebook.name)
    except UserError as wrong:
        raise TaskError(str(wrong)) from None


def _environ(code: Path) -> dict[str, str]:
    """Return the variables of a kernel that runs no task yet; modules in `code` are found."""
    environ = startup.environ(os.environ)
    places = (str(code), *environ.get("PYTHONPATH", "").split(os.pathsep))
    # Whole paths: a kernel starts elsewhere, and its cells go where they like.
    environ["PYTHONPATH"] = os.pathsep.join(str(Path(p).absolute()) for p in places if p)
    return {name: value for name, value in environ.items() if name not in VARIABLES}


class Runner:
    """Runs a notebook again and again, and keeps of that what is wanted."""

    def __init__(
        self,
        notebook: Notebook,
        code: Path,
        root: Path,
        options: KernelOptions,
        *,
        kill_after: float = KILL_AFTER,
        scratch: Path | None = None,
    ) -> None:
        self._notebook = notebook
        self._root = root
        self._environ = _environ(code)
        self._wandb = any("wandb" in cell.source.lower() for cell in notebook.code)
        fresh = options.fresh or notebook.kind == "loop"
        conceal = concealer(options.secrets, os.environ)
        self._series = Series(
            self._environ,
            root,
            options,
            fresh=fresh,
            wandb=self._wandb,
            scratch=scratch,
            conceal=conceal,
        )
        self._scratch = scratch
        self._keeps = options.keep
        self._concealed = partial(concealed, conceal=conceal)
        self._anchor = Anchor(root)
        self._kill_after = kill_after
        self._ending: Ending | None = None
        self._hurries = False  # the worker must end
        self._loop = asyncio.new_event_loop()
        # As in programs.py: a stop is sent to the group, and this process outlives it.
        self._stopped = threading.Event()
        self._handler = signal.signal(signal.SIGTERM, lambda *_: self._stopped.set())
        atexit.register(self.close)
        self._series.warm_up()

    def set_up(self) -> None:
        """Run the cells that run once for many tasks; raise TaskError if they fail."""
        end = self._loop.run_until_complete(
            self._series.set_up(prepare(self._notebook, None), {}, self._stopped.is_set)
        )
        if end.error is not None:
            self._series.drop()
            raise TaskError(f"{self._notebook.name}: {end.error}")

    def close(self) -> None:
        """End the kernels."""
        atexit.unregister(self.close)
        self._series.close()
        self._loop.close()
        signal.signal(signal.SIGTERM, self._handler)

    def __call__(self, params: Mapping[str, Any], task: Task) -> dict[str, Any]:
        """Run one task and return its metrics; raise TaskError, or Pruned."""
        origin = f"task {task.name} of sweep {task.sweep}, attempt {task.attempt}"
        try:
            document = prepare(self._notebook, injected(params, origin))
        except UserError as wrong:
            raise TaskError(str(wrong)) from None
        with _folder(self._scratch) as place:
            exchange = Exchange(place, task)
            environ, runs = exchange.environ, None
            if self._wandb:
                environ = {**environ, **wandb_environment(task.assignment, place, self._environ)}
                runs = WandbRuns(task, {**self._environ, **environ}, place, self._root)
            end = self._run(document, place, environ, _Watched(task, exchange, runs))
            pruned = self._ending is not None and not self._stopped.is_set()
            about = {"sweep": task.sweep, "task": task.name, "attempt": task.attempt}
            if pruned:
                end = replace(end, error=None)
            self._keep(document, end, about, lambda: task.folder)
            if end.error is not None:
                raise TaskError(end.error)
            task.metrics = {**(runs.metrics() if runs else {}), **exchange.metrics()}
        if pruned:
            raise Pruned
        return task.metrics

    def run_once(self, keep_in: Path) -> None:
        """Run the notebook without a task; raise TaskError if it fails."""
        document = prepare(self._notebook, None)
        with _folder(self._scratch) as place:
            end = self._run(document, place, {}, None)

        def made() -> Path:
            keep_in.mkdir(parents=True, exist_ok=True)
            return keep_in

        self._keep(document, end, {}, made)
        if end.error is not None:
            raise TaskError(end.error)

    def _keep(
        self, document: Executed, end: End, about: dict[str, Any], folder: Callable[[], Path]
    ) -> None:
        """Publish the executed notebook, if it is wanted; that it cannot be is no failure."""
        if self._keeps == "none" or (self._keeps == "failed" and end.error is None):
            return
        document.mark(about, end.error, end.index)
        try:
            self._anchor.check()
            write_once(folder() / EXECUTED, document.encoded(self._concealed))
        except OSError as wrong:
            print(f"colabctl: {EXECUTED} could not be kept: {wrong}", file=sys.stderr)

    def _run(
        self,
        document: Executed,
        place: Path,
        environ: Mapping[str, str],
        watched: "_Watched | None",
    ) -> End:
        self._stopped.clear()
        self._ending, self._hurries = None, False
        try:
            end = self._loop.run_until_complete(self._watch(document, place, environ, watched))
        except TaskError as wrong:  # its reports are none, and a cell may still be running
            self._series.drop()
            return End(str(wrong))
        except BaseException:
            self._series.drop()
            raise
        if self._stopped.is_set():
            self._series.drop(_INTERRUPTED)
            return End("stopped by SIGTERM", end.index)
        interrupted = self._ending is not None and self._ending.asked
        self._series.settle(replace(end, sound=end.sound and not interrupted))
        return end

    async def _watch(
        self,
        document: Executed,
        place: Path,
        environ: Mapping[str, str],
        watched: "_Watched | None",
    ) -> End:
        """Run a document while its reports are passed on and it is told to stop if it should."""
        execution = asyncio.ensure_future(self._series.run(document, environ, self._halted))
        save_at = time.monotonic() + _SAVE_EVERY
        try:
            while not execution.done():
                await asyncio.wait({execution}, timeout=_LOOK_EVERY)
                over = execution.done()
                # In a thread: the worker may be waiting for the folder, and this for the worker.
                should_stop = watched is not None and await asyncio.to_thread(watched.look, over)
                if over:
                    break
                self._see_to_the_end(watched if should_stop else None)
                if self._keeps != "none" and time.monotonic() >= save_at:
                    (place / EXECUTED).write_bytes(document.encoded(self._concealed))
                    save_at = time.monotonic() + _SAVE_EVERY
        finally:
            if not execution.done():
                execution.cancel()
                await asyncio.wait({execution})
        return execution.result()

    def _halted(self) -> bool:
        return self._stopped.is_set() or (self._ending is not None and self._ending.asked)

    def _see_to_the_end(self, stopping: "_Watched | None") -> None:
        """Begin to end the notebook if it should stop, and do what is due of that by now."""
        if self._stopped.is_set() and not self._hurries:  # the kernel got the signal as well
            self._hurries = True
            self._ending = Ending(self._interrupt, self._kill, _INTERRUPTED, _INTERRUPTED)
        elif stopping is not None and self._ending is None:
            stopping.exchange.tell_to_stop()
            patience = self._kill_after if stopping.exchange.asked else 0.0
            self._ending = Ending(self._interrupt, self._kill, patience, self._kill_after)
        if self._ending is not None and self._series.kernel is not None:
            self._ending.go_on()

    def _interrupt(self) -> None:
        assert self._series.kernel is not None
        self._series.kernel.interrupt()

    def _kill(self) -> None:
        assert self._series.kernel is not None
        self._series.kernel.process.kill()


@contextmanager
def _folder(scratch: Path | None) -> Iterator[Path]:
    """Give a folder on this machine for one run."""
    with tempfile.TemporaryDirectory(
        prefix="colabctl-task-", dir=scratch, ignore_cleanup_errors=True
    ) as place:
        yield Path(place)


class _Watched(NamedTuple):
    """A task while it runs, and what it tells through its files."""

    task: Task
    exchange: Exchange
    runs: WandbRuns | None

    def look(self, over: bool) -> bool:
        """Pass on what is new; return whether the task, if it is not over, should stop."""
        self.exchange.pass_on()
        if self.runs is not None:
            self.runs.pass_on(to_the_end=over)
        return not over and self.task.should_stop()
