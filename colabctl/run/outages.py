"""Finds out whether the project's folder keeps a process of a task from starting.

A start touches the folder: it looks at the workspace's links, and the program may read data.
"""

import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from colabctl.sharedfs.faults import fault_of, patiently

# What an error says that names a mount that does not answer.
_UNANSWERED = tuple(
    text
    for number in (errno.EIO, errno.ENOTCONN, errno.ESTALE, errno.EHOSTDOWN)
    for text in (f"[Errno {number}]", os.strerror(number))
)


def answers(folder: Path) -> bool:
    """Whether a folder answers; an error that does not pass is an answer."""
    try:
        folder.stat()
    except OSError as error:
        return fault_of(error) != "passing"
    return True


def names_mount(text: str) -> bool:
    """Whether the text of an error names a mount that did not answer."""
    return any(each in text for each in _UNANSWERED)


def wait_out(act: Callable[[], object]) -> None:
    """Call a function of the process that runs tasks, again while the folder does not answer.

    Raises OSError as `patiently` does, after about a minute.
    """
    patiently(act, tell=_note, wait=time.sleep)


def _note(text: str) -> None:
    print(f"colabctl: {text}", file=sys.stderr)  # it is part of the task's output
