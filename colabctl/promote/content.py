"""What is promoted: a file or a folder, listed, copied and identified by a digest."""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from colabctl.checkpoints.places import SAVES, numbered
from colabctl.errors import UserError
from colabctl.project.raw.digests import UnsteadyFileError, digests_of
from colabctl.sharedfs.droppings import is_dropping
from colabctl.sharedfs.faults import describe, naming
from colabctl.sharedfs.files import write_once
from colabctl.sharedfs.links import check_inside, open_itself
from colabctl.sharedfs.names import check_name
from colabctl.sharedfs.rights import make_folder

_CHUNK = 1 << 20  # bytes
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)
_MOST_NAMED = 3  # files in a message


@dataclass(frozen=True)
class Content:
    """A file, or a folder with all files in it, before it is copied.

    Attributes:
        files: where each file is, by its POSIX path in the folder; "" is a single file itself.
        folders: the POSIX paths of the folders in it, outer ones first.
        size: bytes of all files together.

    """

    path: Path
    files: Mapping[str, Path]
    folders: tuple[str, ...] = ()
    size: int = 0

    @property
    def is_folder(self) -> bool:
        """Whether this is a folder."""
        return "" not in self.files

    def digest(self) -> str:
        """Return what `digest_of` returns for the files as they are now.

        Raises OSError for a file that cannot be read or changes meanwhile.
        """
        return digest_of(self.digests())

    def digests(self) -> dict[str, str]:
        """Return the SHA-256 of each file; raises as `digest` does."""
        digests = {}
        for name, digest in digests_of(self.files):
            if isinstance(digest, OSError):
                raise digest
            digests[name] = digest.sha256
        return digests

    def unsafe_names(self) -> list[str]:
        """Return the paths in a folder that Windows cannot store or tell apart, sorted."""
        paths = sorted([*filter(None, self.files), *self.folders])
        seen: dict[str, str] = {}
        return [
            path
            for path in paths
            if _is_unsafe(path.rpartition("/")[2]) or seen.setdefault(path.casefold(), path) != path
        ]


def digest_of(digests: Mapping[str, str]) -> str:
    """Return the SHA-256 of a file, or of the list that `sha256sum` writes of a folder.

    That list has a line "digest, two spaces, path" for each file, sorted by path.
    """
    if "" in digests:
        return digests[""]
    lines = (f"{digests[name]}  {name}\n" for name in sorted(digests))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def list_content(path: Path, root: Path | None) -> Content:
    """Return the content at a path.

    Links are followed, as a Drive has none, but not out of the folder `root`, unless it is None.
    What programs leave behind is left out. Raises UserError for a link that leads out of `root`, in
    a circle or nowhere, for a pipe or device, for what cannot be read, and for names that are not
    UTF-8.
    """
    if root is not None:
        check_inside(path, root)
    try:
        mode = path.stat().st_mode
        if not stat.S_ISDIR(mode):
            _check_regular(path, mode)
            real = Path(os.path.realpath(path))
            return Content(path, {"": real}, size=real.stat().st_size)
        listing = _Listing(root)
        listing.add(path, "", ())
    except OSError as error:
        raise UserError(f"cannot read {describe(error)}") from None
    return Content(path, listing.files, tuple(listing.folders), listing.size)


def without_saves(content: Content) -> Content:
    """Return the content of a task's folder without the numbered saves of half-trained models."""
    start = f"{SAVES}/"
    inside = {name.removeprefix(start): name for name in content.files if name.startswith(start)}
    saves = {inside[each] for each in numbered(inside)}
    files = {name: path for name, path in content.files.items() if name not in saves}
    is_left = any(name.startswith(start) for name in (*files, *content.folders))
    folders = tuple(each for each in content.folders if each != SAVES or is_left or not saves)
    size = content.size - sum(content.files[name].stat().st_size for name in saves)
    return Content(content.path, files, folders, size)


@dataclass
class _Listing:
    """The files and folders of a folder, as they are found."""

    root: Path | None
    files: dict[str, Path] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, folder: Path, above: str, chain: tuple[str, ...]) -> None:
        """Add what is in a folder; `chain` has the real paths of the folders around it."""
        real = os.path.realpath(folder)
        if real in chain:
            raise UserError(f"{folder} leads in a circle; remove that link")
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 - a Drive is slow
            if is_dropping(name):
                continue
            path = folder / name
            inside = _portable(f"{above}{name}", path)
            if path.is_symlink():
                self._check_link(path)
            status = path.stat()
            if inside in self.files or inside in self.folders:
                raise UserError(f"{folder} has two entries called {name}; rename one")
            if stat.S_ISDIR(status.st_mode):
                self.folders.append(inside)
                self.add(path, f"{inside}/", (*chain, real))
            else:
                _check_regular(path, status.st_mode)
                self.files[inside] = Path(os.path.realpath(path))
                self.size += status.st_size

    def _check_link(self, path: Path) -> None:
        if self.root is not None:
            check_inside(path, self.root)
        if not path.exists():
            raise UserError(f"{path} is a link that leads nowhere; remove it")


def copy_content(
    content: Content, target: Path, progress: Callable[[int], None] | None = None
) -> dict[str, str]:
    """Copy content to a new path; return the SHA-256 of each file that was written, by its name.

    `progress` is called with the bytes of each piece. Raises OSError if something cannot be read or
    written, or changes meanwhile; then part of it is there.
    """
    if content.is_folder:
        make_folder(target)
        for name in content.folders:
            make_folder(target / name)
    digests = {}
    for name, path in content.files.items():
        digest = hashlib.sha256()
        pieces = _pieces(path, digest.update, progress or (lambda _: None))
        write_once(target / name if name else target, pieces)
        digests[name] = digest.hexdigest()
    return digests


def listed(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    shown = [name if name.isprintable() else ascii(name) for name in islice(names, _MOST_NAMED)]
    more = [f"{len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return ", ".join([*shown, *more])


def _pieces(
    path: Path, update: Callable[[bytes], None], read: Callable[[int], None]
) -> Iterator[bytes]:
    """Yield the bytes of a file; raise UnsteadyFileError if it changes meanwhile."""
    with naming(path), open(path, "rb", buffering=0, opener=_open) as file:
        before = os.fstat(file.fileno())
        left = before.st_size
        while left > 0 and (piece := file.read(min(_CHUNK, left))):  # a log may never end
            update(piece)
            yield piece
            read(len(piece))
            left -= len(piece)
        after = os.fstat(file.fileno())
    if left or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise UnsteadyFileError(0, "changed while it was copied; try again later", str(path))


def _open(path: str, flags: int) -> int:
    return open_itself(path, flags | _NONBLOCK)


def _check_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):  # reading it might never end
        raise UserError(f"{path} is not a regular file or folder; move it elsewhere")


def _portable(name: str, path: Path) -> str:
    """Return a path in Unicode form NFC; a Mac may store another one."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise UserError(f"the name of {str(path)!a} is not UTF-8; rename it") from None
    return unicodedata.normalize("NFC", name)


def _is_unsafe(name: str) -> bool:
    try:
        return check_name(name.lstrip(".-"), "file", longest=255) == ""
    except UserError:
        return True
