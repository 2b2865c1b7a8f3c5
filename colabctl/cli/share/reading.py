"""Shows how far a long copy is: a bar on a terminal, a line every ten seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from colabctl.cli.options import tell
from colabctl.cli.terminal import one_line, plain

_SMALL = 50_000_000  # bytes that need no bar
_OFTEN = 10.0  # seconds between lines


@contextmanager
def reading(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function to call with the bytes of each piece of `total` bytes."""
    from colabctl.cli.progress import is_terminal

    what = plain(one_line(what))
    if total < _SMALL:
        yield lambda _: None
    elif is_terminal():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn())
        with Progress(
            *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
        ) as bar:
            task = bar.add_task(what, total=total)
            yield lambda count: bar.advance(task, count)
    else:
        yield _lines(what, total)


def _lines(what: str, total: int) -> Callable[[int], None]:
    done, due = 0, time.monotonic() + _OFTEN

    def read(count: int) -> None:
        nonlocal done, due
        done += count
        if time.monotonic() >= due and done < total:
            due = time.monotonic() + _OFTEN
            tell(f"{what}: {100 * done // total} % of {total / 1e6:,.0f} MB")

    return read
