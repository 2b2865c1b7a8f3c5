"""Describes a task's failure: the error in one line, and the output with the traceback."""

import traceback
from collections.abc import Callable
from pathlib import Path

from colabctl.run.frames import leave_out_ours, without_our_frames
from colabctl.run.output import output_of, shortened
from colabctl.run.reasons import is_passed_on, last_line, one_line, reason, with_place


class TaskError(Exception):
    """A task failed. The message says why, so no traceback is needed."""


class ProgramError(TaskError):
    """A program ended with an exit code; its output says why."""


class Pruned(Exception):  # noqa: N818 - not an error
    """A task was stopped early, on purpose."""


def headline(error: BaseException, conceal: Callable[[str], str] = str) -> str:
    """Return an error's type and message in one line; `conceal` replaces secrets in a text.

    A group is followed by the errors in it. An error without a message is followed by the line of
    code that raised it.
    """
    if isinstance(error, TaskError):
        return conceal(str(error))
    if isinstance(error, SyntaxError):  # format_exception_only shows it in three lines
        return one_line(conceal(f"{type(error).__name__}: {error}"))
    text = traceback.format_exception_only(error)[0].strip()
    if isinstance(error, BaseExceptionGroup):
        text += f": {'; '.join(map(headline, error.exceptions))}"
    elif not str(error) and (frames := traceback.extract_tb(error.__traceback__)):
        last = frames[-1]
        text = with_place(text, last.line or "", last.filename, last.lineno)
    return one_line(conceal(text))


def describe(
    error: BaseException, log: Path, conceal: Callable[[str], str] = str
) -> tuple[str, str]:
    """Return an error in one line, and the output in `log` followed by the traceback.

    The output is shortened, see `output_of`. The traceback starts in the user's code.
    """
    line, output = headline(error, conceal), output_of(log, conceal)
    if isinstance(error, ProgramError):
        line = explained(line, output)
    elif not isinstance(error, TaskError):
        # Not written to the log, whose disk may be full.
        output = f"{output}\n{conceal(traceback_of(error))}".strip()
        if is_passed_on(traceback.format_exception_only(error)[0]):
            line = reason(output) or line
    return _with_fix(line), shortened(output)


def _with_fix(line: str) -> str:
    """Return a failure's line with the command that installs W&B, if that is what is missing."""
    missing = line.endswith("ModuleNotFoundError: No module named 'wandb'")
    return f"{line}; run: pip install wandb" if missing else line


def explained(ending: str, output: str) -> str:
    """Return how a program ended, and what its output says of that."""
    why = reason(output)
    if why:
        return f"{ending}: {why}"
    last = last_line(output)
    return f"{ending}; its last line: {last}" if last else ending


def traceback_of(error: BaseException) -> str:
    """Return an error's traceback without the frames above the user's code."""
    leave_out_ours(error)
    return without_our_frames("".join(traceback.format_exception(error)))
