"""Shows how far a walk or a long read is, on a terminal; elsewhere it shows nothing."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SHORT = 20_000_000  # bytes that are read before a bar would be seen


def _is_terminal() -> bool:
    can_move = os.name == "nt" or os.environ.get("TERM", "dumb") not in ("dumb", "unknown", "")
    return sys.stderr.isatty() and can_move and "JPY_PARENT_PID" not in os.environ


@contextmanager
def files_found() -> Iterator[Callable[[int], None]]:
    """Yield a function that shows how many files were found so far."""
    if not _is_terminal():
        yield lambda _: None
        return

    def show(count: int) -> None:
        print(f"\r{count:,} files", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


@contextmanager
def bytes_read(what: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function that draws a bar of the bytes read, of those to read."""
    if not _is_terminal():
        yield lambda _, __: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(what), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    bar = progress.add_task(what, total=None)

    def show(read: int, total: int) -> None:
        if total > _SHORT:
            progress.start()
            progress.update(bar, completed=read, total=total)

    try:
        yield show
    finally:
        progress.stop()
