"""Starts, reuses and replaces the kernels in which a notebook runs again and again."""

import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from colabctl.notebook.executed import ExecutedNotebook
from colabctl.notebook.kernel_options import KernelOptions
from colabctl.run.device import is_exhausted, is_lost
from colabctl.run.notebook.kernel import CellError, Kernel, KernelCallFailed, KernelDied
from colabctl.run.outages import answers, names_mount, wait_out
from colabctl.run.termination import how_it_ended, oom_kills
from colabctl.run.wandb.runs import began_wandb_run

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MOST_OUTPUT = 1_000_000  # characters of output to keep of each cell
_SHUTDOWN = 5.0  # seconds for a kernel's exit handlers
_AT_EXIT = 2.0  # the same when this process ends, which itself has three seconds
_LONGEST = 400  # characters of an exception's message
# IPython's name for a cell in a SyntaxError means nothing to the user.
_CELL_FILE = re.compile(r" \((?:\d+\.py|<ipython-input[^>]*>), (line \d+)\)")


@dataclass(frozen=True)
class RunResult:
    """How a run of a document ended.

    Attributes:
        error: in one line, with the cell; None after a success.
        index: index of the cell in which the run ended; None if it ran all cells.
        reusable: whether the kernel can run another task.
    """

    error: str | None = None
    index: int | None = None
    reusable: bool = True


class KernelPool:
    """One kernel that runs cells, and a spare one that starts meanwhile.

    A kernel runs many tasks, and each finds the names that the cells above the parameters cell
    left there.

    Args:
        environ: environment of a kernel that runs no task yet.
        cwd: the current folder of the cells.
        neighbours: the folder with the frozen notebook.
        options: how kernels are used.
        root: the project's folder.
        fresh: whether each task gets a new kernel.
        colab: whether the cells mention google.colab or their kernel.
        scratch: where kernels have their folders.
        conceal: replaces secrets in a text.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        cwd: Path,
        neighbours: Path,
        options: KernelOptions,
        *,
        root: Path,
        fresh: bool,
        colab: bool,
        scratch: Path | None,
        conceal: Callable[[str], str],
    ) -> None:
        self.kernel: Kernel | None = None  # that runs cells, or is ready for the next task
        self._environ = environ
        self._cwd = cwd
        self._neighbours = neighbours
        self._root = root
        self._options = options
        self._fresh = fresh
        self._colab = colab
        self._scratch = scratch
        self._conceal = conceal
        self._spare: Kernel | None = None
        self._tasks = 0  # that the kernel has run
        self._killed_before = 0  # oom_kills() when the kernel began to run cells
        self._above: list[NotebookNode] = []  # the cells that ran once in the kernel

    def warm_up(self) -> None:
        """Start a kernel for the next task."""
        if self._spare is None:
            self._spare = Kernel(self._environ, self._scratch)

    def close(self) -> None:
        """End the kernels."""
        self.drop(_AT_EXIT)
        if self._spare is not None:
            self._spare.end()
            self._spare = None

    def drop(self, patience: float = 0.0) -> None:
        """End the kernel, after `patience` seconds for its exit handlers."""
        self._tasks = 0
        if self.kernel is not None:
            self.kernel.end(patience)
            self.kernel = None

    def settle(self, result: RunResult) -> None:
        """Prepare the kernel for the next task, or end it, after a run with this result."""
        self._tasks += 1
        most = 1 if self._fresh else self._options.kernel_tasks
        if not result.reusable or (most and self._tasks >= most):
            self.drop(_SHUTDOWN)
        elif self.kernel is not None:
            self.kernel.post("restore()")

    async def run(
        self, document: ExecutedNotebook, environ: Mapping[str, str], halted: Callable[[], bool]
    ) -> RunResult:
        """Run the cells above the parameters cell if the kernel has not, and then the others.

        `environ` has additional variables for this run. `halted` is called between cells, and
        returns whether to end the run.
        """
        if not await self._reuse(environ):
            result = await self.set_up(document, environ, halted)
            if result.error is not None:
                return result
        body = self._body(document)
        document.node.cells[:body] = deepcopy(self._above)
        result = await self._cells(document, range(body, len(document.node.cells)), halted)
        if result.reusable and began_wandb_run(environ):
            with suppress(KernelDied, KernelCallFailed):  # the next task will notice that
                await self._call(f"finish({int(result.error is not None)})")
        return result

    async def set_up(
        self, document: ExecutedNotebook, environ: Mapping[str, str], halted: Callable[[], bool]
    ) -> RunResult:
        """Start a kernel, run the cells above the parameters cell, and begin a task."""
        try:
            await self._start()
            result = await self._cells(document, range(self._body(document)), halted)
            if result.index is not None:
                where = document.where(result.index)
                error = result.error or f"{where}: sys.exit() above the parameters cell"
                return replace(result, error=error, reusable=False)
            await self._call("remember()")
            await self._begin(environ)
        except KernelDied as died:
            return RunResult(f"no kernel could be started: it {self._ending(died)}", reusable=False)
        except KernelCallFailed as failure:
            return RunResult(f"no kernel could be started: {failure}", reusable=False)
        self._above = deepcopy(document.node.cells[: self._body(document)])
        return RunResult()

    def _body(self, document: ExecutedNotebook) -> int:
        """Return the index of the first cell that runs for each task."""
        return 0 if self._fresh else document.body

    async def _call(self, code: str) -> None:
        assert self.kernel is not None
        await self.kernel.call(code)

    async def _begin(self, environ: Mapping[str, str]) -> None:
        await self._call(f"begin({dict(environ)!r})")

    async def _reuse(self, environ: Mapping[str, str]) -> bool:
        """Begin a task in the kernel of the task before; return whether that worked."""
        if self.kernel is not None:
            with suppress(KernelDied, KernelCallFailed):
                await self._begin(environ)
                return True
            self.drop()
        return False

    def _ending(self, died: KernelDied) -> str:
        if died.code is None:
            return "does not answer"
        return how_it_ended(died.code, self._killed_before)

    async def _start(self) -> None:
        """Start a kernel, or another one if the project's folder did not answer meanwhile."""
        try:
            await self._start_once()
        except (KernelDied, KernelCallFailed) as error:
            if answers(self._root) and not names_mount(str(error)):
                raise
            self.drop()
            wait_out(self._root.stat)
            await self._start_once()

    async def _start_once(self) -> None:
        self._killed_before = oom_kills()
        if self._spare is not None and not self._spare.alive:
            self._spare.end()
            self._spare = None
        self.kernel, self._spare = self._spare or Kernel(self._environ, self._scratch), None
        await self.kernel.ready()
        options = {
            "shell_errors": self._options.shell_errors,
            "neighbours": str(self._neighbours.absolute()),
            "colab": self._colab,
        }
        await self._call(f"prepare({str(self._cwd)!r}, **{options!r})")
        if self._options.fresh:
            self.warm_up()

    async def _cells(
        self, document: ExecutedNotebook, indices: range, halted: Callable[[], bool]
    ) -> RunResult:
        """Run cells one by one until one of them ends the run."""
        from colabctl.run.notebook.cells import Cells  # noqa: PLC0415 - Jupyter

        assert self.kernel is not None
        cells = Cells(
            document.node,
            self.kernel,
            _MOST_OUTPUT,
            echo=_echo,
            conceal=self._conceal,
        )
        try:
            for index in indices:
                if halted():
                    return RunResult("stopped", index, reusable=False)
                error = await cells.run(index)
                if error is not None:
                    return _result_after(error, document.where(index), index)
        except KernelDied as died:
            where = document.where(index)
            return RunResult(f"{where}: the kernel {self._ending(died)}", index, reusable=False)
        finally:
            cells.set_widgets_metadata()
        return RunResult()


def _result_after(error: CellError, where: str, index: int) -> RunResult:
    """Return the result of a run in which a cell raised an error."""
    text = _CELL_FILE.sub(r" (\1)", " ".join(error.text.split()))[:_LONGEST]
    if error.name == "SystemExit":
        if text in ("", "0", "None", "False"):
            return RunResult(index=index)
        return RunResult(f"{where}: sys.exit({text})", index)
    if error.name == "StdinNotImplementedError":
        text = "input() and getpass() do not work in a task; use a parameter instead"
    line = f"{error.name}: {text}" if text else error.name
    # The names and outputs of a kernel hold the memory that it has used up.
    reusable = not (is_lost(line) or is_exhausted(line))
    return RunResult(f"{where}: {line}", index, reusable=reusable)


def _echo(text: str) -> None:
    """Show an output; if that fails, as on a closed terminal, show no more of them."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
