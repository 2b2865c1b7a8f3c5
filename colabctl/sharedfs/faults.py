"""Tells the faults of a mount apart: those that pass, a full Drive, and those that stay."""

import errno
from typing import Literal

Fault = Literal["passing", "full", "lasting"]

# What a Drive mount answers while it is busy, out of reach, or being mounted again. A missing
# file is among them: a dying mount answers so for files that are there.
_PASSING = frozenset(
    {
        errno.EAGAIN, errno.EBUSY, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET,
        errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EINTR, errno.EIO, errno.ENETDOWN,
        errno.ENETUNREACH, errno.ENOENT, errno.ENOTCONN, errno.ESTALE, errno.ETIMEDOUT,
    }
)  # fmt: skip
_LONGEST_PAUSE = 30.0  # seconds between attempts to reach a folder that does not answer
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def fault_of(error: OSError) -> Fault:
    """Return what kind of fault an error is."""
    if error.errno in _FULL:
        return "full"
    return "passing" if error.errno in _PASSING else "lasting"


def pause_after(pause: float) -> float:
    """Return the seconds to leave a folder alone after a fault that passes; `pause` came before."""
    return min(max(1.0, 2 * pause), _LONGEST_PAUSE)


def describe(error: OSError) -> str:
    """Return an error as a person reads it: the place and the system's words."""
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename else words
