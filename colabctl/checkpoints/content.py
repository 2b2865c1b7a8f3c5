"""Writes the content of saved files whole, and reads only what matches its record."""

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO

from colabctl.checkpoints.records import Content
from colabctl.sharedfs.faults import naming
from colabctl.sharedfs.links import link_error, open_inside

_PIECE = 1 << 20  # bytes
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # opening a pipe would wait for its writer


@contextmanager
def drafted(save: Callable[[BinaryIO], object]) -> Iterator[tuple[BinaryIO, Content]]:
    """Yield what `save` writes, as an open file on this machine's own disk, and its content.

    Libraries write back and forth in a file, which a mount does not take well. So the shared folder
    gets the finished bytes in a single pass, and their digest is known before the first one.
    """
    with naming(Path(tempfile.gettempdir())), tempfile.TemporaryFile() as file:
        save(file)
        file.flush()
        content = content_of(file)
        yield file, content


def content_of(file: BinaryIO) -> Content:
    """Return the size and digest of an open file."""
    file.seek(0)
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    return Content(file.seek(0, os.SEEK_END), digest)


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of an open file from its start."""
    file.seek(0)
    return iter(partial(file.read, _PIECE), b"")


@contextmanager
def open_checked(path: Path, folder: Path) -> Iterator[BinaryIO]:
    """Yield a file in `folder`, open for reading; no link is followed out of the folder.

    Raises OSError also for what is not a regular file.
    """
    if path.is_symlink():
        raise link_error(str(path))

    def opener(name: str, flags: int) -> int:
        return open_inside(name, flags | _NONBLOCK, root=folder)

    with open(path, "rb", opener=opener) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a file", str(path))
        yield file


def fits(file: BinaryIO, content: Content) -> bool:
    """Whether an open file has this content. Its bytes are only read if the size is right."""
    return os.fstat(file.fileno()).st_size == content.size and content_of(file) == content
