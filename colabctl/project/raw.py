"""Keeps raw data raw: marks it read-only, records checksums, proves that nothing changed."""

import hashlib
import os
import stat
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project import manifest
from colabctl.project.layout import Layout
from colabctl.project.manifest import Recorded
from colabctl.sharedfs.files import write_whole

Progress = Callable[[int, int], None]
"""Told the bytes read so far and the bytes to read."""

_CHUNK = 1 << 20  # bytes
_WRITE = 0o222
_DROPPINGS = frozenset([".ds_store", "desktop.ini", "thumbs.db"])  # left behind by file managers


@dataclass(frozen=True)
class Protected:
    """What protect recorded: the number of files and their bytes, and paths from the folder.

    `added` are new in the manifest, `accepted` were recorded as they are now although they had
    changed or gone, `missing` are gone and still recorded. `writable` can be written in spite of
    their marks: a Drive mount keeps none, and none stops the user root, who runs Colab.
    """

    files: int
    bytes: int
    added: tuple[str, ...]
    accepted: tuple[str, ...]
    missing: tuple[str, ...]
    writable: tuple[str, ...]


@dataclass(frozen=True)
class Verification:
    """How a folder differs from its manifest, as paths from the folder.

    `checked` counts the recorded files whose content was compared. What cannot be read is in
    `unreadable`, and nothing is said of what may lie in it.
    """

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    unreadable: tuple[str, ...]
    checked: int

    @property
    def clean(self) -> bool:
        """Whether every recorded file is proved unchanged and there is no other."""
        return not (self.changed or self.missing or self.added or self.unreadable)


def protect(
    layout: Layout,
    folder: Path,
    *,
    accept_changes: bool = False,
    progress: Progress | None = None,
) -> Protected:
    """Record the checksums of the files in `folder` and mark them read-only.

    What was recorded before stays so: only new files are added, unless `accept_changes`. A
    relative `folder` is one of the project. Raises UserError for changed files, for a folder that
    must stay writable, and for what cannot be read or written; nothing is recorded then.
    """
    folder = _folder(layout, folder)
    _check_may_freeze(layout, folder)
    before = manifest.read(layout.manifest(folder))
    known = before or {}
    scan = _scan(folder)
    now, unreadable = _record(scan.files, progress)
    if scan.unreadable or unreadable:
        names = _listed([*scan.unreadable, *unreadable])
        raise UserError(f"cannot read {names} in {layout.relative(folder)}; mend or remove it")
    changed = [name for name in now if name in known and known[name] != now[name]]
    if changed and not accept_changes:
        raise UserError(
            f"changed since {layout.relative(folder)} was protected: {_listed(changed)}; bring the"
            " originals back, or accept them as they are with colabctl protect --accept-changes"
        )
    gone = [name for name in known if name not in now]
    after = now if accept_changes else {**known, **now}
    if after != before:
        _write(layout.manifest(folder), after)
    return Protected(
        files=len(after),
        bytes=sum(file.size for file in after.values()),
        added=tuple(name for name in now if name not in known),
        accepted=tuple(sorted([*changed, *gone])) if accept_changes else (),
        missing=() if accept_changes else tuple(sorted(gone)),
        writable=tuple(name for name, file in scan.files.items() if not _mark(file)),
    )


def verify(layout: Layout, folder: Path, *, progress: Progress | None = None) -> Verification:
    """Compare the files in `folder` with its manifest; nothing is written.

    A relative `folder` is one of the project. Raises UserError if the folder is not there or was
    never protected, and for a manifest that cannot be read.
    """
    folder = _folder(layout, folder)
    known = manifest.read(layout.manifest(folder))
    if known is None:
        raise UserError(
            f"{layout.relative(folder)} is not protected yet; run colabctl protect"
            f" {layout.relative(folder)}"
        )
    scan = _scan(folder)
    alike = {
        name: file
        for name, file in scan.files.items()
        if name in known and (file.size, file.link) == (known[name].size, known[name].link)
    }
    now, unread = _record(alike, progress)
    unreadable = {*scan.unreadable, *unread}
    same = {name for name in now if now[name] == known[name]}
    present = scan.files.keys() & known.keys()
    return Verification(
        changed=tuple(sorted(present - same - unreadable)),
        missing=tuple(
            sorted(name for name in known if name not in present and not _lies_in(name, unreadable))
        ),
        added=tuple(sorted(scan.files.keys() - known.keys())),
        unreadable=tuple(sorted(unreadable)),
        checked=len(present - unreadable),
    )


@dataclass(frozen=True)
class _File:
    """A file or a symbolic link as it lies there; `size` in bytes."""

    path: Path
    size: int
    link: bool


@dataclass(frozen=True)
class _Scan:
    """What lies in a folder and below, by path from it, and what could not be looked at."""

    files: dict[str, _File]
    unreadable: list[str]


def _folder(layout: Layout, folder: Path) -> Path:
    """Return `folder` as a path under the project's root, if it is a folder there."""
    root = Path(os.path.normpath(layout.root.absolute()))
    place = Path(os.path.normpath(root / folder))
    if not place.is_relative_to(root):  # or named through a link
        root, place = root.resolve(), place.resolve()
    if not place.is_relative_to(root):
        raise UserError(f"{folder} is not in the project {layout.root}; give a folder inside it")
    place = layout.root / place.relative_to(root)
    with suppress(OSError):
        if place.is_dir():
            return place
    raise UserError(
        f"no folder {layout.relative(place)} in {layout.root}; run colabctl init to make what is"
        " missing, or mount the Drive"
    )


def _check_may_freeze(layout: Layout, folder: Path) -> None:
    shown = layout.relative(folder)
    for place in layout.folders():
        if place != folder and place.is_relative_to(folder):
            raise UserError(
                f"{shown} holds {layout.relative(place)}, which is written in; protect a folder"
                " that holds data alone"
            )
    for place in (layout.sweeps, layout.records):
        if folder.is_relative_to(place):
            raise UserError(f"colabctl itself writes in {shown}; protect a folder of data")
    for above in folder.parents:
        if layout.root in above.parents and layout.manifest(above).exists():
            whole = layout.relative(above)
            raise UserError(f"{shown} is protected as a part of {whole}; protect {whole} instead")


def _scan(folder: Path) -> _Scan:
    """List the files in `folder` and below; symbolic links are listed and not followed."""
    scan = _Scan({}, [])
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except OSError:
            scan.unreadable.append(_name(here, folder))
            continue
        for entry in entries:
            if entry.name.casefold() in _DROPPINGS:
                continue
            path = Path(entry.path)
            try:
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    _list_file(scan, _name(path, folder), path, entry.stat(follow_symlinks=False))
            except OSError:
                scan.unreadable.append(_name(path, folder))
    return _Scan(dict(sorted(scan.files.items())), sorted(scan.unreadable))


def _list_file(scan: _Scan, name: str, path: Path, status: os.stat_result) -> None:
    if name in scan.files:
        raise UserError(f"two files are called {name!r}, in two spellings of Unicode; rename one")
    link = stat.S_ISLNK(status.st_mode)
    if link or stat.S_ISREG(status.st_mode):
        scan.files[name] = _File(path, len(_target(path)) if link else status.st_size, link)
    else:  # a pipe or a device: reading it might never end
        scan.unreadable.append(name)


def _name(path: Path, folder: Path) -> str:
    """Return the path from `folder` that every system writes alike: POSIX, UTF-8, form NFC."""
    text = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text)


def _target(link: Path) -> bytes:
    return os.fsencode(link.readlink().as_posix())


def _record(
    files: Mapping[str, _File], progress: Progress | None
) -> tuple[dict[str, Recorded], list[str]]:
    """Read `files`; return what they hold, and the names of those that cannot be read."""
    total = sum(file.size for file in files.values())
    done = 0
    recorded: dict[str, Recorded] = {}
    unreadable = []
    for name, file in files.items():
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in _chunks(file):
                digest.update(chunk)
                size += len(chunk)
                if progress:
                    progress(done + size, total)
        except OSError:
            unreadable.append(name)
        else:
            recorded[name] = Recorded(size, digest.hexdigest(), file.link)
        done += file.size
    return recorded, unreadable


def _chunks(file: _File) -> Iterator[bytes]:
    if file.link:
        yield _target(file.path)
        return
    with file.path.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            yield chunk


def _mark(file: _File) -> bool:
    """Take the right to write from everybody; say whether this user is stopped by that."""
    if file.link:
        return True  # what it leads to is not ours to mark
    with suppress(OSError):
        mode = stat.S_IMODE(file.path.stat().st_mode)
        if mode & _WRITE:
            file.path.chmod(mode & ~_WRITE)
    return not os.access(file.path, os.W_OK)


def _write(path: Path, recorded: Mapping[str, Recorded]) -> None:
    try:
        write_whole(path, manifest.dump(recorded))
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; nothing was recorded, so mend that and run"
            " colabctl protect again"
        ) from None


def _lies_in(name: str, places: Collection[str]) -> bool:
    return any(place in (".", name) or name.startswith(f"{place}/") for place in places)


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    shown = [name if name.isprintable() else repr(name) for name in names[:most]]
    return ", ".join(shown) + more
