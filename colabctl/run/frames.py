"""Leaves our own frames out of tracebacks: those around the user's code and those below it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

OURS = (f"{Path(__file__).parents[1]}{os.sep}", "<frozen ")
"""How the names of our files, and of those that run modules, begin."""

# A frame of one of our files, in a traceback or in the traces of Python's fault handler.
_OUR_FRAME = re.compile(
    rf'^  File "(?:{"|".join(map(re.escape, OURS))}).*" ?, line \d+,? in .*\n?(?:    .*\n?)*',
    re.MULTILINE,
)


def without_our_frames(text: str) -> str:
    """Return a text without our frames in the tracebacks that it holds."""
    return _OUR_FRAME.sub("", text) if ", line " in text else text


def leave_out_ours(error: BaseException) -> None:
    """Remove the frames of our files from the tracebacks of an error and those it came from."""
    for each in _chain(error):
        each.__traceback__ = _users(each.__traceback__)
        _leave_out_below(each.__traceback__)


def _users(frames: TracebackType | None) -> TracebackType | None:
    """Return the frames from the first one of the user's; all of them if none is the user's."""
    first = frames
    while first is not None and first.tb_frame.f_code.co_filename.startswith(OURS):
        first = first.tb_next
    return first or frames


def _leave_out_below(frames: TracebackType | None) -> None:
    """Leave out our frames below the user's first one, such as those of the workspace's `open`."""
    while frames is not None:
        below = frames.tb_next
        while below is not None and below.tb_frame.f_code.co_filename.startswith(OURS):
            below = below.tb_next
        frames.tb_next = below
        frames = below


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it came from."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [each.__cause__, each.__context__]
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
