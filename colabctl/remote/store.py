"""What every store can do, what goes wrong with one, and the URLs that name them.

A store keeps whole files under names such as `sweeps/s/plan.json`: POSIX paths from the project's
folder. It has no folders, and no file in it is ever seen in part.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

from colabctl.errors import UserError

Kind = Literal["s3", "gs", "az", "rclone", "folder"]


class StoreError(UserError):
    """A store did not do what was asked; the message names the store and what to do next.

    `passes` says whether the same call may work later, without a change of the project.
    """

    passes: ClassVar[bool] = False


class UnreachableError(StoreError):
    """The store does not answer, or says that it is too busy (a 5xx, 429, or no connection)."""

    passes = True


class CredentialsError(StoreError):
    """There are no credentials, or the store refuses them (401, 403); they may be renewed."""

    passes = True


class ConflictError(StoreError):
    """Another write of the same name is under way (S3's 409); the next try may work."""

    passes = True


class MissingStoreError(StoreError):
    """The bucket, container or remote does not exist."""


class MissingFileError(StoreError):
    """The store has no file of this name."""


class Entry(NamedTuple):
    """A file in a store.

    Attributes:
        name: its path from the project's folder.
        size: in bytes.
        token: a text that changes when the content does, such as an ETag, or the time of the last
            change; "" if the store tells neither.

    """

    name: str
    size: int
    token: str = ""


class Level(NamedTuple):
    """What is directly in one folder of a store: its files, and the names of its folders."""

    files: list[Entry]
    folders: list[str]


Done = Callable[[str], None]
"""Called for each file that has arrived whole, with its name; from any thread, one at a time."""


class Store(Protocol):
    """A store, opened at the folder of one project. All names are below that folder.

    All methods may be called from several threads. They raise StoreError only. The store
    itself tries again for a few seconds, where a call may be repeated.
    """

    @property
    def url(self) -> str:
        """The URL as it is shown to people; no credentials are in it."""

    @property
    def may_refuse(self) -> bool:
        """Whether `create` can be exact here; False if this kind of store has no such call."""

    def entries(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """Yield the files whose names start with `prefix` and sort after `after`, by name.

        The prefix is "" or ends with `/`.
        A file that was written completely before the call is listed. The order is that of the
        names' UTF-8 bytes. One request gives many files; they are read page by page. A store that
        cannot start after a name leaves out the others itself.
        """

    def level(self, prefix: str) -> Level:
        """Return the files and folders directly below `prefix`, which is "" or ends with `/`.

        The names of folders are single parts, without `/`; each has files somewhere below.
        """

    def get(self, name: str) -> bytes:
        """Return the content of a small file; raise MissingFileError if there is none."""

    def put(self, name: str, data: bytes) -> None:
        """Write a small file; it replaces one of the same name."""

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file only if there is none of this name; return whether it was written.

        If `may_refuse` is False, look first and then write: both of two may then get True. A try
        whose answer was lost may have written: then this reads the file, and returns True if it
        holds exactly `data`. So callers make the data of different writers different.
        """

    def head(self, name: str) -> Entry | None:
        """Return the entry of a file; None if there is none."""

    def delete(self, name: str) -> None:
        """Remove a file that colabctl itself made for a test of the store; none is no error."""

    def upload(self, folder: Path, names: Sequence[str], done: Done) -> None:
        """Copy files from a local folder, where they have the same names; several at a time.

        Each appears whole or not at all, and replaces one of the same name. If one fails, the
        others that were started continue, and the first error is raised at the end. A local
        file that has gone is passed over.
        """

    def download(self, names: Sequence[str], folder: Path, done: Done) -> None:
        """Copy files to a local folder, under the same names; several at a time.

        The folder is a scratch folder of the caller, who checks the sizes and moves the files to
        their places. Folders above a file are made as needed. Errors are as with `upload`; a
        file that has gone from the store is passed over. Raises OSError if the local disk fails.
        """


@dataclass(frozen=True)
class Address:
    """Where a project is kept, as its URL says.

    Attributes:
        kind: the kind of store.
        place: the bucket or container; of rclone, the remote as rclone takes it, without the last
            colon: `NAME` or `:webdav,url='…'`; "" of a folder.
        path: the project's folder there, without `/` at its ends; of a folder, an absolute path.
        endpoint: the address of a server that speaks S3, or "".

    """

    kind: Kind
    place: str
    path: str
    endpoint: str = ""

    @property
    def url(self) -> str:
        """The URL again, in one form for each place."""
        if self.kind == "folder":
            return self.path
        if self.kind == "rclone":
            return f"rclone:{self.place}:{self.path}"
        query = f"?endpoint={self.endpoint}" if self.endpoint else ""
        return f"{self.kind}://{self.place}" + (f"/{self.path}" if self.path else "") + query


KINDS = "s3://BUCKET/PATH, gs://BUCKET/PATH, az://CONTAINER/PATH, rclone:REMOTE:PATH or a folder"
_Bucket = Literal["s3", "gs", "az"]
_BUCKETS: tuple[_Bucket, ...] = ("s3", "gs", "az")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two letters: `C:` is a drive of Windows
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_REMOTE = re.compile(r"(:?(?:[^:,'\"]|,[^:'\"]*|'[^']*'|\"[^\"]*\")+):(.*)", re.DOTALL)
_SECRET = re.compile(r"[,](\w*(?:pass|password|token|secret|key|credentials)\w*)=", re.IGNORECASE)


def parse_url(url: str) -> Address:
    """Return the address that a URL gives; raise UserError if it is not one, or holds a secret."""
    scheme = _SCHEME.match(url)
    if scheme is None or "/" in scheme[1]:
        return _folder(url)
    kind = scheme[1].lower()
    if kind == "rclone":
        return _rclone(url)
    for each in _BUCKETS:
        if kind == each:
            return _bucket(url, each)
    if kind == "file":
        return _folder(urlsplit(url).path)
    is_remote = not url[scheme.end() :].startswith("//")  # as rclone itself is called
    hint = f" (for a remote of rclone: rclone:{_bare(url)})" if is_remote else ""
    raise UserError(f"{_bare(url)} is not the URL of a store{hint}; use {KINDS}")


def _folder(text: str) -> Address:
    if not text.strip():
        raise UserError(f"the URL of a store is empty; use {KINDS}")
    return Address("folder", "", os.path.abspath(Path(text).expanduser()))  # noqa: PTH100 - keeps `..` out


def _rclone(url: str) -> Address:
    rest = url.partition(":")[2]
    match = _REMOTE.fullmatch(rest)
    if match is None:
        raise UserError(
            f"{_bare(url)} names no remote and path; write rclone:REMOTE:PATH, where REMOTE is a "
            "line of `rclone listremotes`"
        )
    secret = _SECRET.search(match[1])
    if secret:
        raise UserError(
            f"{_bare(url)} holds {secret[1]}, which others could read; keep it in rclone's own "
            "configuration (rclone config), or in a variable such as RCLONE_WEBDAV_PASS"
        )
    top = "/" if match[2].startswith("/") else ""  # SFTP: the server's root, not the home folder
    return Address("rclone", match[1], top + _clean(match[2], url))


def _bucket(url: str, kind: _Bucket) -> Address:
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    endpoint = query.pop("endpoint", "").rstrip("/")
    if "@" in parts.netloc or "@" in endpoint:
        raise UserError(
            f"{_bare(url)} holds a name or password; leave it out, and give credentials in the "
            "store's usual place"
        )
    if query or parts.fragment:
        raise UserError(f"{_bare(url)}: only ?endpoint=URL may follow the path")
    if not _BUCKET.fullmatch(parts.netloc):
        raise UserError(f"{_bare(url)} names no bucket; write {kind}://BUCKET/PATH")
    if endpoint and (kind != "s3" or not endpoint.startswith(("http://", "https://"))):
        raise UserError(
            f"{_bare(url)}: the endpoint is the URL of a server that speaks S3, such as "
            "s3://BUCKET/PATH?endpoint=https://HOST"
        )
    return Address(kind, parts.netloc, _clean(parts.path, url), endpoint)


def _clean(path: str, url: str) -> str:
    parts = [part for part in path.split("/") if part]
    if any(part in (".", "..") for part in parts):
        raise UserError(f"{_bare(url)}: leave out . and .. in the path")
    return "/".join(parts)


def _bare(url: str) -> str:
    """Return a URL for a message, without what may be a secret."""
    return re.sub(r"//[^/@]*@|=[^,:/&]*(?=[,:&])", lambda m: "//…@" if "@" in m[0] else "=…", url)
