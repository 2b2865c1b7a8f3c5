"""What the cloud and the mount of a pretended machine tell each other."""

import operator
from dataclasses import astuple, dataclass, replace

ROOT = "root"  # the id of the folder that every mount shows


@dataclass(frozen=True, slots=True)
class Object:
    """A file or folder as the cloud knows it; every change makes the next version."""

    id: str
    parent: str
    name: str  # need not be unique in its folder
    folder: bool
    version: int = 0
    blob: str | None = None  # file name of its content among the cloud's blobs
    size: int = 0  # bytes
    modified: float = 0.0  # seconds since the epoch
    trashed: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What one machine did to one object; None stands for "as it was"."""

    serial: int  # counts the changes of one mount
    key: str  # the object's id, or a name beginning with "local-" before its first upload
    folder: bool
    parent: str | None = None
    name: str | None = None
    blob: str | None = None
    size: int = 0
    modified: float = 0.0
    trashed: bool = False

    def after(self, earlier: "Change") -> "Change":
        """Return both changes as one, this one being the later."""
        if self.trashed:
            return self  # where it went before does not matter any more
        content = self if self.blob is not None else earlier
        return replace(
            self,
            parent=self.parent or earlier.parent,
            name=self.name or earlier.name,
            blob=content.blob,
            size=content.size,
            modified=max(self.modified, earlier.modified),
        )


@dataclass(frozen=True, slots=True)
class Uploaded:
    """To the machine that made a change: it is in the cloud now, and this is the whole object."""

    key: str  # as the machine called the object
    serial: int  # of the last change that went up with it
    object: Object


@dataclass(frozen=True, slots=True)
class Arrived:
    """To every other machine: what an object has become."""

    object: Object


@dataclass(frozen=True, slots=True)
class Fail:
    """An order: answer every operation with this errno, for some seconds or until mended."""

    errno: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Fill:
    """An order: only so many bytes can be written any more."""

    room: int


@dataclass(frozen=True, slots=True)
class Mend:
    """An order: answer as a healthy mount with room on it."""


@dataclass(frozen=True, slots=True)
class Count:
    """An order: report the `Counts` so far. All orders before it are in force by its answer."""


@dataclass(slots=True)
class Counts:
    """What one machine did: the first four on its mount, the others in the cloud."""

    operations: int = 0  # a system call that names a path is one; folders on the way are free
    lists: int = 0
    opens: int = 0  # of files that exist
    creates: int = 0  # of files and folders
    changes: int = 0  # sent to the cloud: uploads, new folders, renames, removals
    uploads: int = 0  # of whole files; a file uploaded twice counts twice
    bytes: int = 0  # uploaded

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(*map(operator.add, astuple(self), astuple(other)))

    def __sub__(self, other: "Counts") -> "Counts":
        return Counts(*map(operator.sub, astuple(self), astuple(other)))


News = Uploaded | Arrived
Order = Fail | Fill | Mend | Count


@dataclass(frozen=True, slots=True)
class Setting:
    """How one mount is to behave; handed to its process as it starts."""

    path: str  # the mount point
    blobs: str  # the folder of the cloud's contents
    cache: str  # the folder of the machine's own contents, empty
    name: str  # unlike that of any other mount of the drive
    seed: str  # of its chances
    partial: float  # chance that a listing lacks a newly arrived name
    cost: tuple[float, float]  # seconds that a metadata operation takes, from and to
