"""What one machine sees of the drive: names, made unique, and which of them are its own news."""

import errno
import itertools
import os
import random
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from tests.drive.messages import ROOT, Change, Object


def refusal(number: int, path: str) -> OSError:
    """Return the error that the system raises for an errno."""
    return OSError(number, os.strerror(number), path)


@dataclass(slots=True, eq=False)
class Node:
    """A file or folder on one mount."""

    number: int  # its inode
    key: str  # its id, or a name beginning with "local-" before its first upload
    folder: bool
    name: str  # in the cloud
    shown: str = ""  # on this mount: its name, or "name (1)" where that was taken
    parent: "Node | None" = None  # None for the root, for what is gone, and before its folder came
    awaited: str = ""  # the id of its folder, where that has not arrived yet
    children: "dict[str, Node]" = field(default_factory=dict)  # by shown name
    version: int = 0
    blob: str | None = None
    size: int = 0  # bytes
    modified: float = 0.0  # seconds since the epoch
    sent: int = 0  # serial of the last change that this machine made to it
    uploaded: int = 0  # serial of the last such change that has been uploaded
    listed: bool = False  # has been in a listing, and so stays in it
    gone: bool = False

    @property
    def pending(self) -> bool:
        """Whether the cloud lacks something of it."""
        return self.uploaded < self.sent


class View:
    """The tree of one mount: changed by its own machine at once, and by the cloud's news.

    `prefix` begins the keys of what is made here; `partial` is the chance that a listing lacks a
    name that newly arrived. Methods that change the tree return what the cloud must be told; they
    raise OSError as the system call would.
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
        """Return what a path names; raise ENOENT or ENOTDIR."""
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
        """Say whether a path names a folder that is known here."""
        try:
            return self.find(path).folder
        except OSError:
            return False

    def listing(self, folder: Node) -> dict[str, Node]:
        """Return what is in a folder, perhaps without some that came from other machines."""
        children = folder.children
        for child in children.values():
            child.listed = child.listed or self._chance.random() >= self._partial
        return {name: child for name, child in children.items() if child.listed}

    def make_file(self, path: str) -> Node:
        """Add an empty file that the cloud learns of with its content; raise EEXIST."""
        return self._make(path, folder=False)

    def make_folder(self, path: str, now: float) -> Change:
        """Add a folder; raise EEXIST."""
        node = self._make(path, folder=True)
        node.modified = now
        return self._change(node)

    def write(self, node: Node, blob: str, size: int, now: float) -> Change | None:
        """Give a file new content; nobody is told where the file is gone."""
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
        """Give an object another name or folder; what had that name goes to the trash."""
        node = self.find(old)
        parent, name = self._place(new)
        target = parent.children.get(name)
        if target is node:
            return []
        removal = self.remove(new, folder=node.folder) if target else None
        self._detach(node)
        node.name = name
        self._attach(node, parent)
        # A file that was never closed has never been told of; its content will bring the name.
        move = self._change(node, moved=True) if node.sent or node.version else None
        return [change for change in (removal, move) if change]

    def learn(self, known: Object) -> None:
        """Take up what another machine did.

        An older version is passed over, and any of an object that was changed here since: what
        comes back from the cloud with that change will be newer.
        """
        node = self._nodes.get(known.id)
        if node is None:
            node = Node(next(self._numbers), known.id, known.folder, known.name)
            self._nodes[known.id] = node
            self._become(node, known)
            self._adopt(node)
        elif known.version > node.version and not node.pending:
            self._become(node, known)

    def confirm(self, key: str, serial: int, known: Object) -> None:
        """Take up that a change of this machine is in the cloud."""
        node = self._nodes.pop(key)
        self._nodes[known.id] = node
        node.key = known.id
        node.uploaded = serial
        node.version = known.version
        if not node.pending:
            self._become(node, known)
        self._adopt(node)

    def _place(self, path: str) -> tuple[Node, str]:
        place = PurePosixPath(path)
        parent = self.find(str(place.parent))
        if not parent.folder:
            raise refusal(errno.ENOTDIR, path)
        return parent, place.name

    def _make(self, path: str, *, folder: bool) -> Node:
        parent, name = self._place(path)
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

    def _become(self, node: Node, known: Object) -> None:
        node.version = known.version
        node.blob, node.size, node.modified = known.blob, known.size, known.modified
        if known.trashed:
            self._detach(node)
            node.gone = True
        elif not node.gone and (
            node.parent is None or (node.parent.key, node.name) != (known.parent, known.name)
        ):
            self._detach(node)
            node.name = known.name
            parent = self._nodes.get(known.parent)
            if parent is None:
                node.awaited = known.parent
                self._early.setdefault(known.parent, []).append(node)
            else:
                self._attach(node, parent)

    def _adopt(self, folder: Node) -> None:
        for child in self._early.pop(folder.key, []):
            if child.parent is None and child.awaited == folder.key and not child.gone:
                self._attach(child, folder)

    def _attach(self, node: Node, parent: Node) -> None:
        place = PurePosixPath(node.name)
        names = itertools.chain(
            [node.name], (f"{place.stem} ({n}){place.suffix}" for n in itertools.count(1))
        )
        node.shown = next(name for name in names if name not in parent.children)
        node.parent = parent
        parent.children[node.shown] = node

    def _detach(self, node: Node) -> None:
        if node.parent is not None:
            del node.parent.children[node.shown]
            node.parent = None
