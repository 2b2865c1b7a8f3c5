"""A folder as a store: on a disk that several machines mount, or on one that is carried around."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from colabctl.remote.store import (
    Address,
    CredentialsError,
    Done,
    Entry,
    Level,
    MissingFileError,
    MissingStoreError,
    StoreError,
    UnreachableError,
)
from colabctl.sharedfs.faults import describe, fault_of
from colabctl.sharedfs.mounts import guard_for

_TEMPORARY = ".colabctl-part-"


class Folder:
    """A folder, which another program may read at the same time. It must exist."""

    def __init__(self, address: Address) -> None:
        """Open it without looking at it."""
        self.url = address.url
        self._root = Path(address.path)

    @property
    def may_refuse(self) -> bool:
        """Whether all machines see a file at once, as far as the mount says."""
        return guard_for(self._root, "auto").consistency == "coherent"

    def entries(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """Yield the files below a prefix; see Store."""
        with self._asking(prefix):
            self._check()
            found = [entry for entry in self._walk(prefix) if entry.name > after]
        yield from sorted(found, key=lambda entry: entry.name.encode())

    def _walk(self, prefix: str) -> Iterator[Entry]:
        level = self._level(prefix)
        yield from level.files
        for folder in level.folders:
            yield from self._walk(f"{prefix}{folder}/")

    def level(self, prefix: str) -> Level:
        """Return what is directly below a prefix; see Store."""
        with self._asking(prefix):
            self._check()
            return self._level(prefix)

    def _level(self, prefix: str) -> Level:
        files: list[Entry] = []
        folders: list[str] = []
        with (
            suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(self._root / prefix) as found,
        ):
            for entry in found:
                if entry.name.startswith(_TEMPORARY) or entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):
                        status = entry.stat(follow_symlinks=False)
                        token = f"{status.st_mtime_ns}-{status.st_ino}"
                        files.append(Entry(prefix + entry.name, status.st_size, token))
        return Level(files, sorted(folders))

    def get(self, name: str) -> bytes:
        """Return the content of a file."""
        with self._asking(name):
            return (self._root / name).read_bytes()

    def put(self, name: str, data: bytes) -> None:
        """Write a file under another name first."""
        with self._asking(name), self._temporary(name) as temporary:
            temporary.write_bytes(data)
            temporary.replace(self._root / name)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file if there is none: a link to a whole file is made only once."""
        with self._asking(name), self._temporary(name) as temporary:
            temporary.write_bytes(data)
            try:
                (self._root / name).hardlink_to(temporary)
            except FileExistsError:
                return (self._root / name).read_bytes() == data
            except OSError:  # a file system without links
                if (self._root / name).exists():
                    return False
                temporary.replace(self._root / name)
            return True

    def head(self, name: str) -> Entry | None:
        """Return the entry of a file."""
        prefix = name.rpartition("/")[0]
        level = self.level(f"{prefix}/" if prefix else "")
        return next((entry for entry in level.files if entry.name == name), None)

    def delete(self, name: str) -> None:
        """Remove a file."""
        with self._asking(name):
            (self._root / name).unlink(missing_ok=True)

    def upload(self, folder: Path, names: Sequence[str], done: Done) -> None:
        """Copy files from a folder."""
        with self._asking(""):
            self._check()
        for name in names:
            if (folder / name).is_file():
                with self._asking(name), self._temporary(name) as temporary:
                    shutil.copyfile(folder / name, temporary)
                    temporary.replace(self._root / name)
                done(name)

    def download(self, names: Sequence[str], folder: Path, done: Done) -> None:
        """Copy files to a folder."""
        with self._asking(""):
            self._check()
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                shutil.copyfile(self._root / name, folder / name)
            except FileNotFoundError:
                if not self._root.is_dir():
                    with self._asking(name):
                        raise
                continue
            done(name)

    def _check(self) -> None:
        if not self._root.is_dir():
            raise FileNotFoundError

    @contextmanager
    def _temporary(self, name: str) -> Iterator[Path]:
        """Give a new name next to that of a file, and make the folders above."""
        path = self._root / name
        self._check()
        path.parent.mkdir(parents=True, exist_ok=True)
        unique = hashlib.sha256(f"{name} {os.getpid()}".encode() + os.urandom(8)).hexdigest()[:16]
        temporary = path.with_name(f"{_TEMPORARY}{unique}")
        try:
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """Raise what goes wrong as a StoreError."""
        try:
            yield
        except OSError as error:
            raise self._fault(error, name) from None

    def _fault(self, error: OSError, name: str) -> StoreError:
        if isinstance(error, FileNotFoundError) and not self._root.is_dir():
            return MissingStoreError(
                f"{self.url} is not a folder; create it, or check that its disk is mounted"
            )
        if isinstance(error, FileNotFoundError):
            return MissingFileError(f"{self.url} has no file {name}")
        if isinstance(error, PermissionError):
            return CredentialsError(
                f"{self.url}: no right to read or write {name or 'it'}; ask who owns the folder"
            )
        kind = UnreachableError if fault_of(error) in ("passing", "full") else StoreError
        return kind(f"{self.url}: {describe(error)}")
