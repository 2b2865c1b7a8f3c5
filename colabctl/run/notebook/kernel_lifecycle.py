"""The kernels in which one notebook runs again and again, each as long as it is sound."""

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from nbformat import NotebookNode

from colabctl.notebook.executed import Executed
from colabctl.run.notebook.kernel import Cells, Kernel, KernelDied, KernelRefused, Raised
from colabctl.run.termination import how_it_ended

_SHUTDOWN = 5.0  # seconds for what a kernel does at its end
_AT_EXIT = 2.0  # the same when this process ends, which is given three seconds itself
_LONGEST = 400  # characters of what an exception says
# After these the kernel itself, or the device it uses, is to blame: no task should follow there.
_POISON = re.compile(
    r"cuda|cudnn|cublas|nccl|xla|out.?of.?memory|memoryerror|resource.?exhausted", re.IGNORECASE
)
# What IPython calls a cell in a SyntaxError is of no use to anybody.
_PLACE = re.compile(r" \((?:\d+\.py|<ipython-input[^>]*>), (line \d+)\)")


@dataclass(frozen=True)
class KernelOptions:
    """How kernels are used, and what is kept of what they did.

    fresh         a new kernel for each task; else the cells above the parameters cell run once
                  for many tasks
    kernel_tasks  tasks after which a kernel is replaced; 0 for never
    shell_errors  what a failing `!command` does
    keep          of which tasks the executed notebook is kept, in the task's folder
    most_output   characters of output that are kept of a cell
    secrets       variables whose values must not be kept
    """

    fresh: bool = False
    kernel_tasks: int = 0
    shell_errors: Literal["raise", "ignore"] = "raise"
    keep: Literal["failed", "all", "none"] = "failed"
    most_output: int = 1_000_000
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class End:
    """How a run of a document ended.

    error  in one line, with the cell; None if it went well
    index  of the cell in which it ended; None after the last one
    sound  whether the kernel is good for another task
    """

    error: str | None = None
    index: int | None = None
    sound: bool = True


class Series:
    """One kernel after the other. A warm one runs many tasks, each in the names it began with.

    environ  the variables of a kernel that runs no task yet
    root     the current folder of the cells
    wandb    whether the cells may log by W&B
    scratch  where kernels have their folders
    conceal  replaces what must not be shown in a text
    kernel   the one that runs cells, or is ready for the next task
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        root: Path,
        options: KernelOptions,
        *,
        fresh: bool,
        wandb: bool,
        scratch: Path | None,
        conceal: Callable[[str], str],
    ) -> None:
        self._environ = environ
        self.kernel: Kernel | None = None
        self._root = root
        self._options = options
        self._fresh = fresh
        self._wandb = wandb
        self._scratch = scratch
        self._conceal = conceal
        self._spare: Kernel | None = None  # starts while another one runs a task
        self._tasks = 0  # that the kernel has run
        self._above: list[NotebookNode] = []  # the cells that ran once in it

    def warm_up(self) -> None:
        """Let a kernel start that the next task will use."""
        if self._spare is None:
            self._spare = Kernel(self._environ, self._scratch)

    def close(self) -> None:
        """End the kernels."""
        self.drop(_AT_EXIT)
        if self._spare is not None:
            self._spare.end()
            self._spare = None

    def drop(self, patience: float = 0.0) -> None:
        """End the kernel, with so many seconds for what it has to do."""
        self._tasks = 0
        if self.kernel is not None:
            self.kernel.end(patience)
            self.kernel = None

    def settle(self, end: End) -> None:
        """Leave the kernel as the next task wants it, after a run that ended so."""
        self._tasks += 1
        most = 1 if self._fresh else self._options.kernel_tasks
        if not end.sound or (most and self._tasks >= most):
            self.drop(_SHUTDOWN)
        elif self.kernel is not None:
            self.kernel.tell("restore()")

    async def run(
        self, document: Executed, environ: Mapping[str, str], halted: Callable[[], bool]
    ) -> End:
        """Run the cells above the parameters cell, where they have not been run, and the others.

        environ  further variables, for the cells of this run
        halted   tells, between two cells, whether the run is over
        """
        if not await self._again(environ):
            end = await self.set_up(document, environ, halted)
            if end.error is not None:
                return end
        body = self._body(document)
        document.node.cells[:body] = deepcopy(self._above)
        end = await self._cells(document, range(body, len(document.node.cells)), halted)
        if self._wandb and end.sound:
            with suppress(KernelDied, KernelRefused):  # which the next task will find out
                await self._ask(f"finish({int(end.error is not None)})")
        return end

    async def set_up(
        self, document: Executed, environ: Mapping[str, str], halted: Callable[[], bool]
    ) -> End:
        """Start a kernel, run the cells above the parameters cell, and let a task begin."""
        try:
            await self._start()
            end = await self._cells(document, range(self._body(document)), halted)
            if end.index is not None:
                where = document.where(end.index)
                error = end.error or f"{where}: sys.exit() above the parameters cell"
                return replace(end, error=error, sound=False)
            await self._ask("remember()")
            await self._begin(environ)
        except KernelDied as died:
            return End(f"no kernel could be started: it {_how(died)}", sound=False)
        except KernelRefused as refused:
            return End(f"no kernel could be started: {refused}", sound=False)
        self._above = deepcopy(document.node.cells[: self._body(document)])
        return End()

    def _body(self, document: Executed) -> int:
        """Return the index of the first cell that runs for each task."""
        return 0 if self._fresh else document.body

    async def _ask(self, call: str) -> None:
        assert self.kernel is not None
        await self.kernel.ask(call)

    async def _begin(self, environ: Mapping[str, str]) -> None:
        await self._ask(f"begin({dict(environ)!r})")

    async def _again(self, environ: Mapping[str, str]) -> bool:
        """Let a task begin in the kernel of the one before, if that is there and sound."""
        if self.kernel is not None:
            with suppress(KernelDied, KernelRefused):
                await self._begin(environ)
                return True
            self.drop()
        return False

    async def _start(self) -> None:
        if self._spare is not None and not self._spare.alive:
            self._spare.end()
            self._spare = None
        self.kernel, self._spare = self._spare or Kernel(self._environ, self._scratch), None
        await self.kernel.ready()
        folder, errors = str(self._root), self._options.shell_errors
        await self._ask(f"prepare({folder!r}, shell_errors={errors!r})")
        if self._options.fresh:
            self.warm_up()

    async def _cells(self, document: Executed, cells: range, halted: Callable[[], bool]) -> End:
        """Run cells one by one until one of them ends the run."""
        assert self.kernel is not None
        runs = Cells(
            document.node,
            self.kernel,
            self._options.most_output,
            echo=sys.stdout.write,
            conceal=self._conceal,
        )
        try:
            for index in cells:
                if halted():
                    return End("stopped", index, sound=False)
                raised = await runs.run(index)
                if raised is not None:
                    return _ended_by(raised, document.where(index), index)
        except KernelDied as died:
            return End(f"{document.where(index)}: the kernel {_how(died)}", index, sound=False)
        finally:
            runs.set_widgets_metadata()
        return End()


def _ended_by(raised: Raised, where: str, index: int) -> End:
    """Return what it means that a cell raised."""
    text = _PLACE.sub(r" (\1)", " ".join(raised.text.split()))[:_LONGEST]
    if raised.name == "SystemExit":
        if text in ("", "0", "None", "False"):
            return End(index=index)
        return End(f"{where}: sys.exit({text})", index)
    if raised.name == "StdinNotImplementedError":
        text = "input() and getpass() ask a person, and a task has none; use a parameter instead"
    what = f"{raised.name}: {text}" if text else raised.name
    return End(f"{where}: {what}", index, sound=not _POISON.search(what))


def _how(died: KernelDied) -> str:
    return "does not answer" if died.code is None else how_it_ended(died.code)
