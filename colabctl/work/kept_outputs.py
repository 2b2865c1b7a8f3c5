"""Keeps what the tasks of a worker print, in the sweep's folder."""

from collections.abc import Callable

from colabctl.outputs import Output, OutputWriter
from colabctl.sharedfs.faults import describe
from colabctl.task import Assignment
from colabctl.work.open_sweep import OpenSweep


class KeptOutputs:
    """The outputs of the tasks of the worker `name`. A fault of the folder costs no result.

    `conceal` replaces the secrets in a text.
    """

    def __init__(
        self,
        sweep: OpenSweep,
        name: str,
        *,
        tell: Callable[[str], None],
        conceal: Callable[[str], str] = str,
    ) -> None:
        at_once = sweep.plan.consistency == "coherent"
        self._writer = OutputWriter(sweep.layout.outputs(name), at_once=at_once)
        self._tell = tell
        self._conceal = conceal
        self._told = False  # that outputs cannot be written

    def add(self, task: Assignment, text: str, *, is_part: bool = False) -> None:
        """Add what a task has printed, or a part of it while it runs."""
        output = Output(task.index, task.attempt, self._conceal(text), is_part)
        self._writer.add(output)

    def write(self, *, force: bool = False) -> None:
        """Write what is due; with `force`, all."""
        try:
            self._writer.flush(force=force)
        except OSError as error:  # the next call tries again
            if not self._told:
                self._told = True
                self._tell(f"note: the output of tasks cannot be kept now: {describe(error)}")
