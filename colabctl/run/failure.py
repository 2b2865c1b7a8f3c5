"""What is kept of a failure: one line that tells what happened, and the end of the output."""

import os
import re
import traceback
from collections.abc import Callable
from pathlib import Path

TAIL_LINES = 40
_TAIL_BYTES = 64_000
# What programs tell a terminal: colours, cursor, title.
_TO_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_LONGEST = 500  # characters of a headline


class TaskError(Exception):
    """A task failed in a way that its message says in full: no traceback is wanted."""


class ProgramError(TaskError):
    """A program ended with the exit code of a Python program that raised; its output says what."""


class Pruned(Exception):  # noqa: N818 - it is no error
    """A task ended early, on purpose."""


def headline(error: BaseException, conceal: Callable[[str], str] = str) -> str:
    """Return in one line what was raised and what it says.

    conceal  replaces what must not be shown, before anything is cut off
    """
    if isinstance(error, TaskError):
        return conceal(str(error))
    if isinstance(error, SyntaxError):  # which is otherwise shown with its place, in three lines
        whole = f"{type(error).__name__}: {error}"
    else:
        whole = traceback.format_exception_only(error)[0]
    return " ".join(conceal(whole).split())[:_LONGEST]


def last_exception(output: str) -> str:
    """Return in one line what the last traceback in an output ends with; "" if there is none."""
    _, begins, traced = output.rpartition("Traceback (most recent call last):\n")
    said = next((line for line in traced.split("\n") if not line.startswith(" ")), "")
    return " ".join(said.split())[:_LONGEST] if begins else ""


def tail(log: Path, conceal: Callable[[str], str] = str) -> str:
    """Return the last 40 lines of a log, without colours; fewer where lines are very long.

    conceal  as for `headline`
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    text = conceal(_TO_TERMINAL.sub("", text))
    # A progress bar rewrites its line; what a terminal would show is the last of it.
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in text.rstrip().split("\n")]
    return "\n".join(lines[-TAIL_LINES:])
