"""A lock that excludes every other process, on any machine, or raises an error."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs.rights import mode_in

_PATIENCE = 2.0  # seconds; a claim holds the lock for milliseconds


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on a file; the system releases it if this process dies.

    Like flock, it does not exclude threads of one process from each other. Raises UserError if the
    file system has no locks, and BlockingIOError if another process holds it for seconds, so that
    the caller can look at signals and time limits before it tries again.
    """
    from filelock import FileLock, Timeout  # noqa: PLC0415 - only workers lock

    # A claim takes well under a millisecond; the default of 50 ms would waste time.
    lock = FileLock(path, mode=mode_in(path.parent), fallback_to_soft=False, poll_interval=0.001)
    try:
        lock.acquire(timeout=_PATIENCE)
    except Timeout:
        raise BlockingIOError(
            errno.EAGAIN, "another process has held this lock for long", str(path)
        ) from None
    except NotImplementedError:
        raise UserError(
            f"{path.parent}: this file system has no locks; write `consistency: eventual` in "
            "colabctl.yaml"
        ) from None
    try:
        yield
    finally:
        lock.release()
