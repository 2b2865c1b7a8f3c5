"""Describes a task's failure: the error in one line, and the end of the output."""

import os
import re
import traceback
from collections.abc import Callable
from pathlib import Path

from colabctl.notebook.outputs import apply_carriage_returns

TAIL_LINES = 40
_TAIL_BYTES = 64_000
# Escape sequences for a terminal: colours, cursor, title.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")
_LONGEST = 500  # characters of a headline


class TaskError(Exception):
    """A task failed. The message says why, so no traceback is needed."""


class ProgramError(TaskError):
    """A program ended with exit code 1, as Python does after an exception; its output says why."""


class Pruned(Exception):  # noqa: N818 - not an error
    """A task was stopped early, on purpose."""


def headline(error: BaseException, conceal: Callable[[str], str] = str) -> str:
    """Return an error's type and message in one line; `conceal` replaces secrets in a text."""
    if isinstance(error, TaskError):
        return conceal(str(error))
    if isinstance(error, SyntaxError):  # format_exception_only shows it in three lines
        text = f"{type(error).__name__}: {error}"
    else:
        text = traceback.format_exception_only(error)[0]
    return " ".join(conceal(text).split())[:_LONGEST]


def last_exception(output: str) -> str:
    """Return the exception of the last traceback in an output, in one line; "" without one."""
    _, header, rest = output.rpartition("Traceback (most recent call last):\n")
    message = next((line for line in rest.split("\n") if not line.startswith(" ")), "")
    return " ".join(message.split())[:_LONGEST] if header else ""


def with_fix(line: str) -> str:
    """Return a failure's line with the command that installs W&B, if that is what is missing."""
    missing = line.endswith("ModuleNotFoundError: No module named 'wandb'")
    return f"{line}; run: pip install wandb" if missing else line


def tail(log: Path, conceal: Callable[[str], str] = str) -> str:
    """Return the last 40 lines of a log, without colours; fewer if lines are very long.

    `conceal` replaces secrets in a text.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    text = apply_carriage_returns(conceal(_ESCAPES.sub("", text)).rstrip())
    return "\n".join(text.split("\n")[-TAIL_LINES:])
