"""A lock that excludes every process which can see it, or says that there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from colabctl.errors import UserError


class Lock:
    """An advisory lock on a file, released by the system when its holder dies.

    It excludes threads of one process as little as flock does: one thread holds it at a time.
    """

    def __init__(self, path: Path) -> None:
        from filelock import FileLock  # noqa: PLC0415 - only workers lock

        # A claim takes well under a millisecond, so looking again after 50 ms would be idling.
        self._lock = FileLock(path, fallback_to_soft=False, poll_interval=0.001)
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock; raise UserError where the file system has no locks."""
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
