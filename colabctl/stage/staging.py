"""Stages a source on this machine: once, whole or not at all, and on from where it stopped."""

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs.locks import locked
from colabctl.sizes import format_part, format_size
from colabctl.stage.archives import unpack
from colabctl.stage.copying import (
    Copier,
    FullDiskError,
    StoppedError,
    check_room,
    local_disk,
    size_of,
)
from colabctl.stage.places import (
    Place,
    Record,
    is_whole,
    listing_of,
    make_read_only,
    make_writable,
    place_of,
    remove,
)
from colabctl.stage.sources import Source
from colabctl.staged import StagedCopy

_POLL = 0.5  # seconds between two looks for another process that stages the same
_PATIENCE = 60.0  # seconds that a command waits for a folder that does not answer


@dataclass(frozen=True)
class Staging:
    """How to stage.

    Attributes:
        base: this user's folder for staged copies.
        tell: takes messages for the user, from any thread.
        progress: takes a line on how far it is, again and again.
        stop: set to end soon; what is copied so far stays for the next time.
        patience: seconds to wait for a folder that does not answer.

    """

    base: Path
    tell: Callable[[str], None]
    progress: Callable[[str], None]
    stop: threading.Event
    patience: float = _PATIENCE


@dataclass(frozen=True)
class Staged:
    """A staged copy: the file or folder on this machine, and the bytes that were read for it now.

    `waited` says whether another process has staged it meanwhile.
    """

    path: Path
    place: Place
    copied: int
    waited: bool


def path_of(base: Path, source: Source) -> Path:
    """Return where a source is once it is staged."""
    files = place_of(base, source).files
    return files / source.path.name if source.kind == "file" else files


def copy_of(base: Path, name: str, source: Source) -> StagedCopy:
    """Return what tasks see of a source once it is staged; an archive stays what it is."""
    return StagedCopy(name, source.name, path_of(base, source), source.kind != "archive")


def stage(source: Source, how: Staging) -> Staged:
    """Copy a source to this machine's disk, unless it is there, and unpack it if it is an archive.

    Other processes that stage the same wait meanwhile. Raises DamagedError for a source that
    differs from its manifest, UserError for other problems, such as a full disk, StoppedError once
    `how.stop` is set, and OSError if the folder does not answer for too long.
    """
    place = place_of(how.base, source)
    path = path_of(how.base, source)
    if is_whole(place, place.record()):
        return Staged(path, place, 0, waited=False)
    with _alone(place, source, how) as waited:
        record = place.record()
        if is_whole(place, record):
            return Staged(path, place, 0, waited=waited)
        with local_disk():
            _remove_replaced(place)
            place.folder.mkdir(exist_ok=True)
            begun = Record(
                source.name,
                str(source.root),
                time.time(),
                folder=source.kind != "file",
                whole=False,
                listing={},
                sha256={},
            )
            place.write(begun)
            make_writable(place.folder)
        copier = Copier(
            source.name, source.manifest, stop=how.stop, tell=how.tell, patience=how.patience
        )
        stage_files = _stage_archive if source.kind == "archive" else _stage_files
        stage_files(source, place, copier, how, record)
        _finish(place, begun, copier)
    return Staged(path, place, copier.copied, waited=waited)


def _remove_replaced(place: Place) -> None:
    """Remove a link or a file that someone has put in the place of a folder of a copy."""
    for folder in (place.folder, place.files, place.parts, place.folder / "packed"):
        if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir()):
            folder.unlink()


@contextmanager
def _alone(place: Place, source: Source, how: Staging) -> Iterator[bool]:
    """Hold the lock on a place, and yield whether another process has held it."""
    waited = False
    while True:
        lock = locked(place.lock)
        try:
            lock.__enter__()
            break
        except BlockingIOError as error:
            if not waited:
                who = str(error.strerror).removesuffix(" has held this lock for long")
                how.tell(f"{who} is staging {source.name} on this machine; waiting for it")
            waited = True
        if how.stop.wait(_POLL):
            raise StoppedError
    try:
        yield waited
    finally:
        lock.__exit__(None, None, None)


def _stage_files(
    source: Source, place: Place, copier: Copier, how: Staging, record: Record | None
) -> None:
    """Copy the files of a file or a folder to their places."""
    listing = dict(listing_of(place.files))
    old = record.listing if record else {}
    for name, stamp in listing.items():
        # A file that is no part of it, or that someone has changed since it was whole.
        if name not in source.files or (name in old and old[name] != stamp):
            (place.files / name).unlink()
    left = sum(
        file.size for name, file in source.files.items() if size_of(place.files / name) != file.size
    )
    left -= sum(size for _, (size, _) in listing_of(place.parts))
    check_room(place.folder, left, f"staging {source.name}")
    copier.copy(
        source.files,
        place.files,
        place.parts,
        lambda done, total: how.progress(f"staging {source.name}: {format_part(done, total)}"),
    )


def _stage_archive(
    source: Source, place: Place, copier: Copier, how: Staging, _: Record | None
) -> None:
    """Copy an archive next to its place, and unpack it there as a whole."""
    [(name, file)] = source.files.items()
    packed, unpacked = place.folder / "packed", place.parts / "unpacked"
    with local_disk():
        for old in (place.files, unpacked):
            if old.exists():
                make_writable(place.folder)
                shutil.rmtree(old)
    here = size_of(packed / name) or 0
    left = file.size - here - sum(size for _, (size, _) in listing_of(place.parts))
    # What it unpacks to is not known yet, but it is hardly less than the archive.
    check_room(place.folder, left + file.size, f"staging {source.name}")
    copier.copy(
        source.files,
        packed,
        place.parts,
        lambda done, total: how.progress(f"staging {source.name}: {format_part(done, total)}"),
    )
    how.progress(f"staging {source.name}: unpacking")
    try:
        unpack(
            packed / name,
            source.name,
            unpacked,
            count=lambda done: how.progress(f"staging {source.name}: {format_size(done)} unpacked"),
            stopped=how.stop.is_set,
        )
    except BaseException as error:
        shutil.rmtree(unpacked, ignore_errors=True)
        if isinstance(error, UserError) and not isinstance(error, FullDiskError):
            remove(place)  # the archive itself is unusable
        raise
    with local_disk():
        unpacked.rename(place.files)
        shutil.rmtree(packed)


def _finish(place: Place, begun: Record, copier: Copier) -> None:
    """Make the files read-only, and then record that they are whole."""
    with local_disk():
        shutil.rmtree(place.parts, ignore_errors=True)
        make_read_only(place.files)
        place.write(
            replace(
                begun,
                at=time.time(),
                whole=True,
                listing=dict(listing_of(place.files)),
                sha256=copier.sha256,
            )
        )
