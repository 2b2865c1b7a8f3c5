"""Keeps what it shows up to date: in place on a terminal, with a line now and then elsewhere."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from colabctl import interrupts
from colabctl.cli.see.line import Line, print_lines, shown
from colabctl.cli.terminal import can_redraw, line_width, plain

_REFRESH = 2.0  # seconds
_BUSY = 0.1  # share of the time that looking may take, however large the sweep
_OFTEN = 10.0  # seconds between the lines of a log at first
_SELDOM = 20  # a line each 5 % of the time that has passed, so that a night fits on some screens
# A terminal shows what comes between the first two at once; others ignore these codes. Lines are
# overwritten, never cleared first, so nothing flickers.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_CLEAR, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[2J\x1b[H", "\x1b[K", "\x1b[J"


class Look(NamedTuple):
    """What there is to see now: lines for a screen, lines for a log, whether it is the last."""

    screen: list[Line]
    log: list[str]
    is_last: bool


def keep_showing(look: Callable[[int | None], Look]) -> None:
    """Show what `look` returns for the width of a line until it says that it is the last.

    Where lines cannot be replaced, lines of a log are printed, and those of a screen at the end.
    So they are after Ctrl-C, which raises KeyboardInterrupt as usual.
    """
    if can_redraw():
        _redraw(look)
    else:
        _log(look)


def _redraw(look: Callable[[int | None], Look]) -> None:
    seen, drawn, size = Look([], [], is_last=False), 0, shutil.get_terminal_size()
    try:
        while not seen.is_last:
            began = time.monotonic()
            now = shutil.get_terminal_size()
            seen = look(now.columns)
            # After a change of size, no one knows where the lines are.
            start = _CLEAR if now != size and drawn else _up(drawn)
            lines = _fitting(seen.screen, *now)
            with interrupts.after_this():  # half a screen could not be replaced
                _write(f"{start}{_text(lines)}")
                drawn, size = len(lines), now
            if not seen.is_last:
                _pause(began)
    finally:
        _write(f"{_up(drawn)}{_text(seen.screen)}")


def _fitting(lines: list[Line], width: int, height: int) -> list[Line]:
    """Return what fits on the screen, whose last line belongs to the cursor."""
    if len(lines) >= height:
        most = max(1, height - 2)
        more = f"  and {len(lines) - most} more lines, which a taller window shows"
        lines = [*lines[:most], Line(more)]
    return [line.shortened(width) for line in lines]


def _up(lines: int) -> str:
    return f"\x1b[{lines}F" if lines else ""


def _text(lines: list[Line]) -> str:
    """Return lines as the terminal takes them; what was there before is overwritten."""
    text = "".join(f"{shown(line)}{_CLEAR_LINE}\n" for line in lines)
    return f"{_BEGIN}{text}{_CLEAR_BELOW}{_END}"


def _log(look: Callable[[int | None], Look]) -> None:
    began = due = time.monotonic()
    seen, before = Look([], [], is_last=False), list[str]()
    try:
        while not seen.is_last:
            now = time.monotonic()
            seen = look(line_width())
            if now >= due and seen.log != before and not seen.is_last:
                for line in seen.log:
                    if line not in before:
                        print(plain(f"{time.strftime('%H:%M:%S')}  {line}"), flush=True)
                before, due = seen.log, now + max(_OFTEN, (now - began) / _SELDOM)
            if not seen.is_last:
                _pause(now)
    finally:
        print_lines(seen.screen)


def _pause(began: float) -> None:
    took = time.monotonic() - began
    time.sleep(max(_REFRESH, took / _BUSY))


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
