"""The line that a loop over tasks keeps up to date in a notebook's cell; elsewhere, some lines."""

import sys
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from typing import Any

from colabctl.report.columns import readable
from colabctl.task import Task
from colabctl.views.summary import Summarizer
from colabctl.work.open_sweep import OpenSweep

_OFTEN = 0.5  # seconds between updates of a cell
_LINES = 10.0  # seconds between lines on stderr, at first
_SELDOM = 20  # a line each 5 % of the time that has passed
_BUSY = 0.02  # share of the time that summaries may take, however large the sweep

Show = Callable[[str], None]


def with_line(
    sweep: OpenSweep,
    tasks: Generator[Task],
    *,
    lock: Callable[[], AbstractContextManager[None]],
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[Task]:
    """Yield the tasks, and meanwhile show how the sweep is; close `tasks` at the end.

    `lock` keeps the worker's other thread from the ledger.
    """
    show = _cell()
    in_cell = show is not None
    line = _Line(sweep, show or _print, monotonic)
    try:
        with closing(tasks):
            for task in tasks:
                if line.is_due():
                    line.show(lock, f"; {task.name} is running")
                    line.rest(_OFTEN if in_cell else max(_LINES, line.age / _SELDOM))
                yield task
    finally:
        if in_cell:
            line.show(lock)


class _Line:
    """A summary that is shown time and again."""

    def __init__(self, sweep: OpenSweep, show: Show, monotonic: Callable[[], float]) -> None:
        self._summarizer = Summarizer(sweep.plan, sweep.ledger, sweep.tasks)
        self._show = show
        self._monotonic = monotonic
        self._began = self._due = monotonic()
        self._seconds = 0.0  # that the last summary took

    @property
    def age(self) -> float:
        """Seconds since the loop began."""
        return self._monotonic() - self._began

    def is_due(self) -> bool:
        return self._monotonic() >= self._due

    def show(self, lock: Callable[[], AbstractContextManager[None]], more: str = "") -> None:
        """Show the line; `more` follows the summary."""
        before = self._monotonic()
        with lock():
            text = f"{self._summarizer.summary()}{more}"
        self._show(readable(text))
        self._seconds = self._monotonic() - before

    def rest(self, seconds: float) -> None:
        """Let the next line be due after some seconds, or later if summaries take long."""
        self._due = self._monotonic() + max(seconds, self._seconds / _BUSY)


def _print(text: str) -> None:
    print(f"colabctl: {text}", file=sys.stderr, flush=True)


def _cell() -> Show | None:
    """Return what updates a line of text in the cell that runs; None outside a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display  # noqa: PLC0415 - only in a notebook

    def content(text: str) -> Mapping[str, Any]:
        return {"text/plain": text}

    handle: Any = None

    def show(text: str) -> None:
        nonlocal handle
        if handle is None:
            handle = display(content(text), raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            handle.update(content(text), raw=True)

    return show
