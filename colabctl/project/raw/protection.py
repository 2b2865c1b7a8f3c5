"""Protects raw data: records its checksums and marks it read-only."""

import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import manifest, sums
from colabctl.project.raw.digests import Progress
from colabctl.project.raw.listing import (
    SENTINEL,
    File,
    Listing,
    case_twins,
    list_files,
    protected_folder,
)
from colabctl.project.raw.manifest import FileRecord, Manifest
from colabctl.project.raw.names import listed
from colabctl.project.raw.notice import SENTINEL_TEXT, notice
from colabctl.project.raw.partial import is_partial
from colabctl.project.raw.proofs import Proofs
from colabctl.project.raw.records import records_of
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.files import read_file, write_once, write_whole
from colabctl.sharedfs.links import check_inside, open_itself
from colabctl.sharedfs.refusals import advice, owner

_WRITE = 0o222
_LINK_FIX = (
    "if you want the files there recorded for all members, and made read-only, add --follow-links; "
    "otherwise remove the link"
)


@dataclass(frozen=True)
class Changes:
    """What `accept_changes` is about to accept; names are paths from the folder."""

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]


Confirm = Callable[[Changes], None]
"""Called before changes are accepted; raises to keep the record as it is."""


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
        unseen: recorded files that are not in the listing, which is not complete: the sentinel is
            not in it either
        unsteady: files that changed while they were read, so they were not recorded
        without_bytes: files that were passed over: documents of Google, pipes
        twins: names that only case tells apart
        writable: files that this user can still write: a Drive mount has no permissions, and
            root (Colab runs as root) ignores them
        is_marked: whether those are read-only for everyone but root
        foreign: files that could not be marked, so that their owners can still write them, each
            with its owner

    """

    files: int
    bytes: int
    added: tuple[str, ...]
    changed: tuple[str, ...]
    dropped: tuple[str, ...]
    missing: tuple[str, ...]
    unseen: tuple[str, ...]
    unsteady: tuple[str, ...]
    without_bytes: tuple[str, ...]
    twins: tuple[tuple[str, ...], ...]
    writable: tuple[str, ...]
    is_marked: bool
    foreign: Mapping[str, str]

    @property
    def accepted(self) -> tuple[str, ...]:
        """The files whose old record was replaced or removed, sorted."""
        return tuple(sorted((*self.changed, *self.dropped)))


def protect(
    layout: Layout,
    folder: Path,
    *,
    accept_changes: bool = False,
    full: bool = False,
    follow_links: bool = False,
    confirm: Confirm | None = None,
    progress: Progress | None = None,
) -> Protection:
    """Record the checksums of the files in `folder` and mark them read-only.

    Changed and missing files keep their old record, unless `accept_changes`; then `confirm` is
    called first, if there is anything to accept. Files whose size and time are as recorded, or as
    this machine has read them, are not read again, unless `full`. A relative `folder` starts at the
    project's root.

    Raises UserError, before anything is recorded, for changed files that are not accepted, for a
    folder that must stay writable, for a second manifest, for files that cannot be read or
    written, and, unless `follow_links`, for a folder behind a link that leads out of the project.
    """
    folder = protected_folder(layout, folder)
    check_may_freeze(layout, folder)
    if not follow_links:
        check_inside(folder, layout.root, _LINK_FIX)
    path = layout.manifest(folder)
    _check_only_manifest(layout, path)
    before = manifest.read_whole(path)
    old = before.files if before else {}
    listed_sums = _sums(layout, folder)
    listing = list_files(folder, old.keys() | listed_sums.keys())
    proofs = Proofs.of(folder)
    digests = expected(before, listed_sums, proofs)
    # What the two say of a file must not be read off one of them, which someone may have edited.
    trusted = {name: old[name] for name in old if old[name].sha256 == digests.get(name)}
    with proofs:
        records = records_of(listing.files, proofs, progress, None if full else trusted)
    _check_readable(layout, layout.relative(folder), listing, records.unreadable)
    now = records.files
    changed = tuple(
        name
        for name, record in now.items()
        if (name in old and old[name] != record)
        or (not record.link and digests.get(name, record.sha256) != record.sha256)
    )
    lost = tuple(sorted(listed_sums.keys() - old.keys() - listing.files.keys()))
    absent = tuple(sorted(name for name in old if name not in listing.files))
    gone, unseen = ((), absent) if is_partial(layout, before, listing) else (absent, ())
    added = tuple(name for name in now if name not in old and name not in changed)
    if (changed or lost) and not accept_changes:
        edited = [name for name in changed if _is_edited(old.get(name), now[name])]
        facts = _facts(layout.relative(folder), changed, gone, edited, lost)
        raise UserError(f"{facts}; {_advice(layout.relative(folder), before)}")
    if confirm and (changed or lost or (gone and accept_changes)):
        confirm(Changes(changed, (*gone, *lost), added))
    after = {**old, **now}
    if accept_changes:
        after = {name: record for name, record in after.items() if name not in gone}
    has_sentinel = listing.has_sentinel or (not unseen and place_sentinel(folder))
    _write(layout, folder, before, Manifest(after, has_sentinel or bool(unseen)), listing)
    files = {name: file for name, file in listing.files.items() if not file.link}
    unmarked = [name for name, file in files.items() if not _mark(file)]
    return Protection(
        files=len(after),
        bytes=sum(file.size for file in after.values()),
        added=added,
        changed=changed,
        dropped=(*gone, *lost) if accept_changes else (),
        missing=() if accept_changes else gone,
        unseen=unseen,
        unsteady=records.unsteady,
        without_bytes=tuple(listing.without_bytes),
        twins=tuple(case_twins(after)),
        writable=tuple(name for name in files if os.access(files[name].path, os.W_OK)),
        is_marked=not unmarked,
        foreign={
            name: owner(files[name].path) for name in unmarked if _is_foreign(files[name].path)
        },
    )


def _sums(layout: Layout, folder: Path) -> dict[str, str]:
    """Return the digests in SHA256SUMS; raise UserError if it is there and cannot be read."""
    path = layout.sums(folder)
    try:
        return sums.read(path, folder.name) or {}
    except OSError as error:
        steps = advice(error) or "fix this, or move it away"
        raise UserError(
            f"cannot read {path}: {describe(error)}; the data is compared with it before it is "
            f"recorded again; {steps}, then run colabctl protect again"
        ) from None


def expected(
    before: Manifest | None, listed_sums: Mapping[str, str], proofs: Proofs
) -> dict[str, str]:
    """Return the digests that files have unless they have changed.

    SHA256SUMS comes first, and the manifest for what is not in it. Without both, it is what this
    machine has read.
    """
    if before is None and not listed_sums:
        return {name: proof.sha256 for name, proof in proofs.proofs.items()}
    recorded = before.files if before else {}
    return {name: each.sha256 for name, each in recorded.items()} | dict(listed_sums)


def _is_edited(recorded: FileRecord | None, now: FileRecord) -> bool:
    """Whether a file is as the manifest says, so that only SHA256SUMS has something else."""
    return recorded is not None and recorded == now


def _facts(
    folder: str,
    changed: Sequence[str],
    gone: Sequence[str],
    edited: Sequence[str],
    lost: Sequence[str],
) -> str:
    facts = [f"changed since {folder} was protected: {listed(changed)}"] if changed else []
    facts += [f"missing: {listed(gone)}"] if gone else []
    if lost:
        facts.append(f"not there, but listed in {folder}.SHA256SUMS: {listed(lost)}")
    if edited:
        facts.append(
            f"{folder}.SHA256SUMS has another checksum than the manifest for {listed(edited)}: "
            "one of the two was edited"
        )
    return "; ".join(facts)


def _advice(folder: str, before: Manifest | None) -> str:
    if before is None:
        back = (
            f"{folder}.manifest.json is gone: restore it from the folder's version history, then "
            f"bring the originals back with colabctl restore {folder}"
        )
    else:
        back = f"bring the originals back with colabctl restore {folder}"
    return f"{back}, or accept the changes with colabctl protect {folder} --accept-changes"


def _check_readable(
    layout: Layout, folder: str, listing: Listing, unreadable: Sequence[str]
) -> None:
    if names := [*listing.unreadable, *unreadable]:
        refusal = PermissionError(errno.EACCES, "refused", str(layout.root / folder / names[0]))
        steps = advice(refusal) or "fix or remove it"
        raise UserError(f"cannot read {listed(names)} in {folder}; {steps}")


def _check_only_manifest(layout: Layout, path: Path) -> None:
    """Raise UserError for a second manifest with another content than the one at `path`."""
    for copy in manifest.rivals(path):
        raise UserError(
            f"{layout.relative(copy)} is a second manifest that differs from "
            f"{layout.relative(path)}: two members recorded the folder at once, or the Drive kept "
            "an old one; look which of them is right (colabctl verify checks the first), keep that "
            "one under the name of the first, and delete the other"
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
    """Remove every user's permission to write; return whether that is so now."""
    with suppress(OSError), open(file.path, "rb", opener=open_itself) as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        if mode & _WRITE:
            target = stream.fileno() if os.chmod in os.supports_fd else file.path
            os.chmod(target, mode & ~_WRITE)  # noqa: PTH101 - of an open file, where it can be
        return not os.stat(file.path).st_mode & _WRITE  # noqa: PTH116 - a Drive may ignore it
    return False


def _is_foreign(path: Path) -> bool:
    """Whether a file belongs to another user, who alone may mark it."""
    with suppress(OSError):
        return os.name == "posix" and path.lstat().st_uid != os.geteuid()
    return False


def place_sentinel(folder: Path) -> bool:
    """Put the sentinel into a folder; return whether it is there."""
    try:
        write_once(folder / SENTINEL, SENTINEL_TEXT)
    except FileExistsError:
        return True
    except OSError:  # a folder in which this member may not create files
        return False
    return True


def _write(
    layout: Layout, folder: Path, before: Manifest | None, after: Manifest, listing: Listing
) -> None:
    """Write the manifest and what belongs to it, unless they are as they should be."""
    path = layout.manifest(folder)
    contents = {
        path: manifest.dump(after) if after != before else None,
        layout.sums(folder): sums.dump(folder.name, after.files, listing.files),
        layout.notice(folder): notice(folder.name, layout.manifest(folder).name),
    }
    for file, content in contents.items():
        try:
            if content is not None and not _holds(file, content):
                write_whole(file, content)
        except OSError as error:
            recorded = "nothing was recorded" if file == path else "the manifest is written"
            steps = advice(error) or "fix this"
            raise UserError(
                f"cannot write {file}: {error.strerror}; {recorded}; {steps}, then run"
                " colabctl protect again"
            ) from None


def _holds(file: Path, content: bytes) -> bool:
    try:
        return read_file(file, len(content)) == content
    except OSError:
        return False
