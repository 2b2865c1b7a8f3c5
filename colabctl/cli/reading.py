"""Shows how far a long read is: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from colabctl.cli.options import tell
from colabctl.cli.progress import is_terminal
from colabctl.cli.terminal import one_line, plain
from colabctl.sizes import format_part

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_START = "\r\x1b[K"  # to the start of an empty line
_SOON = 0.5  # seconds after which there is something to show
_OFTEN = 10.0  # seconds between lines at first
_SELDOM = 20  # a line each 5 % of the time that has passed


@contextmanager
def reading(name: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that takes the bytes read so far and those to read, and shows them."""
    if not is_terminal():
        yield _Lines(name).show
        return
    bar = _Bar(name)
    try:
        yield bar.show
    finally:
        bar.clear()


@contextmanager
def counting() -> Iterator[Callable[[str], None]]:
    """Yield a function that shows, on a terminal, a count in place of the one before."""
    if not is_terminal():
        yield lambda _: None
        return

    def show(count: str) -> None:
        print(f"{_START}{count}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print(_START, end="", file=sys.stderr, flush=True)


class _Lines:
    def __init__(self, name: str) -> None:
        self._name = one_line(name)
        self._began = time.monotonic()
        self._next = self._began + _OFTEN

    def show(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next or done >= total:
            return
        self._next = now + max(_OFTEN, (now - self._began) / _SELDOM)
        share = f"{100 * done // total} %"
        tell(f"{self._name}: {format_part(done, total)}, {share}")


class _Bar:
    def __init__(self, name: str) -> None:
        self._name = plain(one_line(name))
        self._start = time.monotonic() + _SOON
        self._shown: tuple[Progress, TaskID] | None = None

    def show(self, done: int, total: int) -> None:
        if self._shown is None:
            if time.monotonic() < self._start or done >= total:
                return
            self._shown = self._bar(total)
        bar, task = self._shown
        bar.update(task, completed=done, total=total)

    def _bar(self, total: int) -> "tuple[Progress, TaskID]":
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        text = TextColumn("{task.description}", markup=False)
        console = Console(stderr=True)
        bar = Progress(text, BarColumn(), *columns, console=console, transient=True)
        bar.start()
        return bar, bar.add_task(self._name, total=total)

    def clear(self) -> None:
        if self._shown:
            self._shown[0].stop()
