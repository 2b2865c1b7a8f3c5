"""The bytes of a machine's files: what the cloud has sent, and what is being written here."""

import itertools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.drive.filesystem.view import Node


@dataclass(slots=True)
class _Draft:
    """A file's own copy on this machine, while somebody has it open for writing."""

    path: Path
    writers: int = 0
    dirty: bool = False  # differs from what was last closed


@dataclass(frozen=True, slots=True)
class _Handle:
    node: Node
    writes: bool


class Contents:
    """Open files of one mount. A handle is a descriptor of a real file.

    What has been closed is a blob, a file that never changes, so a reader that opened a version
    goes on reading that version. Writers of one file share a draft; each close makes a new blob.
    """

    def __init__(self, blobs: Path, cache: Path, name: str) -> None:
        self._blobs = blobs
        self._cache = cache
        self._name = name
        self._blob_numbers = itertools.count(1)
        self._drafts: dict[int, _Draft] = {}  # by inode
        self._handles: dict[int, _Handle] = {}  # by descriptor

    def open(self, node: Node, flags: int) -> int:
        """Return a handle; it can be read from whatever the flags."""
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
        """Return the file that a handle was opened on, wherever it is by now."""
        return self._handles[handle].node

    def write(self, handle: int, data: bytes, offset: int) -> int:
        """Write to the draft; a handle opened to append does so whatever the offset."""
        self._drafts[self.node(handle).number].dirty = True
        return os.pwrite(handle, data, offset)

    def truncate(self, handle: int, length: int) -> None:
        """Cut the draft off, or lengthen it with zeros."""
        self._drafts[self.node(handle).number].dirty = True
        os.ftruncate(handle, length)

    def keep(self, handle: int) -> tuple[str, int] | None:
        """Make what a handle's file holds a new blob, if it was written; return its name and size."""
        draft = self._drafts.get(self.node(handle).number)
        if draft is None or not draft.dirty:
            return None
        blob = f"{self._name}-{next(self._blob_numbers)}"
        shutil.copyfile(draft.path, self._blobs / blob)
        draft.dirty = False
        return blob, (self._blobs / blob).stat().st_size

    def close(self, handle: int) -> None:
        """Give a handle back; with the last one that writes, the draft goes."""
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
        """Return how many bytes a reader on this machine finds."""
        draft = self._drafts.get(node.number)
        return draft.path.stat().st_size if draft else node.size

    def dirty(self, node: Node) -> bool:
        """Say whether a file was written since it was last closed."""
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
