"""The shared log of a sweep's claims, as objects in the project's store."""

import errno
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from colabctl.remote.store import Store, StoreError

_TOGETHER = 16  # objects that are read at the same time


@dataclass(frozen=True)
class StoredClaims:
    """The log below `prefix` in a store that refuses to create a file twice."""

    store: Store
    prefix: str

    def names(self, after: str) -> Sequence[str]:
        """Return the names that sort after one."""
        start = len(self.prefix)
        with _as_faults():
            entries = self.store.entries(self.prefix, self.prefix + after if after else "")
            return [entry.name[start:] for entry in entries]

    def read(self, names: Sequence[str]) -> Sequence[bytes]:
        """Return the content of objects."""
        get: Callable[[str], bytes] = self.store.get
        paths = [self.prefix + name for name in names]
        with _as_faults():
            if len(paths) == 1:
                return [get(paths[0])]
            with ThreadPoolExecutor(_TOGETHER) as pool:
                return list(pool.map(get, paths))

    def create(self, name: str, data: bytes) -> bool:
        """Create an object; return False if there is one of that name."""
        with _as_faults():
            return self.store.create(self.prefix + name, data)


@contextmanager
def _as_faults() -> Iterator[None]:
    """Raise what a worker tries again as the fault that a mount would have."""
    try:
        yield
    except StoreError as error:
        if not error.passes:
            raise
        raise OSError(errno.EIO, str(error)) from error
