"""The tree that one machine sees: unique names, and the changes that it has not uploaded."""

import errno
import itertools
import os
import random
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tests.drive.messages import ROOT, Change, Object


def refusal(number: int, path: str) -> OSError:
    """Return the OSError for an errno."""
    return OSError(number, os.strerror(number), path)


@dataclass(slots=True, eq=False)
class Node:
    """A file or folder on one mount."""

    number: int  # its inode
    key: str  # its id, or a name starting with "local-" before its first upload
    folder: bool
    name: str  # in the cloud
    shown: str = ""  # on this mount: its name, or "name (1)" where that was taken
    parent: "Node | None" = None  # None for the root, if gone, and before its folder arrived
    awaited: str = ""  # the id of its folder, if that has not arrived yet
    children: "dict[str, Node]" = field(default_factory=dict)  # by shown name
    version: int = 0
    blob: str | None = None
    size: int = 0  # bytes
    modified: float = 0.0  # seconds since the epoch
    sent: int = 0  # serial of the last change on this machine
    uploaded: int = 0  # serial of the last such change that has been uploaded
    listed: bool = False  # was in a listing, so it stays in later ones
    gone: bool = False

    @property
    def pending(self) -> bool:
        """Whether a change of it is not uploaded yet."""
        return self.uploaded < self.sent


class View:
    """The tree of one mount: its own machine changes it at once, the cloud by messages.

    `prefix` starts the keys of objects created here; `partial` is the chance that a listing omits
    a newly arrived name. Methods that change the tree return the changes for the cloud, and raise
    OSError as the system call would.
    """

    def __init__(self, prefix: str, *, partial: float, chance: random.Random) -> None:
        self.root = Node(1, ROOT, folder=True, name="")
        self._prefix = prefix
        self._partial = partial
        self._chance = chance
        self._numbers = itertools.count(2)
        self._serials = itertools.count(1)
        self._nodes = {ROOT: self.root}  # by key
        self._early: dict[str, list[Node]] = {}  # arrived before their folder, by its id

    def find(self, path: str) -> Node:
        """Return the node at a path; raise ENOENT or ENOTDIR."""
        node = self.root
        for name in path.split("/"):
            if not name:
                continue
            if not node.folder:
                raise refusal(errno.ENOTDIR, path)
            child = node.children.get(name)
            if child is None:
                raise refusal(errno.ENOENT, path)
            node = child
        return node

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder at a path."""
        try:
            return self.find(path).folder
        except OSError:
            return False

    def listing(self, folder: Node) -> dict[str, Node]:
        """Return the nodes in a folder, perhaps without some that arrived from other machines."""
        children = folder.children
        for child in children.values():
            child.listed = child.listed or self._chance.random() >= self._partial
        return {name: child for name, child in children.items() if child.listed}

    def make_file(self, path: str) -> Node:
        """Add an empty file, which is uploaded with its content; raise EEXIST."""
        return self._make(path, folder=False)

    def make_folder(self, path: str, now: float) -> Change:
        """Add a folder; raise EEXIST."""
        node = self._make(path, folder=True)
        node.modified = now
        return self._change(node)

    def write(self, node: Node, blob: str, size: int, now: float) -> Change | None:
        """Give a file new content; return None if the file is gone."""
        node.blob, node.size, node.modified = blob, size, now
        return None if node.gone else self._change(node, written=True)

    def remove(self, path: str, *, folder: bool) -> Change | None:
        """Move a file or an empty folder to the trash; raise EISDIR, ENOTDIR, ENOTEMPTY."""
        node = self.find(path)
        if node.folder and not folder:
            raise refusal(errno.EISDIR, path)
        if folder and not node.folder:
            raise refusal(errno.ENOTDIR, path)
        if node.children:
            raise refusal(errno.ENOTEMPTY, path)
        return self._discard(node)

    def rename(self, old: str, new: str) -> list[Change]:
        """Move an object to another name or folder; the trash takes the object it replaces."""
        node = self.find(old)
        parent, name = self._parent(new)
        target = parent.children.get(name)
        if target is node:
            return []
        removal = self.remove(new, folder=node.folder) if target else None
        self._detach(node)
        node.name = name
        self._attach(node, parent)
        # The cloud does not know a file that was never closed; its content will bring the name.
        move = self._change(node, moved=True) if node.sent or node.version else None
        return [change for change in (removal, move) if change]

    def learn(self, remote: Object) -> None:
        """Take in a change from another machine.

        Older versions are ignored, and so are all versions of an object that was changed here
        since: the one that comes back from the cloud with that change will be newer.
        """
        node = self._nodes.get(remote.id)
        if node is None:
            node = Node(next(self._numbers), remote.id, remote.folder, remote.name)
            self._nodes[remote.id] = node
            self._become(node, remote)
            self._adopt(node)
        elif remote.version > node.version and not node.pending:
            self._become(node, remote)

    def confirm(self, key: str, serial: int, remote: Object) -> None:
        """Take in that a change of this machine has been uploaded."""
        node = self._nodes.pop(key)
        self._nodes[remote.id] = node
        node.key = remote.id
        node.uploaded = serial
        node.version = remote.version
        if not node.pending:
            self._become(node, remote)
        self._adopt(node)

    def _parent(self, path: str) -> tuple[Node, str]:
        target = PurePosixPath(path)
        parent = self.find(str(target.parent))
        if not parent.folder:
            raise refusal(errno.ENOTDIR, path)
        return parent, target.name

    def _make(self, path: str, *, folder: bool) -> Node:
        parent, name = self._parent(path)
        if name in parent.children:
            raise refusal(errno.EEXIST, path)
        number = next(self._numbers)
        node = Node(number, f"{self._prefix}-{number}", folder, name, listed=True)
        self._nodes[node.key] = node
        self._attach(node, parent)
        return node

    def _change(self, node: Node, *, written: bool = False, moved: bool = False) -> Change:
        new = not node.sent and not node.version
        node.sent = next(self._serials)
        placed = node.parent if new or moved else None
        return Change(
            node.sent,
            node.key,
            node.folder,
            parent=placed.key if placed else None,
            name=node.name if placed else None,
            blob=node.blob if written else None,
            size=node.size if written else 0,
            modified=node.modified if written or new else 0.0,
        )

    def _discard(self, node: Node) -> Change | None:
        self._detach(node)
        node.gone = True
        if not node.sent and not node.version:
            return None
        node.sent = next(self._serials)
        return Change(node.sent, node.key, node.folder, trashed=True)

    def _become(self, node: Node, remote: Object) -> None:
        node.version = remote.version
        node.blob, node.size, node.modified = remote.blob, remote.size, remote.modified
        if remote.trashed:
            self._detach(node)
            node.gone = True
        elif not node.gone and (
            node.parent is None or (node.parent.key, node.name) != (remote.parent, remote.name)
        ):
            self._detach(node)
            node.name = remote.name
            parent = self._nodes.get(remote.parent)
            if parent is None:
                node.awaited = remote.parent
                self._early.setdefault(remote.parent, []).append(node)
            else:
                self._attach(node, parent)

    def _adopt(self, folder: Node) -> None:
        for child in self._early.pop(folder.key, []):
            if child.parent is None and child.awaited == folder.key and not child.gone:
                self._attach(child, folder)

    def _attach(self, node: Node, parent: Node) -> None:
        plain = PurePosixPath(node.name)
        names = itertools.chain(
            [node.name], (f"{plain.stem} ({n}){plain.suffix}" for n in itertools.count(1))
        )
        node.shown = next(name for name in names if name not in parent.children)
        node.parent = parent
        parent.children[node.shown] = node

    def _detach(self, node: Node) -> None:
        if node.parent is not None:
            del node.parent.children[node.shown]
            node.parent = None
