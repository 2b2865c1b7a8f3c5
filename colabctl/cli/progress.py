"""Shows what a worker does: a block that stays up to date on a terminal, lines elsewhere."""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from colabctl.cli import options
from colabctl.cli.terminal import can_redraw, one_line, plain
from colabctl.durations import format_duration

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.text import Text

    from colabctl.views.summary import Summarizer, Summary
    from colabctl.work.open_sweep import OpenSweep
    from colabctl.work.worker import Worker

_OFTEN = 10.0  # seconds between lines at first
_SELDOM = 20  # a line each 5 % of the time that has passed, so that a night fits on some screens
_UPDATE = 0.5  # seconds between updates of the block
_BUSY = 0.02  # share of the time that summaries may take, however large the sweep
_HIDDEN = 2.0  # seconds without the folder's answer that are not worth a word


@contextmanager
def shown() -> "Iterator[Lines | Block]":
    """Yield what shows progress and messages, as stderr allows."""
    if not is_terminal():
        yield Lines()
        return
    block = Block()
    try:
        yield block
    finally:
        block.clear()


def is_terminal() -> bool:
    """Whether stderr is a terminal on which lines can be replaced."""
    return can_redraw(sys.stderr)


class Lines:
    """Prints a line when a count has changed: every ten seconds at first, then less often."""

    def __init__(self) -> None:
        self.tell = options.tell
        self._summaries = _Summaries()
        self._began = time.monotonic()
        self._next = self._began
        self._finished: tuple[str, int] | None = None

    def progress(self, sweep: "OpenSweep", worker: "Worker | None") -> None:
        """Print a line if one is due; what the worker runs is for a block."""
        now, state = time.monotonic(), sweep.ledger.state
        staging = worker.staging() if worker else ""
        if staging and now >= self._next:
            self._next = now + _OFTEN
            self.tell(one_line(staging))
            return
        finished = sweep.plan.sweep, state.finished
        if now < self._next or finished == self._finished:
            return
        self._finished = finished
        self._next = now + max(_OFTEN, (now - self._began) / _SELDOM)
        self.tell(one_line(str(self._summaries.of(sweep).summary())))


class _Summaries:
    """Keeps the summarizer of the sweep that was shown last."""

    def __init__(self) -> None:
        self._sweep: OpenSweep | None = None
        self._summarizer: Summarizer | None = None

    def of(self, sweep: "OpenSweep") -> "Summarizer":
        """Return a summarizer of the sweep."""
        from colabctl.views.summary import Summarizer

        if self._summarizer is None or self._sweep is not sweep:
            self._sweep = sweep
            self._summarizer = Summarizer(sweep.plan, sweep.ledger, sweep.tasks)
        return self._summarizer


@dataclass(frozen=True)
class Slot:
    """What a slot of the worker runs, since when by the monotonic clock, and what varies."""

    task: str
    since: float
    params: str


class Block:
    """Some lines at the bottom of a terminal, with the messages above them."""

    def __init__(self) -> None:
        self._summaries = _Summaries()
        self._live: Live | None = None
        self._next = time.monotonic() + _UPDATE  # a short sweep needs no block
        self._seen: Summary | None = None
        self._slots: Sequence[Slot | None] = ()
        self._silent_since: float | None = None
        self._staging = ""

    def tell(self, text: str) -> None:
        """Print a message above the block, in lines that are broken at spaces."""
        text = "\n".join(_broken(plain(text)))
        if self._live is None:
            options.tell(text)
        else:
            self._live.console.print(
                text, markup=False, highlight=False, emoji=False, soft_wrap=True
            )

    def progress(self, sweep: "OpenSweep", worker: "Worker | None") -> None:
        """Look at the sweep and the worker if that is due; the block is drawn in its own time."""
        began = time.monotonic()
        if worker is None and sweep.plan.kind == "loop":
            self.clear()  # the output of its notebook goes to the terminal
        if worker is not None and began < self._next:
            return
        summarizer = self._summaries.of(sweep)
        running = worker.slots() if worker else ()
        for task, _ in filter(None, running):
            summarizer.see(task.index, task.params)
        self._seen = summarizer.summary(worker.name if worker else "")
        self._slots = [
            slot and Slot(slot[0].task, began - slot[1], summarizer.params(slot[0].params))
            for slot in running
        ]
        self._staging = worker.staging() if worker else ""
        silent = worker.silent_for() if worker else 0.0
        self._silent_since = began - silent if silent else None
        took = time.monotonic() - began
        self._next = began + max(_UPDATE, took / _BUSY)
        if self._live is None and worker is not None:
            self._start()

    def _start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._live = Live(
            console=Console(stderr=True),
            get_renderable=self._lines,
            refresh_per_second=1 / _UPDATE,
            transient=True,
            redirect_stdout=False,
        )
        self._live.start()
        self._live.console.show_cursor()  # else Ctrl-Z and a kill would leave it hidden

    def clear(self) -> None:
        """Remove the block."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _lines(self) -> "RenderableType":
        """Return the lines of the block, each cut to the width of the terminal."""
        from rich.console import Group
        from rich.text import Text

        live, seen = self._live, self._seen
        if live is None or seen is None:
            return Text()
        size = live.console.size
        texts = [_fitting(seen, size.width)]
        if seen.best:
            texts.append(str(seen.best))
        if reason := self._reason(seen):
            texts.append(reason)
        texts += self._running(max(1, size.height - len(texts) - 2))
        lines = [_cut(text, live.console) for text in texts]
        lines[0].stylize("bold")
        return Group(*lines)

    def _reason(self, seen: "Summary") -> str:
        if self._silent_since is not None:
            seconds = time.monotonic() - self._silent_since
            if seconds > _HIDDEN:
                return f"waiting: the folder has not answered for {format_duration(seconds)}"
        if self._staging:
            return self._staging
        return f"waiting: {seen.waiting.text}" if seen.waiting else ""

    def _running(self, most: int) -> list[str]:
        """Return at most this many lines on the slots."""
        now, lines = time.monotonic(), []
        for number, slot in enumerate(self._slots, 1):
            what = (
                "idle"
                if slot is None
                else (f"{slot.task}  {format_duration(max(0.0, now - slot.since))}  {slot.params}")
            )
            lines.append(f"{number:>{len(str(len(self._slots)))}}  {what}".rstrip())
        if len(lines) > most:
            lines[most - 1 :] = [f"and {len(lines) - most + 1} more slots"]
        return lines


def _broken(text: str) -> Iterator[str]:
    """Yield the lines of a text, none wider than the terminal that stderr is."""
    from colabctl.cli.see.line import Line

    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns or None
    except OSError:
        width = None
    for line in text.split("\n"):
        yield from (each.text for each in Line(line).paragraph(width))


def _fitting(seen: "Summary", width: int) -> str:
    """Return the sweep's name and as many of its numbers as fit, those that matter most first."""
    text = seen.sweep if len(seen.sweep) <= width // 2 else f"{seen.sweep[: width // 2 - 3]}..."
    for part in seen.parts():
        longer = f"{text}  {part}"
        if len(longer) > width:
            break
        text = longer
    return text


def _cut(text: str, console: "Console") -> "Text":
    """Return a line that no terminal wraps, without what the terminal cannot show."""
    from rich.text import Text

    shown = plain(one_line(text)).encode(console.encoding, "backslashreplace")
    return Text(shown.decode(console.encoding), no_wrap=True, overflow="crop")
