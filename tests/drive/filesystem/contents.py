"""The contents of a machine's files: versions from the cloud, and files being written here."""

import itertools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.drive.filesystem.view import Node


@dataclass(slots=True)
class _Draft:
    """A copy of a file on this machine, while it is open for writing."""

    path: Path
    writers: int = 0
    dirty: bool = False  # differs from the version last closed


@dataclass(frozen=True, slots=True)
class _Handle:
    node: Node
    writes: bool


class Contents:
    """The open files of a mount. A handle is the descriptor of a real file.

    A closed version is a blob, a file that never changes, so a reader keeps the version that it
    opened. Writers of one file share a draft, and each close makes a new blob.
    """

    def __init__(self, blobs: Path, cache: Path, name: str) -> None:
        self._blobs = blobs
        self._cache = cache
        self._name = name
        self._blob_numbers = itertools.count(1)
        self._drafts: dict[int, _Draft] = {}  # by inode
        self._handles: dict[int, _Handle] = {}  # by descriptor

    def open(self, node: Node, flags: int) -> int:
        """Return a handle; it can always be read from."""
        writes = flags & os.O_ACCMODE != os.O_RDONLY or bool(flags & os.O_TRUNC)
        if writes:
            draft = self._draft(node)
            handle = os.open(draft.path, os.O_RDWR | flags & (os.O_APPEND | os.O_TRUNC))
            draft.writers += 1
            draft.dirty = draft.dirty or node.blob is None or bool(flags & os.O_TRUNC)
        else:
            handle = os.open(self._path(node), os.O_RDONLY)
        self._handles[handle] = _Handle(node, writes)
        return handle

    def node(self, handle: int) -> Node:
        """Return the file that a handle was opened on, even if it was renamed or removed."""
        return self._handles[handle].node

    def write(self, handle: int, data: bytes, offset: int) -> int:
        """Write to the draft; a handle opened for appending ignores the offset."""
        self._drafts[self.node(handle).number].dirty = True
        return os.pwrite(handle, data, offset)

    def truncate(self, handle: int, length: int) -> None:
        """Truncate the draft, or extend it with zeros."""
        self._drafts[self.node(handle).number].dirty = True
        os.ftruncate(handle, length)

    def keep(self, handle: int) -> tuple[str, int] | None:
        """Save the draft of a handle as a new blob, if it was written; return its name and size."""
        draft = self._drafts.get(self.node(handle).number)
        if draft is None or not draft.dirty:
            return None
        blob = f"{self._name}-{next(self._blob_numbers)}"
        shutil.copyfile(draft.path, self._blobs / blob)
        draft.dirty = False
        return blob, (self._blobs / blob).stat().st_size

    def close(self, handle: int) -> None:
        """Close a handle; the last one that writes removes the draft."""
        os.close(handle)
        closed = self._handles.pop(handle)
        if not closed.writes:
            return
        draft = self._drafts[closed.node.number]
        draft.writers -= 1
        if not draft.writers:
            draft.path.unlink()
            del self._drafts[closed.node.number]

    def size(self, node: Node) -> int:
        """Return the size of a file for readers on this machine, in bytes."""
        draft = self._drafts.get(node.number)
        return draft.path.stat().st_size if draft else node.size

    def dirty(self, node: Node) -> bool:
        """Whether a file was written since it was last closed."""
        draft = self._drafts.get(node.number)
        return draft is not None and draft.dirty

    def _draft(self, node: Node) -> _Draft:
        if node.number not in self._drafts:
            path = self._cache / str(node.number)
            if node.blob is None:
                path.touch()
            else:
                shutil.copyfile(self._blobs / node.blob, path)
            self._drafts[node.number] = _Draft(path)
        return self._drafts[node.number]

    def _path(self, node: Node) -> Path:
        draft = self._drafts.get(node.number)
        if draft:
            return draft.path
        assert node.blob is not None, "a file is written before its first reader can open it"
        return self._blobs / node.blob
