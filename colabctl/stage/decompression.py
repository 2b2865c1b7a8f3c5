"""Decompresses a tar, with a check of the checksum at its end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from colabctl.errors import UserError


@contextmanager
def decompressed(archive: Path, name: str) -> Iterator[Any]:
    """Yield the decompressed stream of a tar.

    The readers of Python's modules check the checksum at the end; those in tarfile do not.
    """
    if not name.lower().endswith((".tar.zst", ".tzst")):
        with _opened(archive) as stream:
            yield stream
        return
    try:
        from compression import zstd  # type: ignore[import-not-found] # noqa: PLC0415 - Python 3.14
    except ImportError:
        pass
    else:
        with zstd.open(archive) as stream:
            yield stream
        return
    try:
        import zstandard  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - an extra
    except ImportError:
        raise UserError(
            f"{name} needs the package zstandard to be unpacked; run: pip install zstandard"
        ) from None
    with archive.open("rb") as file, zstandard.open(file) as stream:
        yield stream


def _opened(archive: Path) -> IO[bytes]:
    """Open a tar that may be compressed, as its first bytes say."""
    import bz2  # noqa: PLC0415 - the three load slowly
    import gzip  # noqa: PLC0415
    import lzma  # noqa: PLC0415

    with archive.open("rb") as file:
        start = file.read(6)
    openers: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
        (b"\x1f\x8b", gzip.open),
        (b"BZh", bz2.open),
        (b"\xfd7zXZ\0", lzma.open),
        (b"\x5d\0\0", lzma.open),
    )
    for magic, open_tar in openers:
        if start.startswith(magic):
            stream: IO[bytes] = open_tar(archive)
            return stream
    return archive.open("rb")
