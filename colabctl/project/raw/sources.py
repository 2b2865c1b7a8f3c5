"""Opens the second place that keeps a copy of raw data: a folder, a zip file, or a URL."""

import os
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

from colabctl.errors import UserError
from colabctl.sharedfs.links import open_inside

Source = Callable[[str], IO[bytes] | None]
"""Opens the file of a path in the place; None if it has no such file. Raises OSError."""

_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


class UnreadableCopyError(OSError):
    """A copy that cannot be read, such as a damaged entry of a zip file."""


@contextmanager
def copy_at(place: str, root: Path) -> Iterator[Source]:
    """Open a place: the path of a folder or a zip file, or a URL of either that fsspec knows.

    A relative path starts at the project's folder `root`. Raises UserError if there is neither, and
    for a URL without fsspec.
    """
    if "://" in place or "::" in place:
        with _opened_url(place) as source:
            yield source
        return
    path = root / Path(place).expanduser()
    if path.is_dir():
        yield partial(_in_folder, path)
    elif path.is_file():
        with path.open("rb") as file:
            yield _in_zip(file, place)
    else:
        raise UserError(
            f"the copy {place} does not exist on this machine ({path}); give another place with "
            "--from, or correct raw_copy in colabctl.yaml"
        )


def candidates(folder: str, name: str) -> list[str]:
    """Return the paths at which a copy of a project, or of its folder `folder`, has a file.

    `folder` is a path from the project, such as data/raw.
    """
    starts = ("", f"{folder}/", f"{folder.rpartition('/')[2]}/")
    return list(dict.fromkeys(start + name for start in starts))


def reading(source: Source, path: str, size: int) -> Iterator[bytes] | None:
    """Return the content of a file in pieces, of at most `size` + 1 bytes in all; None without it.

    Raises OSError, also from the iterator.
    """
    file = _translated(lambda: source(path))
    return None if file is None else _pieces(file, size + 1)


def _pieces(file: IO[bytes], left: int) -> Iterator[bytes]:
    with file:
        while left and (piece := _translated(partial(file.read, min(left, 1 << 20)))):
            left -= len(piece)
            yield piece


def _translated(act: Callable[[], Any]) -> Any:
    """Call a function of a library, each of which has errors of its own, as zipfile has."""
    try:
        return act()
    except OSError:
        raise
    except Exception as error:
        raise UnreadableCopyError(0, f"{error or type(error).__name__}") from error


def _forms(path: str) -> Sequence[str]:
    """Return the Unicode forms of a path: NFC, as it is recorded, and as macOS writes it."""
    return list(dict.fromkeys((path, unicodedata.normalize("NFD", path))))


def _in_folder(folder: Path, path: str) -> IO[bytes] | None:
    for form in _forms(path):
        file = folder / form
        if os.path.lexists(file):
            stream = open(file, "rb", opener=partial(_open, root=folder))  # noqa: SIM115 - returned
            if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return stream
            stream.close()
            raise UnreadableCopyError(0, "is not a regular file", str(file))
    return None


def _open(path: str, flags: int, root: Path) -> int:
    return open_inside(path, flags | _NONBLOCK, root=root)


def _in_zip(file: IO[bytes], place: str) -> Source:
    """Return the source for a zip file. Its entries are only looked up, and none is unpacked."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise UserError(
            f"the copy {place} is neither a folder nor a zip file that can be read ({error}); give "
            "another place with --from, or correct raw_copy in colabctl.yaml"
        ) from None

    def source(path: str) -> IO[bytes] | None:
        for form in _forms(path):
            entry = archive.NameToInfo.get(form)
            if entry is not None:
                if stat.S_ISLNK(entry.external_attr >> 16):
                    raise UnreadableCopyError(0, "is a link", path)
                return archive.open(entry)
        return None

    return source


@contextmanager
def _opened_url(place: str) -> Iterator[Source]:
    try:
        import fsspec  # type: ignore[import-untyped] # noqa: PLC0415 - optional
    except ImportError:
        raise UserError(
            f"the copy {place} is a URL, which needs fsspec; run: "
            "pip install 'colabctl-drive[restore]'"
        ) from None
    if place.lower().endswith(".zip"):
        file = _reached(place, lambda: fsspec.open(place, "rb").open())
        with file:
            yield _in_zip(file, place)
        return
    system, top = _reached(place, lambda: fsspec.url_to_fs(place))

    def source(path: str) -> IO[bytes] | None:
        for form in _forms(path):
            try:
                stream: IO[bytes] = system.open(f"{top.rstrip('/')}/{form}", "rb")
            except FileNotFoundError:
                continue
            return stream
        return None

    yield source


def _reached(place: str, act: Callable[[], Any]) -> Any:
    try:
        return act()
    except Exception as error:  # noqa: BLE001 - each of fsspec's packages has errors of its own
        detail = f"{error or type(error).__name__}"
        raise UserError(
            f"cannot open the copy {place}: {detail}; check the address, your access, and the "
            "packages that fsspec needs for it"
        ) from None
