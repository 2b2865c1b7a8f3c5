"""Protects raw data: marks it read-only, records checksums and verifies them."""

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
from colabctl.project.manifest import FileRecord
from colabctl.sharedfs.droppings import is_dropping
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.links import check_inside, open_itself

Progress = Callable[[int, int], None]
"""Called with the bytes read so far and the bytes to read."""

_CHUNK = 1 << 20  # bytes
_WRITE = 0o222
_LINK_FIX = (
    "if you want the files there recorded for all members, and made read-only, add --follow-links; "
    "otherwise remove the link"
)


@dataclass(frozen=True)
class Protection:
    """The outcome of `protect`; names are paths from the folder.

    Attributes:
        files: number of recorded files
        bytes: their total size
        added: files that were not recorded before
        changed: changed files whose new content was accepted
        dropped: missing files that were accepted, so they are no longer recorded
        missing: missing files that are still recorded
        writable: files that this user can still write: a Drive mount has no permissions, and
            root (Colab runs as root) ignores them

    """

    files: int
    bytes: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    dropped: tuple[str, ...]
    missing: tuple[str, ...]
    writable: tuple[str, ...]

    @property
    def accepted(self) -> tuple[str, ...]:
        """The files whose old record was replaced or removed, sorted."""
        return tuple(sorted((*self.changed, *self.dropped)))


@dataclass(frozen=True)
class Verification:
    """How a folder differs from its manifest; names are paths from the folder.

    `checked` counts the recorded files whose content was compared. Files inside a folder that is
    `unreadable` are in none of the lists.
    """

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    unreadable: tuple[str, ...]
    checked: int

    @property
    def clean(self) -> bool:
        """Whether every recorded file is unchanged and there are no others."""
        return not (self.changed or self.missing or self.added or self.unreadable)


def protect(
    layout: Layout,
    folder: Path,
    *,
    accept_changes: bool = False,
    follow_links: bool = False,
    progress: Progress | None = None,
) -> Protection:
    """Record the checksums of the files in `folder` and mark them read-only.

    Changed and missing files keep their old record, unless `accept_changes`. A relative `folder`
    starts at the project's root. Raises UserError, before anything is recorded, for changed files
    that are not accepted, for a folder that must stay writable, for files that cannot be read or
    written, and, unless `follow_links`, for a folder behind a link that leads out of the project.
    """
    folder = _folder(layout, folder)
    _check_may_freeze(layout, folder)
    if not follow_links:
        check_inside(folder, layout.root, _LINK_FIX)
    before = manifest.read(layout.manifest(folder))
    old = before or {}
    scan = _scan(folder, old)
    now, unreadable = _record(scan.files, progress)
    if scan.unreadable or unreadable:
        names = _listed([*scan.unreadable, *unreadable])
        raise UserError(f"cannot read {names} in {layout.relative(folder)}; fix or remove it")
    changed = [name for name in now if name in old and old[name] != now[name]]
    if changed and not accept_changes:
        raise UserError(
            f"changed since {layout.relative(folder)} was protected: {_listed(changed)}; bring the "
            "originals back, or accept the changes with colabctl protect --accept-changes"
        )
    gone = tuple(sorted(name for name in old if name not in now))
    after = now if accept_changes else {**old, **now}
    if after != before:
        _write(layout.manifest(folder), after)
    return Protection(
        files=len(after),
        bytes=sum(file.size for file in after.values()),
        added=tuple(name for name in now if name not in old),
        changed=tuple(changed),
        dropped=gone if accept_changes else (),
        missing=() if accept_changes else gone,
        writable=tuple(name for name, file in scan.files.items() if not _mark(file)),
    )


def verify(layout: Layout, folder: Path, *, progress: Progress | None = None) -> Verification:
    """Compare the files in `folder` with its manifest; write nothing.

    A relative `folder` starts at the project's root. Raises UserError if the folder does not exist
    or is not protected, and for a manifest that cannot be read.
    """
    folder = _folder(layout, folder)
    old = manifest.read(layout.manifest(folder))
    if old is None:
        raise UserError(
            f"{layout.relative(folder)} is not protected yet; run colabctl protect"
            f" {layout.relative(folder)}"
        )
    scan = _scan(folder, old)
    same_size = {
        name: file
        for name, file in scan.files.items()
        if name in old and (file.size, file.link) == (old[name].size, old[name].link)
    }
    now, unread = _record(same_size, progress)
    unreadable = {*scan.unreadable, *unread}
    same = {name for name in now if now[name] == old[name]}
    present = scan.files.keys() & old.keys()
    return Verification(
        changed=tuple(sorted(present - same - unreadable)),
        missing=tuple(
            sorted(name for name in old if name not in present and not _is_in(name, unreadable))
        ),
        added=tuple(sorted(scan.files.keys() - old.keys())),
        unreadable=tuple(sorted(unreadable)),
        checked=len(present - unreadable),
    )


@dataclass(frozen=True)
class _File:
    """A file or a symbolic link; `size` is in bytes."""

    path: Path
    size: int
    link: bool


@dataclass(frozen=True)
class _Scan:
    """The files in a folder and below, by path from it, and the paths that cannot be read."""

    files: dict[str, _File]
    unreadable: list[str]


def _folder(layout: Layout, folder: Path) -> Path:
    """Return `folder` as a path under the project's root; raise UserError if it does not exist."""
    root = Path(os.path.normpath(layout.root.absolute()))
    path = Path(os.path.normpath(root / folder))
    if not path.is_relative_to(root):  # or reached through a link
        root, path = root.resolve(), path.resolve()
    if not path.is_relative_to(root):
        raise UserError(f"{folder} is not in the project {layout.root}; give a folder inside it")
    path = layout.root / path.relative_to(root)
    with suppress(OSError):
        if path.is_dir():
            return path
    raise UserError(
        f"no folder {layout.relative(path)} in {layout.root}; run colabctl init to create missing"
        " folders, or mount the Drive"
    )


def _check_may_freeze(layout: Layout, folder: Path) -> None:
    name = layout.relative(folder)
    for inside in layout.folders():
        if inside != folder and inside.is_relative_to(folder):
            raise UserError(
                f"{name} contains {layout.relative(inside)}, which must stay writable; protect a"
                " folder that contains only data"
            )
    for own in (layout.sweeps, layout.records):
        if folder.is_relative_to(own):
            raise UserError(f"colabctl itself writes in {name}; protect a folder of data")
    for above in folder.parents:
        if layout.root in above.parents and layout.manifest(above).exists():
            outer = layout.relative(above)
            raise UserError(f"{name} is already protected as part of {outer}; protect {outer}")


def _scan(folder: Path, recorded: Collection[str]) -> _Scan:
    """List the files in `folder` and below; symbolic links are listed but not followed.

    What programs left behind counts only if it is `recorded`.
    """
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
            path = Path(entry.path)
            if is_dropping(entry.name) and not _is_recorded(_name(path, folder), recorded):
                continue
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
        raise UserError(f"two files are called {name!r}, in different Unicode forms; rename one")
    link = stat.S_ISLNK(status.st_mode)
    if link or stat.S_ISREG(status.st_mode):
        scan.files[name] = _File(path, len(_target(path)) if link else status.st_size, link)
    else:  # a pipe or a device: reading it might never end
        scan.unreadable.append(name)


def _name(path: Path, folder: Path) -> str:
    """Return the path from `folder` in the form that all systems share: POSIX, UTF-8, NFC."""
    text = os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")
    return unicodedata.normalize("NFC", text)


def _target(link: Path) -> bytes:
    return os.fsencode(link.readlink().as_posix())


def _record(
    files: Mapping[str, _File], progress: Progress | None
) -> tuple[dict[str, FileRecord], list[str]]:
    """Read `files`; return their records, and the names of those that cannot be read."""
    total = sum(file.size for file in files.values())
    done = 0
    records: dict[str, FileRecord] = {}
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
            records[name] = FileRecord(size, digest.hexdigest(), file.link)
        done += file.size
    return records, unreadable


def _chunks(file: _File) -> Iterator[bytes]:
    if file.link:
        yield _target(file.path)
        return
    with open(file.path, "rb", opener=open_itself) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _mark(file: _File) -> bool:
    """Remove every user's permission to write; return whether that stops this user."""
    if file.link:
        return True  # its target is not ours to mark
    with suppress(OSError), open(file.path, "rb", opener=open_itself) as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        if mode & _WRITE:
            target = stream.fileno() if os.chmod in os.supports_fd else file.path
            os.chmod(target, mode & ~_WRITE)  # noqa: PTH101 - of an open file, where it can be
    return not os.access(file.path, os.W_OK)


def _write(path: Path, records: Mapping[str, FileRecord]) -> None:
    try:
        write_whole(path, manifest.dump(records))
    except OSError as error:
        raise UserError(
            f"cannot write {path}: {error.strerror}; nothing was recorded; fix this, then run"
            " colabctl protect again"
        ) from None


def _is_recorded(name: str, recorded: Collection[str]) -> bool:
    return name in recorded or any(each.startswith(f"{name}/") for each in recorded)


def _is_in(name: str, paths: Collection[str]) -> bool:
    return any(path in (".", name) or name.startswith(f"{path}/") for path in paths)


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    shown = [name if name.isprintable() else repr(name) for name in names[:most]]
    return ", ".join(shown) + more
