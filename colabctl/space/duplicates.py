"""Finds files with the same content: by size, then by both ends, then by the whole SHA-256."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from colabctl.project.raw.digests import Progress, digests_of
from colabctl.sharedfs.links import open_inside
from colabctl.space.files import File, Unread

_END = 1 << 16  # bytes at each end
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class Duplicates:
    """Files with the same content.

    Attributes:
        size: bytes of each.
        paths: from the project's folder.
        is_proved: whether they were read to the end; otherwise size and both ends are the same.

    """

    size: int
    paths: tuple[str, ...]
    is_proved: bool

    @property
    def extra(self) -> int:
        """The bytes of all but one."""
        return self.size * (len(self.paths) - 1)


def duplicates(
    root: Path, files: Iterable[File], least: int, *, whole: bool, progress: Progress | None = None
) -> tuple[list[Duplicates], list[Unread]]:
    """Return groups of files with the same content, and the files that could not be read.

    Args:
        root: the project's folder.
        files: those to compare; of several hard links only one is among them.
        least: bytes; smaller files are left out.
        whole: whether to read them to the end, where size and both ends are the same.
        progress: called with the bytes that were read so far, and those to read.

    The groups that waste most come first.

    """
    unread: list[Unread] = []
    by_size: dict[int, list[File]] = defaultdict(list)
    for file in files:
        if file.size >= max(1, least):
            by_size[file.size].append(file)
    alike: dict[tuple[int, bytes], list[File]] = defaultdict(list)
    for size, group in by_size.items():
        for file in group if len(group) > 1 else ():
            try:
                alike[size, _ends(root, file)].append(file)
            except OSError as error:
                unread.append(Unread(file.path, error.strerror or str(error)))
    groups = [group for group in alike.values() if len(group) > 1]
    if whole:
        groups = _same(root, groups, unread, progress)
    matches = [
        Duplicates(group[0].size, tuple(file.path for file in group), whole) for group in groups
    ]
    return sorted(matches, key=lambda each: (-each.extra, each.paths)), unread


def _ends(root: Path, file: File) -> bytes:
    """Return a digest of the start and the end of a file."""

    def opener(path: str, flags: int) -> int:
        return open_inside(path, flags | _NONBLOCK, root=root)

    with open(root / file.path, "rb", buffering=0, opener=opener) as stream:
        digest = hashlib.sha256(stream.read(_END))
        stream.seek(max(0, file.size - _END))
        digest.update(stream.read(_END))
    return digest.digest()


def _same(
    root: Path, groups: list[list[File]], unread: list[Unread], progress: Progress | None
) -> list[list[File]]:
    """Return the groups of files that are the same from the first byte to the last."""
    files = {file.path: file for group in groups for file in group}
    total = sum(file.size for file in files.values())
    same: dict[str, list[File]] = defaultdict(list)
    for path, digest in digests_of({path: root / path for path in files}, total, progress):
        if isinstance(digest, OSError):
            unread.append(Unread(path, digest.strerror or str(digest)))
        else:
            same[digest.sha256].append(files[path])
    return [sorted(group) for group in same.values() if len(group) > 1]
