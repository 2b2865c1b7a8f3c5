"""The messages between the cloud and the mounts of the simulated machines."""

import operator
from dataclasses import astuple, dataclass, replace

ROOT = "root"  # the id of the folder that every mount shows


@dataclass(frozen=True, slots=True)
class Object:
    """A file or folder in the cloud; every change makes the next version."""

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
    """A change of one object by one machine; None means unchanged."""

    serial: int  # counts the changes of one mount
    key: str  # the object's id, or a name starting with "local-" before its first upload
    folder: bool
    parent: str | None = None
    name: str | None = None
    blob: str | None = None
    size: int = 0
    modified: float = 0.0
    trashed: bool = False

    def after(self, earlier: "Change") -> "Change":
        """Return this change merged with an earlier one."""
        if self.trashed:
            return self  # earlier moves no longer matter
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
    """To the machine that made a change: it is uploaded, and this is the resulting object."""

    key: str  # as the machine called the object
    serial: int  # of the last change that went up with it
    object: Object


@dataclass(frozen=True, slots=True)
class Arrived:
    """To every other machine: the new version of an object."""

    object: Object


@dataclass(frozen=True, slots=True)
class Fail:
    """An order: answer every operation with this errno, for some seconds or until repaired."""

    errno: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Fill:
    """An order: accept only `room` more bytes."""

    room: int


@dataclass(frozen=True, slots=True)
class Repair:
    """An order: end all faults."""


@dataclass(frozen=True, slots=True)
class Count:
    """An order: report the `Counts` so far; the report follows all earlier orders."""


@dataclass(slots=True)
class Counts:
    """Counts of one machine: the first four of its mount, the others of the cloud."""

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
Order = Fail | Fill | Repair | Count


@dataclass(frozen=True, slots=True)
class Setting:
    """The settings of a mount, sent to its process at the start."""

    path: str  # the mount point
    blobs: str  # the folder of the cloud's contents
    cache: str  # the folder of the machine's own contents, empty
    name: str  # unique among the mounts of the drive
    seed: str  # of its random choices
    partial: float  # chance that a listing omits a newly arrived name
    cost: tuple[float, float]  # seconds that a metadata operation takes, from and to
