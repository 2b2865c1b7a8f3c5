"""Protects raw data: records its checksums and marks it read-only."""

import os
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import manifest
from colabctl.project.raw.digests import Progress
from colabctl.project.raw.listing import File, list_files, protected_folder
from colabctl.project.raw.manifest import FileRecord
from colabctl.project.raw.records import records_of
from colabctl.sharedfs.files import write_whole
from colabctl.sharedfs.links import check_inside, open_itself

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
    folder = protected_folder(layout, folder)
    check_may_freeze(layout, folder)
    if not follow_links:
        check_inside(folder, layout.root, _LINK_FIX)
    before = manifest.read(layout.manifest(folder))
    old = before or {}
    scan = list_files(folder, old)
    now, unreadable = records_of(scan.files, progress)
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


def check_may_freeze(layout: Layout, folder: Path) -> None:
    """Raise UserError for a folder that must stay writable, or is part of a protected one."""
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


def _mark(file: File) -> bool:
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


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    shown = [name if name.isprintable() else repr(name) for name in names[:most]]
    return ", ".join(shown) + more
