"""Computes the SHA-256 of files, several at a time."""

import hashlib
import math
import os
import queue
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from colabctl.sharedfs.links import open_itself

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes to read."""

_CHUNK = 1 << 20  # bytes
_FEWEST_THREADS = 4  # a mount answers several requests at once, however few cores there are
_MOST_THREADS = 16
_OFTEN = 0.1  # seconds between reports of progress
# How long, in nanoseconds, a file can change again and keep its time. A time of whole seconds is
# that of a file system that knows no others; FAT counts in steps of two seconds.
_COARSE = 2_000_000_000
_FINE = 50_000_000
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer would block for ever


class UnsteadyFileError(OSError):
    """A file that changed while it was read, so that its digest means nothing."""


@dataclass(frozen=True)
class Digest:
    """What a file held: its size in bytes and the SHA-256 of its content, in hexadecimal.

    `mtime_ns` is when it was last changed, as its file system says; it did not change while the
    file was read. `steady_mtime_ns` is the same, but None if that was so shortly before that a
    later change might leave the same time.
    """

    size: int
    sha256: str
    mtime_ns: int
    steady_mtime_ns: int | None = None


def digest_of(path: Path, read: Callable[[int], None] | None = None) -> Digest:
    """Return the digest of a regular file, which must not be a link.

    `read` is called with the number of bytes of each piece; what it raises ends the reading. Raises
    UnsteadyFileError for a file that changes meanwhile, and OSError for one that cannot be read.
    """
    with open(path, "rb", buffering=0, opener=_open) as file:
        began, before = time.time_ns(), os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise OSError(0, "is not a regular file", str(path))
        digest, size = hashlib.sha256(), 0
        buffer = memoryview(bytearray(min(_CHUNK, before.st_size + 1)))
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
            size += count
            if read:
                read(count)
        after = os.fstat(file.fileno())
    if size != before.st_size or (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
        raise UnsteadyFileError(0, "changed while it was read", str(path))
    mtime_ns = after.st_mtime_ns
    grain = _COARSE if mtime_ns % 1_000_000_000 == 0 else _FINE
    return Digest(
        size, digest.hexdigest(), mtime_ns, mtime_ns if mtime_ns < began - grain else None
    )


def digests_of(
    paths: Mapping[str, Path],
    total: int = 0,
    progress: Progress | None = None,
    *,
    until: float = math.inf,
) -> Iterator[tuple[str, Digest | OSError]]:
    """Yield the digest of each file, or the error that it could not be read for, as they come.

    Several threads read. `total` is the bytes that there are, for `progress`, which is called now
    and then from the thread that iterates, and at the end. Closing the iterator, as an exception
    does, ends the threads within a piece of a file; so does the moment `until` of the monotonic
    clock.
    """
    waiting = queue.SimpleQueue[tuple[str, Path]]()
    for item in paths.items():
        waiting.put(item)
    digests = queue.SimpleQueue[tuple[str, Digest | OSError]]()
    count = min(_MOST_THREADS, max(_FEWEST_THREADS, os.cpu_count() or 1), len(paths))
    readers = [_Reader(waiting, digests) for _ in range(count)]
    for reader in readers:
        reader.start()
    left = len(paths)
    try:
        while left and time.monotonic() < until:
            try:
                yield digests.get(timeout=_OFTEN)
                left -= 1
            except queue.Empty:
                pass
            if progress and left:
                progress(sum(reader.bytes for reader in readers), total)
        if progress:
            progress(sum(reader.bytes for reader in readers), total)
    finally:
        for reader in readers:
            reader.stopped = True
        for reader in readers:
            reader.join()


class _StoppedError(Exception):
    """The caller wants no more digests."""


class _Reader(threading.Thread):
    """Reads one file after another; `bytes` is what it has read so far."""

    def __init__(
        self,
        waiting: "queue.SimpleQueue[tuple[str, Path]]",
        digests: "queue.SimpleQueue[tuple[str, Digest | OSError]]",
    ) -> None:
        super().__init__(name="colabctl digests", daemon=True)
        self.bytes = 0
        self.stopped = False
        self._waiting = waiting
        self._digests = digests

    def run(self) -> None:
        """Read until no file is left, or this reader is stopped."""
        while not self.stopped:
            try:
                name, path = self._waiting.get_nowait()
            except queue.Empty:
                return
            try:
                self._digests.put((name, digest_of(path, self._count)))
            except OSError as error:
                self._digests.put((name, error))
            except _StoppedError:
                return

    def _count(self, count: int) -> None:
        if self.stopped:
            raise _StoppedError
        self.bytes += count


def _open(path: str, flags: int) -> int:
    return open_itself(path, flags | _NONBLOCK)
