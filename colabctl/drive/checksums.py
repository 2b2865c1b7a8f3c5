"""Compares a manifest with the checksums that Google Drive's server has, without a download."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from colabctl.drive.account import Drive
from colabctl.drive.trees import Entry, entries
from colabctl.project.raw.listing import OWN, REPLACED
from colabctl.project.raw.manifest import FileRecord
from colabctl.sharedfs.droppings import is_dropping


@dataclass(frozen=True)
class Comparison:
    """How a folder on Google Drive differs from its manifest; names are paths from the folder.

    Attributes:
        changed: files with another content.
        missing: recorded files that the server does not have.
        added: files that are not recorded.
        trashed: recorded files that are only in Drive's trash.
        duplicates: names that several files in one folder have.
        unproved: files for which the server has no checksum (yet).
        passed_over: Google documents and shortcuts, which have no bytes, and recorded links.
        checked: number of recorded files whose checksums were compared.

    """

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]
    trashed: tuple[str, ...]
    duplicates: tuple[str, ...]
    unproved: tuple[str, ...]
    passed_over: tuple[str, ...]
    checked: int

    @property
    def clean(self) -> bool:
        """Whether the server has all recorded files unchanged, and no others."""
        return not (
            self.changed
            or self.missing
            or self.added
            or self.trashed
            or self.duplicates
            or self.unproved
        )


@dataclass(frozen=True)
class _Stored:
    """A file that the server has; its size is in bytes."""

    path: str
    size: int | None
    sha256: str | None


def compare(drive: Drive, folder: str, name: str, recorded: Mapping[str, FileRecord]) -> Comparison:
    """Compare the folder with this id with its manifest; `name` is its path in the project."""
    stored: defaultdict[str, list[_Stored]] = defaultdict(list)
    in_trash: set[str] = set()
    passed_over = {path for path, record in recorded.items() if record.link}
    for entry in entries(drive, folder, name, "size,sha256Checksum"):
        if entry.is_folder or _is_left_behind(entry.path, recorded):
            continue
        if entry.trashed:
            in_trash.add(entry.path)
        elif entry.is_document or entry.is_shortcut:
            passed_over.add(entry.path)
        else:
            stored[entry.path].append(_stored(entry))
    duplicates = sorted(path for path, files in stored.items() if len(files) > 1)
    files = _named_apart(stored, recorded)
    wanted = {path: record for path, record in recorded.items() if path not in passed_over}
    here = files.keys() & wanted.keys()
    unproved = {path for path in here if files[path].sha256 is None}
    changed = {path for path in here - unproved if not _matches(files[path], wanted[path])}
    gone = wanted.keys() - files.keys()
    return Comparison(
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(gone - in_trash)),
        added=tuple(sorted(files.keys() - recorded.keys())),
        trashed=tuple(sorted(gone & in_trash)),
        duplicates=tuple(duplicates),
        unproved=tuple(sorted(unproved)),
        passed_over=tuple(sorted(passed_over)),
        checked=len(here - unproved),
    )


def _stored(entry: Entry) -> _Stored:
    size, digest = entry.answer.get("size"), entry.answer.get("sha256Checksum")
    return _Stored(
        entry.path,
        int(size) if size is not None else None,
        str(digest).lower() if digest else None,
    )


def _matches(file: _Stored, record: FileRecord) -> bool:
    return (file.size, file.sha256) == (record.size, record.sha256)


def _is_left_behind(path: str, recorded: Mapping[str, FileRecord]) -> bool:
    """Whether a program left the file, or a folder above it; recorded files always count."""
    return path not in recorded and any(
        is_dropping(part) or part.startswith(OWN) or REPLACED.fullmatch(part)
        for part in PurePosixPath(path).parts
    )


def _named_apart(
    stored: Mapping[str, Sequence[_Stored]], recorded: Mapping[str, FileRecord]
) -> dict[str, _Stored]:
    """Return one file for each name, with files of one name named as a mount names them.

    A mount shows the second x.csv in a folder as `x (1).csv`, and so may the manifest. Which one is
    the first is not fixed, so each takes the recorded name whose content it has.
    """
    files = {}
    for path, copies in stored.items():
        names = [path, *_numbered(path, recorded)] if len(copies) > 1 else [path]
        left = list(copies)
        for name in names:
            match = next(
                (each for each in left if name in recorded and _matches(each, recorded[name])), None
            )
            if match:
                left.remove(match)
                files[name] = match
        if path not in files and left:
            files[path] = left[0]
    return files


def _numbered(path: str, recorded: Mapping[str, FileRecord]) -> list[str]:
    pure = PurePosixPath(path)
    start = re.escape(path.removesuffix(pure.suffix))
    pattern = re.compile(rf"{start} \(\d+\){re.escape(pure.suffix)}")
    return sorted(name for name in recorded if pattern.fullmatch(name))
