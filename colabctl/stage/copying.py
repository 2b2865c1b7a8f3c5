"""Copies files to this machine's disk: several at a time, checked, and resumed after a break."""

import errno
import hashlib
import os
import queue
import stat
import threading
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs.faults import describe, does_not_answer, pause_after
from colabctl.sharedfs.links import open_itself
from colabctl.sizes import format_size
from colabctl.stage.sources import SourceFile

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes to copy."""

_CHUNK = 1 << 20  # bytes
_THREADS = 16  # a mount answers several requests at once, however few cores there are
_OFTEN = 0.1  # seconds between reports of progress
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer would block for ever
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class DamagedError(UserError):
    """A file differs from what its manifest records."""


class FullDiskError(UserError):
    """The disk of this machine has no room left."""


class StoppedError(Exception):
    """Copying was asked to stop; what is copied so far stays."""


class Copier:
    """Copies the files of one source from a folder that may not answer for a while.

    Args:
        manifest: the folder whose manifest records the files, for messages; None if none does.
        stop: set to end within a piece of a file.
        tell: takes messages for the user, from any thread.
        patience: seconds to wait for a folder that does not answer.

    """

    def __init__(
        self,
        source: str,
        manifest: str | None,
        *,
        stop: threading.Event,
        tell: Callable[[str], None],
        patience: float,
    ) -> None:
        self.copied = 0  # bytes that this process has read from the source
        self.sha256: dict[str, str] = {}  # of the files that were read
        self._here = 0  # bytes
        self._source = source
        self._manifest = manifest
        self._stop = stop
        self._tell = tell
        self._patience = patience
        self._lock = threading.Lock()  # for what several threads count
        self._failed = False  # one of the threads has
        self._told: set[int | None] = set()  # the errors that the user knows of

    def copy(
        self, files: Mapping[str, SourceFile], target: Path, parts: Path, progress: Progress
    ) -> None:
        """Copy files into the folder `target`, except those that are there.

        A file has its name there only once it is whole; until then it is in `parts`. Raises
        DamagedError, StoppedError, UserError for a full disk or what cannot be read, and OSError
        for a folder that has not answered for too long.
        """
        total = sum(file.size for file in files.values())
        waiting = queue.SimpleQueue[tuple[str, SourceFile]]()
        for name, file in sorted(files.items(), key=lambda item: -item[1].size):
            if size_of(target / name) == file.size:
                self._here += file.size
            else:
                waiting.put((name, file))
        errors = queue.SimpleQueue[BaseException]()
        threads = [
            threading.Thread(target=self._run, args=(waiting, target, parts, errors), daemon=True)
            for _ in range(min(_THREADS, waiting.qsize()))
        ]
        with local_disk():
            parts.mkdir(exist_ok=True)
            for folder in sorted({(target / name).parent for name in files}):
                folder.mkdir(parents=True, exist_ok=True)
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    if thread.is_alive():
                        thread.join(_OFTEN)
                        break
                progress(self._here, total)
        except BaseException:
            self._stop.set()
            raise
        if not errors.empty():
            raise _first(errors)
        if self._stop.is_set():
            raise StoppedError
        progress(self._here, total)

    def _run(
        self,
        waiting: "queue.SimpleQueue[tuple[str, SourceFile]]",
        target: Path,
        parts: Path,
        errors: "queue.SimpleQueue[BaseException]",
    ) -> None:
        while errors.empty() and not self._stop.is_set():
            try:
                name, file = waiting.get_nowait()
            except queue.Empty:
                return
            part = parts / part_name(name)
            try:
                self._copy_checked(name, file, part)
                with local_disk():
                    part.replace(target / name)
            except StoppedError:
                return
            except Exception as error:  # noqa: BLE001 - `copy` raises it in its own thread
                errors.put(error)
                self._failed = True

    def _copy_checked(self, name: str, file: SourceFile, part: Path) -> None:
        """Copy a file to its part; if what was there before does not fit, copy it once more."""
        resumed = min(size_of(part) or 0, file.size)
        digest = self._copy_patiently(file, part)
        if digest != (file.sha256 or digest) and resumed:
            self._count(-file.size)
            part.unlink()
            digest = self._copy_patiently(file, part)
        if digest != (file.sha256 or digest):
            part.unlink()
            raise self._damage(file, "its content differs from its checksum in the manifest")
        with self._lock:
            self.sha256[name] = digest

    def _copy_patiently(self, file: SourceFile, part: Path) -> str:
        """Copy a file, and continue when its folder answers again; return its SHA-256."""
        pause = waited = 0.0
        while True:
            before = size_of(part) or 0
            try:
                return self._copy(file, part)
            except OSError as error:
                self._count(-(size_of(part) or 0))
                if not does_not_answer(error):
                    raise self._unreadable(file, error) from None
                if (size_of(part) or 0) > before:
                    pause = waited = 0.0
                if waited > self._patience:
                    raise
                with self._lock:
                    is_news = error.errno not in self._told
                    self._told.add(error.errno)
                if is_news:
                    self._tell(f"{describe(error)}; trying again until it answers")
                pause = pause_after(pause)
                if self._stop.wait(pause):
                    raise StoppedError from None
                waited += pause

    def _copy(self, file: SourceFile, part: Path) -> str:
        """Copy what is missing of a file; raise OSError only for the source."""
        digest = hashlib.sha256()
        with local_disk():
            out = part.open("ab+")
        with out:
            with local_disk():
                if out.tell() > file.size:
                    out.truncate(0)
                out.seek(0)
                while chunk := out.read(_CHUNK):
                    digest.update(chunk)
                    self._count(len(chunk))
            for chunk in self._chunks(file, out.tell()):
                digest.update(chunk)
                with local_disk():
                    out.write(chunk)
                    out.flush()
                self._count(len(chunk), read=True)
            size = out.tell()
        if size != file.size:
            self._count(-size)
            part.unlink()
            raise self._damage(file, f"it has {size:,} bytes instead of {file.size:,}")
        if file.mtime_ns:
            os.utime(part, ns=(file.mtime_ns, file.mtime_ns))
        return digest.hexdigest()

    def _chunks(self, file: SourceFile, start: int) -> Iterator[bytes]:
        """Yield what a file holds from `start` on, at most one piece more than it should have."""
        with open(_existing(file.path), "rb", buffering=0, opener=_open) as source:
            status = os.fstat(source.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "is not a regular file", str(file.path))
            if file.mtime_ns not in (0, status.st_mtime_ns):
                raise UserError(f"{file.path} changes while it is staged; stage it when it is done")
            source.seek(start)
            done = start
            while done <= file.size and (chunk := source.read(_CHUNK)):
                if self._stop.is_set() or self._failed:
                    raise StoppedError
                done += len(chunk)
                yield chunk

    def _count(self, size: int, *, read: bool = False) -> None:
        with self._lock:
            self._here += size
            self.copied += size if read else 0

    def _damage(self, file: SourceFile, what: str) -> UserError:
        if self._manifest is None:
            return UserError(f"{file.path} changed while it was staged: {what}; stage it again")
        return DamagedError(
            f"{file.path} is damaged: {what}; see what else is: colabctl verify {self._manifest}; "
            f"bring the originals back: colabctl restore {self._manifest}"
        )

    def _unreadable(self, file: SourceFile, error: OSError) -> UserError:
        if isinstance(error, FileNotFoundError) and self._manifest is not None:
            return DamagedError(
                f"{file.path} is missing, and the manifest of {self._manifest} records it; see "
                f"what else is: colabctl verify {self._manifest}; bring the originals back: "
                f"colabctl restore {self._manifest}; in a mirror of a store, where they are: "
                f"colabctl sync --data {self._manifest}"
            )
        return UserError(f"cannot stage {self._source}: {describe(error)}")


def _first(errors: "queue.SimpleQueue[BaseException]") -> BaseException:
    """Return the error that says most: a damaged file comes before a folder that is silent."""
    causes = []
    with suppress(queue.Empty):
        while True:
            causes.append(errors.get_nowait())
    return next((each for each in causes if isinstance(each, UserError)), causes[0])


def part_name(name: str) -> str:
    """Return the name of a file that is not whole yet, whatever its own name is."""
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def size_of(path: Path) -> int | None:
    """Return the size of a regular file in bytes; None if there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


@contextmanager
def local_disk() -> Iterator[None]:
    """Raise UserError for an OSError of this machine's disk."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise FullDiskError(
                "this machine's disk is full, so nothing of this counts as staged; free space "
                "(colabctl stage --clear removes staged copies), or name a folder on another disk: "
                "COLABCTL_STAGE=/path; then run the same command again"
            ) from None
        raise UserError(f"cannot write the staged copy: {describe(error)}") from None


def check_room(folder: Path, needed: int, what: str) -> None:
    """Raise UserError if the disk of a folder has less room than the bytes that are needed."""
    import shutil  # noqa: PLC0415 - loads slowly

    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FullDiskError(
            f"{what} needs {format_size(needed)} more on this machine, and {folder} has "
            f"{format_size(free)} free; free space (colabctl stage --clear removes staged copies), "
            "or name a folder on another disk: COLABCTL_STAGE=/path"
        )


def _existing(path: Path) -> Path:
    """Return a path, or the one that is there under the same name in another Unicode form."""
    if path.name.isascii() or path.exists():
        return path
    with suppress(OSError):
        for each in path.parent.iterdir():
            if unicodedata.normalize("NFC", each.name) == path.name:
                return each
    return path


def _open(path: str, flags: int) -> int:
    return open_itself(path, flags | _NONBLOCK)
