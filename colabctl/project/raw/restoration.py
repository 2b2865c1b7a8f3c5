"""Brings raw data back from a second place, each file only if its content is the recorded one."""

import errno
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import manifest
from colabctl.project.raw.digests import Progress, digest_of
from colabctl.project.raw.listing import (
    OWN,
    SENTINEL,
    list_files,
    protected_folder,
    target_of,
)
from colabctl.project.raw.manifest import FileRecord
from colabctl.project.raw.proofs import Proofs
from colabctl.project.raw.protection import place_sentinel
from colabctl.project.raw.sources import Source, candidates, copy_at, reading
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.files import write_new
from colabctl.sharedfs.links import check_inside

_READ_ONLY = 0o444
_DIGITS = 8  # of a digest, in the name of a file that was put aside


@dataclass(frozen=True)
class Restoration:
    """The outcome of `restore`; names are paths from the folder.

    Attributes:
        restored: files that are as recorded again
        replaced: the new names of the files that were in their places, by old name
        bad: files whose copy in the second place has another content than the recorded one
        absent: files of which the second place has no copy
        failed: the reasons why other files could not be restored

    """

    restored: tuple[str, ...]
    replaced: Mapping[str, str]
    bad: tuple[str, ...]
    absent: tuple[str, ...]
    failed: Mapping[str, str]


class _BadCopyError(Exception):
    """Every copy of a file has another content than the recorded one."""


def restore(
    layout: Layout,
    folder: Path,
    place: str,
    names: Iterable[str],
    *,
    follow_links: bool = False,
    progress: Progress | None = None,
) -> Restoration:
    """Replace the files of these names, in a protected folder, by their copies in `place`.

    A copy is first written next to the file and checked against the manifest. The file that is in
    its place is kept, as `<name>.bad-<start of its digest>`. Raises UserError if the place cannot
    be opened, and, unless `follow_links`, for a folder behind a link that leads out of the project.
    """
    folder = protected_folder(layout, folder, make=True)
    if not follow_links:
        check_inside(folder, layout.root, "add --follow-links to restore files there")
    records = manifest.read(layout.manifest(folder)) or {}
    names = sorted(names)
    total = sum(records[name].size for name in names)
    restored, bad, absent = [], [], []
    replaced: dict[str, str] = {}
    failed: dict[str, str] = {}
    done = 0
    with copy_at(place, layout.root) as source, Proofs.of(folder) as proofs:
        for name in names:
            where = _Target(folder, name, records[name], layout.relative(folder))

            def count(size: int, before: int = done) -> None:
                if progress:
                    progress(before + size, total)

            try:
                aside = where.restore(source, count)
                proofs.add(name, digest_of(where.path))
            except _BadCopyError:
                bad.append(name)
            except FileNotFoundError:
                absent.append(name)
            except OSError as error:
                failed[name] = describe(error)
            else:
                restored.append(name)
                if aside:
                    replaced[name] = aside
            done += records[name].size
    restore_sentinel(layout, folder)
    return Restoration(tuple(restored), replaced, tuple(bad), tuple(absent), failed)


def restore_sentinel(layout: Layout, folder: Path) -> None:
    """Put the sentinel back if it is absent and all recorded files are there."""
    recorded = manifest.read_whole(layout.manifest(folder))
    if recorded is None or not recorded.sentinel or os.path.lexists(folder / SENTINEL):
        return
    if recorded.files.keys() <= list_files(folder, recorded.files).files.keys():
        place_sentinel(folder)


def check_apart(layout: Layout, folder: Path, place: str) -> None:
    """Raise UserError if a second place is the folder itself, or in it."""
    if "://" in place or "::" in place:
        return
    path, own = (layout.root / Path(place).expanduser()).resolve(), folder.resolve()
    if path == own or path.is_relative_to(own):
        raise UserError(
            f"the copy {place} is {layout.relative(folder)} itself, or in it; give a second place"
        )


class _Target:
    """A file to restore."""

    def __init__(self, folder: Path, name: str, record: FileRecord, shown: str) -> None:
        self.path = folder / name
        self._folder, self._name, self._record, self._shown = folder, name, record, shown

    def restore(self, source: Source, count: Callable[[int], None]) -> str:
        """Restore the file; return the new name of the one in its place, "" if there was none.

        Raises _BadCopyError, FileNotFoundError if there is no copy, and other OSErrors.
        """
        if self._record.link:
            target = "it is a link; create it again as it was"
            raise OSError(0, target, self._name)
        self._check_parents()
        part = self.path.parent / f"{OWN}{secrets.token_hex(4)}.part"
        try:
            self._fetch(source, part, count)
            part.chmod(_READ_ONLY)
            if self._record.mtime_ns is not None:
                with suppress(OSError):
                    os.utime(part, ns=(self._record.mtime_ns, self._record.mtime_ns))
            aside = self._put_aside()
            part.replace(self.path)
        finally:
            part.unlink(missing_ok=True)
        return aside

    def _check_parents(self) -> None:
        """Create the folders above the file; raise OSError if a link leads elsewhere."""
        parent, real = self.path.parent, os.path.realpath(self._folder)
        expected = os.path.normpath(os.path.join(real, os.path.dirname(self._name)))  # noqa: PTH118, PTH120 - text
        if os.path.realpath(parent) != expected:
            raise OSError(errno.ELOOP, "is behind a link; remove the link", self._name)
        parent.mkdir(parents=True, exist_ok=True)

    def _fetch(self, source: Source, part: Path, count: Callable[[int], None]) -> None:
        """Write the first copy that is as recorded to the file `part`."""
        has_copy, fault = False, None
        for path in candidates(self._shown, self._name):
            try:
                pieces = reading(source, path, self._record.size)
                if pieces is None:
                    continue
                has_copy = True
                if self._is_recorded(pieces, part, count):
                    return
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise
                fault = error
            part.unlink(missing_ok=True)
        if has_copy and fault is None:
            raise _BadCopyError
        if fault is not None:
            raise fault
        raise FileNotFoundError(errno.ENOENT, "has no copy", self._name)

    def _is_recorded(
        self, pieces: Iterator[bytes], part: Path, count: Callable[[int], None]
    ) -> bool:
        digest, size = hashlib.sha256(), 0

        def counted() -> Iterator[bytes]:
            nonlocal size
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                count(min(size, self._record.size))
                yield piece

        write_new(part, counted())
        return (size, digest.hexdigest()) == (self._record.size, self._record.sha256)

    def _put_aside(self) -> str:
        """Rename what is in the place of the file; return its new name."""
        if not os.path.lexists(self.path):
            return ""
        start = f"{self._name}.bad-{self._digest()[:_DIGITS]}"
        aside, number = start, 1
        while os.path.lexists(self._folder / aside):
            number += 1
            aside = f"{start}-{number}"
        self.path.rename(self._folder / aside)
        return aside

    def _digest(self) -> str:
        try:
            if self.path.is_symlink():
                return hashlib.sha256(target_of(self.path)).hexdigest()
            return digest_of(self.path).sha256
        except OSError:  # it cannot be read, or is a folder
            return "0" * _DIGITS
