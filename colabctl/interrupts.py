"""Ctrl-C ends the command without a traceback, also before it is loaded and after it is done."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

CODE = 130  # exit code after Ctrl-C: 128 + SIGINT, as in a shell


def quit_if_command() -> None:
    """Let Ctrl-C end this process at once, if it is our command.

    A process that merely imports colabctl stays unchanged.
    """
    if _is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _quit)


def raise_again() -> bool:
    """Let Ctrl-C raise KeyboardInterrupt; return whether it ended the process until now."""
    quits = signal.getsignal(signal.SIGINT) is _quit
    if quits:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return quits


def quit_again() -> None:
    """Let Ctrl-C end this process at once."""
    signal.signal(signal.SIGINT, _quit)


@contextmanager
def after_this() -> Iterator[None]:
    """Let a Ctrl-C within the block take effect at its end. For the main thread."""
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


def _is_command() -> bool:
    """Whether this process has just started as `colabctl`, or as `python -m colabctl`."""
    started = sys.argv[0] if sys.argv else ""
    if started == "-m":  # until Python has found the module, whose name precedes its arguments
        return sys.orig_argv[-len(sys.argv)] == "colabctl"
    name = os.path.basename(started)  # noqa: PTH119 - pathlib takes a while to import
    return name in ("colabctl", "colabctl.exe")


def _quit(_number: int, _frame: object) -> None:
    os._exit(CODE)
