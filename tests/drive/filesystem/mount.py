"""The file system operations of a mount, as the kernel calls them.

An operation with a path costs once, in the look-up of its last component. The kernel never skips
that look-up, as it may cache no names here. Methods have libfuse's names and arguments: mfusepy
finds them by name and turns an OSError into its errno.
"""

import errno
import functools
import os
import random
import stat
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Concatenate, NoReturn, ParamSpec, TypeVar

from tests.drive.filesystem.contents import Contents
from tests.drive.filesystem.faults import Faults
from tests.drive.filesystem.view import Node, View
from tests.drive.messages import Arrived, Change, News, Setting

BLOCK = 4096  # bytes
CAPACITY = 15 * 2**30 // BLOCK  # blocks; what a free account has

P = ParamSpec("P")
T = TypeVar("T")


def operation(
    method: Callable[Concatenate["Mount", P], T],
) -> Callable[Concatenate["Mount", P], T]:
    """Make a method fail while the mount is faulty."""

    @functools.wraps(method)
    def answer(self: "Mount", /, *args: P.args, **kwargs: P.kwargs) -> T:
        self.faults.answer()
        return method(self, *args, **kwargs)

    return answer


class Mount:
    """The file system of one machine; `tell` is called with each change for the cloud."""

    use_ns = True  # times are whole nanoseconds

    def __init__(
        self, setting: Setting, tell: Callable[[Change], None], mounted: Callable[[], None]
    ) -> None:
        self.faults = Faults(setting.seed, setting.cost)
        self._view = View(
            f"local-{setting.name}", partial=setting.partial, chance=random.Random(setting.seed)
        )
        self._contents = Contents(Path(setting.blobs), Path(setting.cache), setting.name)
        self._lock = threading.Lock()  # guards the view and the contents
        self._tell = tell
        self._mounted = mounted

    def learn(self, news: News) -> None:
        """Take in a message from the cloud."""
        with self._lock:
            if isinstance(news, Arrived):
                self._view.learn(news.object)
            else:
                self._view.confirm(news.key, news.serial, news.object)

    def init(self, path: str) -> None:
        self._mounted()

    @operation
    def getattr(self, path: str, fh: int | None = None) -> dict[str, int]:
        if fh is None:
            self._look_up(path)
        with self._lock:
            node = self._view.find(path) if fh is None else self._contents.node(fh)
            size = self._contents.size(node)
            return {
                "st_mode": _mode(node),
                "st_nlink": 2 if node.folder else 1,
                "st_ino": node.number,
                "st_size": size,
                "st_blocks": -(-size // 512),
                "st_mtime": int(node.modified * 1e9),
                "st_ctime": int(node.modified * 1e9),
                "st_uid": os.getuid(),
                "st_gid": os.getgid(),
            }

    @operation
    def readdir(self, path: str, fh: int) -> list[tuple[str, dict[str, int], int]]:
        self.faults.pay()
        with self._lock:
            self.faults.counts.lists += 1
            here = self._view.find(path)
            # The root's parent is not part of the mount; the kernel ignores this entry.
            entries = {".": here, "..": here.parent or here, **self._view.listing(here)}
            return [
                (name, {"st_mode": _mode(node), "st_ino": node.number}, 0)
                for name, node in entries.items()
            ]

    @operation
    def mkdir(self, path: str, mode: int) -> None:
        with self._lock:
            self.faults.counts.creates += 1
            self._tell(self._view.make_folder(path, time.time()))

    @operation
    def create(self, path: str, mode: int, flags: int) -> int:
        with self._lock:
            self.faults.counts.creates += 1
            try:
                node = self._view.make_file(path)
            except FileExistsError:
                if flags & os.O_EXCL:
                    raise
                node = self._view.find(path)  # it arrived since the kernel looked
            return self._contents.open(node, flags)

    @operation
    def open(self, path: str, flags: int) -> int:
        with self._lock:
            self.faults.counts.opens += 1
            return self._contents.open(self._view.find(path), flags)

    @operation
    def read(self, path: str | None, size: int, offset: int, fh: int) -> bytes:
        return os.pread(fh, size, offset)

    @operation
    def write(self, path: str | None, data: bytes, offset: int, fh: int) -> int:
        self.faults.spend(len(data))
        with self._lock:
            self._contents.node(fh).modified = time.time()
            return self._contents.write(fh, data, offset)

    @operation
    def truncate(self, path: str, length: int, fh: int | None = None) -> None:
        with self._lock:
            if fh is not None:
                self._contents.truncate(fh, length)
                return
            handle = self._contents.open(self._view.find(path), os.O_WRONLY)
            self._contents.truncate(handle, length)
            self._close(handle)

    @operation
    def flush(self, path: str | None, fh: int) -> None:
        # Each close() calls this and waits for it; release() comes later, without anyone waiting.
        with self._lock:
            self._keep(fh)

    def release(self, path: str | None, fh: int) -> None:
        with self._lock:
            self._close(fh)

    @operation
    def fsync(self, path: str | None, datasync: int, fh: int) -> None:
        """Do nothing: Drive is not known to upload earlier because of it."""

    @operation
    def unlink(self, path: str) -> None:
        with self._lock:
            self._tell_all([self._view.remove(path, folder=False)])

    @operation
    def rmdir(self, path: str) -> None:
        with self._lock:
            self._tell_all([self._view.remove(path, folder=True)])

    @operation
    def rename(self, old: str, new: str) -> None:
        with self._lock:
            self._tell_all(self._view.rename(old, new))

    @operation
    def getxattr(self, path: str, name: str) -> bytes:
        with self._lock:
            node = self._view.find(path)
            if name == "user.drive.id":
                return node.key.encode()
            if name == "user.drive.uncommitted":
                return b"1" if node.pending or self._contents.dirty(node) else b"0"
        raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))

    @operation
    def statfs(self, path: str) -> dict[str, int]:
        free = min(CAPACITY, self.faults.room // BLOCK)
        return {
            "f_bsize": BLOCK,
            "f_frsize": BLOCK,
            "f_blocks": CAPACITY,
            "f_bfree": free,
            "f_bavail": free,
            "f_namemax": 255,
        }

    @operation
    def chmod(self, path: str, mode: int) -> None:
        """Accept and ignore."""

    @operation
    def chown(self, path: str, uid: int, gid: int) -> None:
        """Accept and ignore."""

    @operation
    def utimens(self, path: str, times: tuple[int, int] | None = None) -> None:
        """Accept and ignore."""

    @operation
    def symlink(self, target: str, source: str) -> NoReturn:
        _unsupported()

    @operation
    def link(self, target: str, source: str) -> NoReturn:
        _unsupported()

    @operation
    def mknod(self, path: str, mode: int, dev: int) -> NoReturn:
        _unsupported()

    @operation
    def setxattr(self, path: str, name: str, value: bytes, options: int) -> NoReturn:
        _unsupported()

    def _look_up(self, path: str) -> None:
        with self._lock:
            folder = self._view.is_folder(path)
        if not folder:  # folders are cached, as by every client
            self.faults.pay()

    def _keep(self, handle: int) -> None:
        blob = self._contents.keep(handle)
        if blob:
            self._tell_all([self._view.write(self._contents.node(handle), *blob, time.time())])

    def _close(self, handle: int) -> None:
        self._keep(handle)
        self._contents.close(handle)

    def _tell_all(self, changes: Iterable[Change | None]) -> None:
        for change in changes:
            if change:
                self._tell(change)


def _mode(node: Node) -> int:
    return stat.S_IFDIR | 0o700 if node.folder else stat.S_IFREG | 0o600


def _unsupported() -> NoReturn:
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
