"""Compares a folder of raw data with its manifest, by content or by size and time."""

import os
import random
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import manifest, sums
from colabctl.project.raw.digests import Progress, UnsteadyFileError, digests_of
from colabctl.project.raw.listing import (
    File,
    Listing,
    case_twins,
    list_files,
    protected_folder,
)
from colabctl.project.raw.manifest import FileRecord, Manifest
from colabctl.project.raw.partial import is_partial
from colabctl.project.raw.proofs import Proofs
from colabctl.project.raw.records import digest_by_time, record_of_link

SETTLED = 64 << 20
"""The most bytes that a quick check reads, to find out whether files with another time changed."""


@dataclass(frozen=True)
class Verification:
    """How a folder differs from its manifest; names are paths from the folder.

    Files inside a folder that is `unreadable` are in none of the other lists.

    Attributes:
        changed: files with another content, or another size
        missing: recorded files that are not there
        added: files that are not recorded
        unreadable: files and folders that cannot be read
        unsteady: files that changed while they were read
        touched: after a quick check: files of the same size with another time, not read
        unseen: recorded files that are not in the listing, which is not complete: the sentinel is
            not in it either
        without_bytes: files that were passed over: documents of Google, pipes
        replaced: files that `restore` put aside, which were passed over
        links: recorded links, of which only the target's name was compared
        twins: names that only case tells apart
        disputed: files for which SHA256SUMS and the manifest differ, so one of them was edited
        has_sums: whether there is a SHA256SUMS
        copies: other manifests of the folder, with another content, that a Drive or a sync client
            made
        checked: number of recorded files that were compared
        read: number of recorded files whose content was read for this
        unproven: number of recorded files that are as recorded, as far as is known, but whose
            content this machine has not read
        oldest: when the content was read that was read longest ago, in seconds since 1970; None if
            some was never read here

    """

    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    unsteady: tuple[str, ...] = ()
    touched: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    without_bytes: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    twins: tuple[tuple[str, ...], ...] = ()
    disputed: tuple[str, ...] = ()
    has_sums: bool = True
    copies: tuple[Path, ...] = ()
    checked: int = 0
    read: int = 0
    unproven: int = 0
    oldest: float | None = None

    @property
    def damaged(self) -> bool:
        """Whether data that was recorded has changed, or is gone."""
        return bool(self.changed or self.missing)

    @property
    def clean(self) -> bool:
        """Whether every recorded file is as recorded, there are no others, and all is known."""
        return not (
            self.damaged
            or self.added
            or self.unreadable
            or self.unsteady
            or self.touched
            or self.unseen
            or self.disputed
            or self.copies
        )


def verify(layout: Layout, folder: Path, *, progress: Progress | None = None) -> Verification:
    """Compare the content of all files in `folder` with its manifest; write nothing there.

    A relative `folder` starts at the project's root. Raises UserError if the folder does not exist
    or is not protected, and for a manifest that cannot be read.
    """
    return _Comparison(layout, folder).by_content(progress)


def verify_more(
    layout: Layout, folder: Path, seconds: float, *, progress: Progress | None = None
) -> Verification:
    """Read the files that this machine has not read for longest, for about `seconds`.

    The others count as they were when they were last read, if their size and time are the same.
    Raises as `verify` does.
    """
    return _Comparison(layout, folder).for_a_while(seconds, progress)


def verify_quick(layout: Layout, folder: Path, *, most: float = SETTLED) -> Verification:
    """Compare the sizes and times of all files in `folder` with its manifest.

    A file of the same size with another time is read, as the time may say nothing, unless these
    files have more than `most` bytes: then they are `touched`. Raises as `verify` does.
    """
    return _Comparison(layout, folder).by_time(most)


def is_protected(layout: Layout, folder: Path) -> bool:
    """Whether a folder has a manifest, or a SHA256SUMS that was next to one."""
    return any(os.path.lexists(path) for path in (layout.manifest(folder), layout.sums(folder)))


def _without_manifest(layout: Layout, folder: Path) -> str:
    name = layout.relative(folder)
    if not layout.sums(folder).is_file():
        return f"{name} is not protected yet; run colabctl protect {name}"
    return (
        f"{name}.manifest.json is gone, but {name}.SHA256SUMS is there; restore the manifest from "
        f"the folder's version history, or run colabctl protect {name}: it compares the data with "
        "SHA256SUMS, and writes the manifest again"
    )


class _Comparison:
    """A folder, what is recorded of it, and what this machine has read of it."""

    def __init__(self, layout: Layout, folder: Path) -> None:
        self.folder = protected_folder(layout, folder)
        self._layout = layout
        path = layout.manifest(self.folder)
        recorded = manifest.read_whole(path)
        if recorded is None:
            raise UserError(_without_manifest(layout, self.folder))
        self._manifest: Manifest = recorded
        self._old: Mapping[str, FileRecord] = recorded.files
        self._listing: Listing = list_files(self.folder, self._old)
        self._proofs = Proofs.of(self.folder)
        self._same: set[str] = set()
        self._changed: set[str] = set()
        self._unreadable = set(self._listing.unreadable)
        self._unsteady: set[str] = set()
        self._touched: set[str] = set()
        self._count = 0  # of files that were read
        self._waiting: dict[str, File] = {}  # to be read
        for name, file in self._listing.files.items():
            if name in self._old:
                self._compare(name, file)

    def _compare(self, name: str, file: File) -> None:
        """Compare what needs no reading."""
        record = self._old[name]
        if (file.size, file.link) != (record.size, record.link):
            self._changed.add(name)
        elif file.link:
            try:
                (self._same if record_of_link(file) == record else self._changed).add(name)
            except OSError:
                self._unreadable.add(name)
        else:
            self._waiting[name] = file

    def by_content(self, progress: Progress | None) -> Verification:
        self._read(self._waiting, progress)
        return self._outcome()

    def by_time(self, most: float) -> Verification:
        self._read(self._compare_times(), None, most=most)
        return self._outcome()

    def for_a_while(self, seconds: float, progress: Progress | None) -> Verification:
        until = time.monotonic() + seconds
        proofs = self._proofs.proofs
        ages = {
            name: proof.at
            for name, file in self._waiting.items()
            if (proof := proofs.get(name))
            and (proof.size, proof.mtime_ns, proof.sha256)
            == (file.size, file.mtime_ns, self._old[name].sha256)
        }
        # On a new machine every time, as in Colab, an order by name would never reach the last.
        order = random.sample(list(self._waiting), len(self._waiting))
        order.sort(key=lambda name: ages.get(name, 0.0))
        files = {name: self._waiting[name] for name in order}
        self._read(files, progress, until=until)
        self._compare_times(self._waiting.keys() - self._known())
        return self._outcome()

    def _compare_times(self, names: Collection[str] | None = None) -> dict[str, File]:
        """Compare sizes and times; return the files about which they say nothing."""
        unknown = {}
        for name in self._waiting if names is None else names:
            file, record = self._waiting[name], self._old[name]
            digest = digest_by_time(file, self._proofs.proofs.get(name), record)
            if digest is None:
                unknown[name] = file
            else:
                (self._same if digest == record.sha256 else self._changed).add(name)
        return unknown

    def _known(self) -> set[str]:
        return self._same | self._changed | self._unreadable | self._unsteady

    def _read(
        self,
        files: Mapping[str, File],
        progress: Progress | None,
        *,
        most: float = float("inf"),
        until: float = float("inf"),
    ) -> None:
        total = sum(file.size for file in files.values())
        if total > most:
            self._touched |= files.keys()
            return
        paths = {name: file.path for name, file in files.items()}
        with self._proofs as proofs:
            for name, outcome in digests_of(paths, total, progress, until=until):
                if isinstance(outcome, UnsteadyFileError):
                    self._unsteady.add(name)
                elif isinstance(outcome, OSError):
                    self._unreadable.add(name)
                else:
                    proofs.add(name, outcome)
                    self._count += 1
                    same = outcome.sha256 == self._old[name].sha256
                    (self._same if same else self._changed).add(name)

    def _outcome(self) -> Verification:
        present = self._listing.files.keys() & self._old.keys()
        absent = tuple(
            sorted(
                name
                for name in self._old
                if name not in present and not _is_in(name, self._unreadable)
            )
        )
        partial = is_partial(self._layout, self._manifest, self._listing)
        path = self._layout.sums(self.folder)
        try:
            digests = sums.read(path, self.folder.name)
        except OSError:
            digests = None
        disputed = None if digests is None else sums.differences(digests, self._old)
        unchanged = self._waiting.keys() - self._changed - self._unreadable - self._unsteady
        proofs = self._proofs.proofs
        times = [
            proofs[name].at
            for name in unchanged
            if name in proofs and proofs[name].sha256 == self._old[name].sha256
        ]
        return Verification(
            changed=tuple(sorted(self._changed)),
            missing=() if partial else absent,
            added=tuple(sorted(self._listing.files.keys() - self._old.keys())),
            unreadable=tuple(sorted(self._unreadable)),
            unsteady=tuple(sorted(self._unsteady)),
            touched=tuple(sorted(self._touched)),
            unseen=absent if partial else (),
            without_bytes=tuple(self._listing.without_bytes),
            replaced=tuple(self._listing.replaced),
            links=tuple(name for name in sorted(present) if self._listing.files[name].link),
            twins=tuple(case_twins(self._listing.files)),
            disputed=tuple(disputed or ()),
            has_sums=disputed is not None,
            copies=manifest.rivals(self._layout.manifest(self.folder)),
            checked=len(present - self._unreadable - self._touched),
            read=self._count,
            unproven=len(unchanged) - len(times),
            oldest=min(times, default=None) if len(times) == len(unchanged) else None,
        )


def _is_in(name: str, paths: Collection[str]) -> bool:
    return any(path in (".", name) or name.startswith(f"{path}/") for path in paths)
