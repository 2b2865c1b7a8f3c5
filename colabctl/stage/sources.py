"""What can be staged: a file, a folder or an archive of the project, and what identifies it."""

import hashlib
import json
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.project.raw import manifest
from colabctl.project.raw.listing import list_files
from colabctl.sharedfs.links import check_inside

Kind = Literal["file", "folder", "archive"]

ARCHIVES = (
    *(".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2"),
    *(".tar.xz", ".txz", ".tar.zst", ".tzst"),
)
"""The endings of files that are unpacked."""


@dataclass(frozen=True)
class SourceFile:
    """A file to copy: its path, its size in bytes, and its SHA-256 if a manifest records it.

    `mtime_ns` is when it was last changed; 0 where a manifest identifies it.
    """

    path: Path
    size: int
    sha256: str | None = None
    mtime_ns: int = 0


@dataclass(frozen=True)
class Source:
    """Something to stage.

    Attributes:
        name: its path from the project's root.
        root: the project's folder.
        files: the files to copy, by POSIX path from the staged folder; of an archive, itself.
        digest: SHA-256 of what identifies the content: the manifest's records, or else sizes and
            times of the files.
        manifest: the folder whose manifest records the files; None if none does.
        left_out: links, which are not staged, and files that cannot be.

    """

    name: str
    root: Path
    kind: Kind
    files: Mapping[str, SourceFile]
    digest: str
    manifest: str | None
    left_out: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where it is."""
        return self.root / self.name

    @property
    def size(self) -> int:
        """The bytes to copy."""
        return sum(file.size for file in self.files.values())


def stem_of(name: str) -> str:
    """Return the last part of a path, without the ending of a file or an archive."""
    last = name.rstrip("/").rpartition("/")[2]
    ending = next((each for each in ARCHIVES if last.lower().endswith(each)), None)
    if ending is not None and len(last) > len(ending):
        return last[: -len(ending)]
    return last.partition(".")[0] or last


def name_of(layout: Layout, path: Path, here: Path | None = None) -> str:
    """Return the path from the project's root that `find_source` looks at; raises as it does."""
    return layout.relative(_inside(layout, path, here))


def find_source(layout: Layout, path: Path, here: Path | None = None) -> Source:
    """Return what is at a path of the project; look from the folder `here` first, if it is given.

    Reads the manifest of the folder that it is in; without one, lists the files. Raises UserError
    if there is nothing, if it is outside the project or empty, or if it cannot be read; OSError if
    the folder does not answer.
    """
    path = _inside(layout, path, here)
    name = layout.relative(path)
    recorded = _recorded(layout, path)
    if recorded is None or not recorded[1]:
        check_inside(
            path,
            layout.root,
            "replace the link by a copy, or record the data there: colabctl protect --follow-links",
        )
        return _listed(layout, path, name)
    folder, files = recorded
    kind: Kind = "folder"
    if "" in files:
        kind = "archive" if _is_archive(path.name) else "file"
        files = {path.name: files[""]}
    data, left_out = {}, []
    for each, record in sorted(files.items()):
        if record.link:
            left_out.append(each)
        else:
            place = path / each if kind == "folder" else path
            data[each] = SourceFile(place, record.size, record.sha256)
    records = [[each, file.size, file.sha256] for each, file in data.items()]
    digest = _digest(kind, [each[1:] for each in records] if kind == "archive" else records)
    return _checked(
        Source(name, layout.root, kind, data, digest, layout.relative(folder), tuple(left_out))
    )


def _inside(layout: Layout, path: Path, here: Path | None) -> Path:
    """Return a path as one below the project's root."""
    root = Path(os.path.normpath(layout.root.absolute()))
    places = [] if here is None else [Path(os.path.normpath(here / path))]
    places.append(Path(os.path.normpath(root / path)))
    full = next((each for each in places if os.path.lexists(each)), places[-1])
    if not full.is_relative_to(root):  # or reached through a link
        real = root.resolve()
        if not full.resolve().is_relative_to(real):
            raise UserError(
                f"{path} is not in the project {layout.root}; only the project's files are staged"
            )
        full = root / full.resolve().relative_to(real)
    if full == root:
        raise UserError(f"{path} is the whole project; stage a file, a folder or an archive in it")
    return layout.root / full.relative_to(root)


def _recorded(layout: Layout, path: Path) -> tuple[Path, dict[str, manifest.FileRecord]] | None:
    """Return the folder whose manifest covers a path, and the records by path from that path.

    The record of the path itself has the name "".
    """
    for folder in (path, *path.parents):
        if folder == layout.root:
            return None
        records = manifest.read(layout.manifest(folder))
        if records is None:
            continue
        inside = unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
        if inside == ".":
            return folder, records
        below = {
            name[len(inside) :].lstrip("/"): record
            for name, record in records.items()
            if name == inside or name.startswith(f"{inside}/")
        }
        return folder, below
    return None


def _listed(layout: Layout, path: Path, name: str) -> Source:
    """Return a source that no manifest records, by the sizes and times of its files."""
    try:
        if path.is_dir():
            return _folder(layout, path, name)
        status = path.stat()
    except FileNotFoundError:
        raise UserError(
            f"there is no {name} in {layout.root}; check the spelling, or wait until it has arrived"
        ) from None
    if not path.is_file():
        raise UserError(f"{name} is not a file or a folder; stage one of those")
    kind: Kind = "archive" if _is_archive(path.name) else "file"
    file = SourceFile(path, status.st_size, mtime_ns=status.st_mtime_ns)
    digest = _digest(kind, [str(layout.root), name, file.size, file.mtime_ns])
    return Source(name, layout.root, kind, {path.name: file}, digest, None)


def _folder(layout: Layout, path: Path, name: str) -> Source:
    listing = list_files(path, ())
    if listing.unreadable:
        first = listing.unreadable[0]
        raise UserError(f"cannot read {name}/{first}; fix or remove it, then stage {name} again")
    files = {
        each: SourceFile(file.path, file.size, mtime_ns=file.mtime_ns)
        for each, file in listing.files.items()
        if not file.link
    }
    links = [each for each, file in listing.files.items() if file.link]
    stamps = [[each, file.size, file.mtime_ns] for each, file in files.items()]
    digest = _digest("folder", [str(layout.root), name, stamps])
    return _checked(
        Source(name, layout.root, "folder", files, digest, None, (*links, *listing.without_bytes))
    )


def _checked(source: Source) -> Source:
    if not source.files:
        raise UserError(f"{source.name} holds no files; there is nothing to stage")
    return source


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def _digest(kind: Kind, parts: object) -> str:
    return hashlib.sha256(json.dumps([kind, parts]).encode()).hexdigest()
