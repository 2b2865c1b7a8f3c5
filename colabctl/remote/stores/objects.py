"""Buckets and containers of S3, Google Cloud Storage and Azure, and servers that speak S3."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.remote.store import (
    Address,
    ConflictError,
    CredentialsError,
    Done,
    Entry,
    Level,
    MissingFileError,
)
from colabctl.remote.stores.objects_client import clients
from colabctl.remote.stores.objects_errors import meaning, status_of
from colabctl.remote.transfers import each_of

_PAGE = 1000  # files that a request lists, the most of S3
_FILES = 16  # transfers at the same time
_PARTS = 2  # of one large file at the same time; more would take too long on a slow line
_TRIES_OF_CONFLICTS = 5


class Objects:
    """A bucket or container, at the folder of a project."""

    may_refuse = True

    def __init__(self, address: Address, environ: Mapping[str, str] = os.environ) -> None:
        """Open it without asking it anything; raises as `clients`."""
        self.url = address.url
        self._address, self._environ = address, environ
        self._clients = clients(address, environ)

    def entries(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """Yield the files below a prefix; see Store."""
        import obstore  # noqa: PLC0415 - an extra

        with self._asking(prefix):
            pages = obstore.list(
                self._clients.asking, prefix or None, offset=after or None, chunk_size=_PAGE
            )
            for page in pages:
                yield from map(_entry, page)

    def level(self, prefix: str) -> Level:
        """Return what is directly below a prefix; see Store."""
        import obstore  # noqa: PLC0415

        with self._asking(prefix):
            listed = obstore.list_with_delimiter(self._clients.asking, prefix.rstrip("/") or None)
            folders = [str(each).rpartition("/")[2] for each in listed["common_prefixes"]]
            return Level([_entry(each) for each in listed["objects"]], sorted(folders))

    def get(self, name: str) -> bytes:
        """Return the content of a file."""
        import obstore  # noqa: PLC0415

        with self._asking(name):
            return bytes(obstore.get(self._clients.asking, name).bytes())

    def put(self, name: str, data: bytes) -> None:
        """Write a file."""
        import obstore  # noqa: PLC0415

        with self._asking(name):
            obstore.put(self._clients.asking, name, data)

    def create(self, name: str, data: bytes) -> bool:
        """Write a file if there is none; a 409 of S3 says nothing, so it is tried again."""
        import obstore  # noqa: PLC0415
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        for _ in range(_TRIES_OF_CONFLICTS):
            with self._asking(name):
                try:
                    obstore.put(self._clients.asking, name, data, mode="create")
                except (AlreadyExistsError, FileExistsError) as error:
                    if status_of(error) == 409:  # ConditionalRequestConflict
                        continue
                else:
                    return True
            return self.get(name) == data  # an earlier try of ours, whose answer was lost
        raise ConflictError(f"{self.url}: others write {name} at the same time")

    def head(self, name: str) -> Entry | None:
        """Return the entry of a file."""
        import obstore  # noqa: PLC0415

        try:
            with self._asking(name):
                return _entry(obstore.head(self._clients.asking, name))
        except MissingFileError:
            return None

    def delete(self, name: str) -> None:
        """Remove a file."""
        import obstore  # noqa: PLC0415

        with self._asking(name):
            obstore.delete(self._clients.asking, name)

    def upload(self, folder: Path, names: Sequence[str], done: Done) -> None:
        """Copy files from a folder; an object appears when it is whole."""
        import obstore  # noqa: PLC0415

        def upload(name: str) -> None:
            try:
                with self._asking(name):
                    store = self._clients.carrying
                    obstore.put(store, name, folder / name, max_concurrency=_PARTS)
            except MissingFileError:
                return  # it has gone here
            done(name)

        with ThreadPoolExecutor(_FILES) as pool:
            each_of(pool, upload, names)

    def download(self, names: Sequence[str], folder: Path, done: Done) -> None:
        """Copy files to a folder."""
        import obstore  # noqa: PLC0415

        def download(name: str) -> None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with self._asking(name):
                    chunks = iter(obstore.get(self._clients.carrying, name))
                    first = next(chunks, b"")
            except MissingFileError:
                return
            with path.open("wb") as file:
                chunk: Any = first
                while chunk:
                    file.write(chunk)
                    with self._asking(name):
                        chunk = next(chunks, b"")
            done(name)

        with ThreadPoolExecutor(_FILES) as pool:
            each_of(pool, download, names)

    @contextmanager
    def _asking(self, name: str) -> Iterator[None]:
        """Raise what goes wrong as a StoreError."""
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            fault = meaning(error, self._address, name)
            if isinstance(fault, CredentialsError):  # they may be new in their file
                with suppress(UserError):
                    self._clients = clients(self._address, self._environ)
            raise fault from None


def _entry(meta: Any) -> Entry:
    changed = meta.get("last_modified")
    token = meta.get("e_tag") or (changed.isoformat() if changed else "")
    return Entry(meta["path"], meta["size"], token)
