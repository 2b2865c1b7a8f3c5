"""A lock that excludes every other process, on any machine, or raises an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colabctl.errors import UserError


class Lock:
    """An advisory lock on a file; the system releases it when its holder dies.

    Like flock, it does not exclude threads of one process from each other.
    """

    def __init__(self, path: Path) -> None:
        from filelock import FileLock  # noqa: PLC0415 - only workers lock

        # A claim takes well under a millisecond; the default of 50 ms would waste time.
        self._lock = FileLock(path, fallback_to_soft=False, poll_interval=0.001)
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; raise UserError if the file system has no locks."""
        try:
            self._lock.acquire()
        except NotImplementedError:
            raise UserError(
                f"{self.path.parent}: this file system has no locks; "
                "write `consistency: eventual` in colabctl.yaml"
            ) from None
        try:
            yield
        finally:
            self._lock.release()
