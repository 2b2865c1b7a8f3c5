"""A lock that excludes every other process, on any machine, or raises an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs.rights import mode_in


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on a file; the system releases it if this process dies.

    Like flock, it does not exclude threads of one process from each other. Raises UserError if the
    file system has no locks.
    """
    from filelock import FileLock  # noqa: PLC0415 - only workers lock

    # A claim takes well under a millisecond; the default of 50 ms would waste time.
    lock = FileLock(path, mode=mode_in(path.parent), fallback_to_soft=False, poll_interval=0.001)
    try:
        lock.acquire()
    except NotImplementedError:
        raise UserError(
            f"{path.parent}: this file system has no locks; write `consistency: eventual` in "
            "colabctl.yaml"
        ) from None
    try:
        yield
    finally:
        lock.release()
