"""Stores that the program rclone reaches: Drive without a mount, Dropbox, WebDAV, SFTP and others.

rclone has no call that creates a file only if there is none, so these projects get the guard
`eventual`.
"""

import errno
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
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
from colabctl.remote.stores.rclone_process import AnswerError, Rclone

_AT_ONCE = 4  # transfers; Drive takes about three writes a second of an account
_UPLOADS = ".colabctl-uploads"  # beside the project's folders: files that are not whole yet
_PARTIAL = re.compile(r"\.[0-9a-f]{8}\.partial$")  # rclone's own name for such a file
# Options that start a program on this machine. A URL may come from someone else.
_STARTS = re.compile(r",\s*((?:override\.|global\.)?(?:ssh|\w*_command))\s*=", re.IGNORECASE)
# `Put` of every kind looks for the file itself: without this, it is looked for twice.
_LIST = {"noMimeType": True}
_REPLACE = {"NoCheckDest": True, "IgnoreTimes": True}


class RcloneStore:
    """A folder of an rclone remote."""

    may_refuse = False

    def __init__(self, address: Address, environ: Mapping[str, str]) -> None:
        starts = _STARTS.search(address.place)
        if starts:
            raise UserError(
                f"rclone:{address.place}: the option {starts[1]} starts a program; put it into a "
                "remote of your own with: rclone config"
            )
        self.url = address.url
        self._place = address.place
        # With a slash at its end, rclone does not first ask whether the path is a file. On S3 with
        # wrong credentials it would believe so.
        self._fs = f"{address.place}:{address.path}" + ("/" if address.path.strip("/") else "")
        self._rclone = Rclone(environ)
        self._moves: bool | None = None

    def entries(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """Yield the files whose names start with `prefix` and sort after `after`, by name."""
        found = self._list(prefix.rpartition("/")[0], recurse=True, filesOnly=True)
        entries = [entry for entry in map(_entry, found) if _is_whole(entry.name)]
        start = after.encode()
        yield from sorted(
            (each for each in entries if each.name.startswith(prefix) and _key(each) > start),
            key=_key,
        )

    def level(self, prefix: str) -> Level:
        """Return the files and folders directly below `prefix`, which is "" or ends with `/`."""
        found = self._list(prefix.rstrip("/"))
        files = [_entry(each) for each in found if not each["IsDir"] and _is_whole(each["Path"])]
        folders = [each["Name"] for each in found if each["IsDir"] and each["Path"] != _UPLOADS]
        return Level(sorted(files, key=_key), sorted(folders))

    def get(self, name: str) -> bytes:
        """Return the content of a small file; raise MissingFileError if there is none."""
        scratch = self._rclone.scratch / uuid.uuid4().hex
        try:
            self._copy(self._fs, name, str(scratch.parent), scratch.name)
            return scratch.read_bytes()
        finally:
            scratch.unlink(missing_ok=True)

    def put(self, name: str, data: bytes) -> None:
        """Write a small file; it replaces one of the same name."""
        scratch = self._rclone.scratch / uuid.uuid4().hex
        scratch.write_bytes(data)
        try:
            self._put(scratch, name)
        finally:
            scratch.unlink()

    def create(self, name: str, data: bytes) -> bool:
        """Write a small file if there is none; two writers may both be told True."""
        if self.head(name) is not None:
            return self.get(name) == data
        self.put(name, data)
        return True

    def head(self, name: str) -> Entry | None:
        """Return the entry of a file; None if there is none."""
        item = self._call("operations/stat", fs=self._fs, remote=name, opt=_LIST).get("item")
        return _entry(item) if item and not item["IsDir"] else None

    def delete(self, name: str) -> None:
        """Remove a file that colabctl made for a test of the store; none is no error."""
        try:
            self._call("operations/deletefile", fs=self._fs, remote=name)
        except MissingFileError:
            return

    def upload(self, folder: Path, names: Sequence[str], done: Done) -> None:
        """Copy files from a local folder, where they have the same names."""

        def one(name: str) -> bool:
            file = folder / name
            try:
                self._put(file, name)
            except MissingFileError:
                if file.exists():
                    raise
                return False
            return True

        _each(one, names, done)

    def download(self, names: Sequence[str], folder: Path, done: Done) -> None:
        """Copy files to a local folder, under the same names."""

        def one(name: str) -> bool:
            try:
                self._copy(self._fs, name, str(folder), name)
            except MissingFileError:
                return False
            except _FullError as error:
                raise OSError(errno.ENOSPC, str(error), str(folder)) from error
            return True

        _each(one, names, done)

    def _put(self, file: Path, name: str) -> None:
        """Copy a file to the store, where it appears whole.

        Most kinds of remotes see to that. A WebDAV server may show a file while it grows, so there
        it gets its name at the end.
        """
        if self._needs_move():
            unfinished = f"{_UPLOADS}/{uuid.uuid4().hex}"
            self._copy(str(file.parent), file.name, self._fs, unfinished)
            self._call(
                "operations/movefile", srcFs=self._fs, srcRemote=unfinished, dstFs=self._fs,
                dstRemote=name, _config={"IgnoreTimes": True},
            )  # fmt: skip
        else:
            self._copy(str(file.parent), file.name, self._fs, name)

    def _needs_move(self) -> bool:
        if self._moves is None:
            info = self._call("operations/fsinfo", fs=self._fs)
            is_webdav = str(info.get("String", "")).lower().startswith("webdav")
            self._moves = is_webdav and bool(info.get("Features", {}).get("Move"))
        return self._moves

    def _copy(self, from_fs: str, from_name: str, to_fs: str, to_name: str) -> None:
        self._call(
            "operations/copyfile", srcFs=from_fs, srcRemote=from_name, dstFs=to_fs,
            dstRemote=to_name, _config=_REPLACE,
        )  # fmt: skip

    def _list(self, folder: str, **options: bool) -> list[dict[str, Any]]:
        """Return what is in a folder, in rclone's form; nothing if there is no such folder."""
        try:
            answer = self._call(
                "operations/list", fs=self._fs, remote=folder, opt={**_LIST, **options},
                _config={"UseServerModTime": True},
            )  # fmt: skip
        except MissingFileError:
            return []
        return list(answer.get("list") or ())

    def _call(self, command: str, **arguments: Any) -> dict[str, Any]:
        try:
            return self._rclone.call(command, **arguments)
        except AnswerError as error:
            raise self._error(str(error)) from error

    def _error(self, said: str) -> StoreError:
        """Return the error for what rclone said."""
        name = self._place
        lower = said.lower()
        if "section in config file" in lower:
            return MissingStoreError(
                f"rclone knows no remote named {name}; rclone listremotes shows its remotes, and "
                "rclone config makes one"
            )
        if "find backend called" in lower:
            return MissingStoreError(
                f"rclone has no kind of remote named {name.lstrip(':').partition(',')[0]}; "
                "rclone help backends lists them"
            )
        for error, words, advice in _MEANINGS:
            if re.search(words, lower):
                return error(f"{self.url}: {advice}; rclone said: {said}")
        return UnreachableError(f"{self.url} does not work now; rclone said: {said}")


def _entry(item: Mapping[str, Any]) -> Entry:
    return Entry(item["Path"], item["Size"], item["ModTime"])


def _key(entry: Entry) -> bytes:
    return entry.name.encode()


def _is_whole(name: str) -> bool:
    return not name.startswith(f"{_UPLOADS}/") and not _PARTIAL.search(name)


class _FullError(StoreError):
    """There is no space left, in the store or on this machine's disk."""


_REFUSED = (
    r"\b40[13]\b|unauthori[sz]ed|forbidden|access ?denied|invalid.?access.?key|permission denied"
    r"|signaturedoesnotmatch|unable to authenticate|couldn't fetch token|token.*expired"
    r"|expired.*token|invalid_grant|decrypt configuration"
)
_RENEW = (
    "the store refuses rclone's credentials; rclone config renews them (a remote that is written "
    "in the URL takes them from variables such as RCLONE_WEBDAV_USER and RCLONE_WEBDAV_PASS)"
)
_SILENT = r"dial tcp|connection|no such host|timeout|timed out|deadline|\beof\b|\b5\d\d\b"
# What rclone says, in the words of many kinds of remotes; the first that fits counts.
_MEANINGS: tuple[tuple[type[StoreError], str, str], ...] = (
    (
        MissingFileError,
        r"(object|directory) not found|no such file or directory",
        "there is no such file",
    ),
    (
        MissingStoreError,
        r"nosuchbucket|bucket.*(not found|does not exist)",
        "there is no such bucket",
    ),
    (
        _FullError,
        r"no space left|disk quota|quota.?exceeded|insufficient storage|\b507\b",
        "there is no space left; make room and start again",
    ),
    (
        UnreachableError,
        r"rate ?limit|too many requests|\b429\b|slow ?down",
        "the store is too busy; try again later",
    ),
    (CredentialsError, _REFUSED, _RENEW),
    (UnreachableError, _SILENT, "the store does not answer; check the network and the address"),
)


def _each(one: Callable[[str], bool], names: Sequence[str], done: Done) -> None:
    """Do one thing for each name, some at a time; raise the first error after all have ended."""
    first: BaseException | None = None
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [(name, pool.submit(one, name)) for name in names]
        for name, future in futures:
            error = future.exception()
            if error is None and future.result():
                done(name)
            first = first or error
    if first is not None:
        raise first
