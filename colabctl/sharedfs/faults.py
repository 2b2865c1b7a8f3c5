"""Classifies the errors of a mount: passing, lasting, or a full Drive."""

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

from colabctl.sharedfs.refusals import advice

T = TypeVar("T")
Fault = Literal["passing", "full", "lasting"]

# Errors of a mount that is busy, unreachable, or being mounted again. ENOENT is one of them: a
# dying mount reports existing files as missing.
_PASSING = frozenset(
    {
        errno.EAGAIN, errno.EBUSY, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET,
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EINTR, errno.EIO, errno.ENETDOWN,
        errno.ENETUNREACH, errno.ENOENT, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT,
    }
)  # fmt: skip
_PATIENCE = 60.0  # seconds that a command waits for a folder before it has done anything
_LONGEST_PAUSE = 30.0  # seconds between attempts to reach a folder that does not answer
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FREE_SPACE = "free space (a Drive's trash counts), then try again"


class MissingError(OSError):
    """Something that cannot be late here is missing, so someone has deleted it."""

    def __init__(self, path: Path, advice: str) -> None:
        super().__init__(errno.ENOENT, f"is missing; {advice}", str(path))


def fault_of(error: OSError) -> Fault:
    """Return the kind of an error."""
    if error.errno in _FULL:
        return "full"
    if isinstance(error, MissingError):
        return "lasting"
    return "passing" if error.errno in _PASSING else "lasting"


def does_not_answer(error: OSError) -> bool:
    """Whether the folder did not answer; that a file is missing is an answer."""
    return fault_of(error) == "passing" and error.errno != errno.ENOENT


def pause_after(pause: float) -> float:
    """Return the seconds to wait after a passing error, given the previous `pause`."""
    return min(max(1.0, 2 * pause), _LONGEST_PAUSE)


def patiently(
    act: Callable[[], T], *, tell: Callable[[str], None], wait: Callable[[float], bool | None]
) -> T:
    """Return what `act` returns, and try again while the folder does not answer.

    A missing file counts as an answer. Gives up after about a minute, or when `wait`, which gets
    seconds, returns True; then raises the last OSError.
    """
    pause = waited = 0.0
    while True:
        try:
            return act()
        except OSError as error:
            if not does_not_answer(error) or waited > _PATIENCE:
                raise
            if not pause:
                tell(f"{describe(error)}; trying again until it answers")
            pause = pause_after(pause)
            if wait(pause):
                raise
            waited += pause


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add the path of a file to the OSErrors of reads and writes, which name none."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def describe(error: OSError) -> str:
    """Return an error for a person to read: the file, the system's message, and who can help."""
    message = error.strerror or str(error)
    if error.filename:
        message = f"{error.filename}: {message}"
    return "; ".join(filter(None, (message, advice(error))))
