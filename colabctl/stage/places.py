"""Where staged copies are on this machine: which are whole, in use, or can go."""

import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.project.root import is_project
from colabctl.sharedfs.files import read_file, write_whole
from colabctl.sharedfs.locks import locked
from colabctl.sharedfs.mounts import COHERENT_TYPES, mount_of
from colabctl.sharedfs.names import slug
from colabctl.stage.sources import Source

VARIABLE = "COLABCTL_STAGE"
"""The environment variable with the folder that staged copies go into."""

_FORMAT = 1
_LARGEST = 1 << 30  # bytes of a record; a million files need less
_NAME = re.compile("[0-9a-f]{24}")
_DIGITS = 24  # of a digest in a name


@dataclass(frozen=True)
class Place:
    """The folder of one staged copy; it need not exist.

    Its record is written at the start, and again when all files are whole.
    """

    folder: Path

    @property
    def files(self) -> Path:
        """The staged files."""
        return self.folder / "files"

    @property
    def parts(self) -> Path:
        """The files that are being copied or unpacked."""
        return self.folder / "parts"

    @property
    def record_file(self) -> Path:
        """The file that says what is staged here, and whether it is whole."""
        return self.folder / "staged.json"

    @property
    def lock(self) -> Path:
        """The lock of the process that stages; it stays where it is when the copy is removed."""
        return self.folder.with_suffix(".lock")

    @property
    def users(self) -> Path:
        """A locked file for each process that uses the copy."""
        return self.folder.with_suffix(".users")

    def record(self) -> "Record | None":
        """Return the record; None if there is none, or if it cannot be read."""
        try:
            tree = json.loads(read_file(self.record_file, _LARGEST))
            if tree["format"] != _FORMAT:
                return None
            listing = {str(name): (int(a), int(b)) for name, (a, b) in tree["listing"].items()}
            return Record(
                str(tree["source"]),
                str(tree["root"]),
                float(tree["at"]),
                folder=tree["folder"] is True,
                whole=tree["whole"] is True,
                listing=listing,
                sha256={str(name): str(digest) for name, digest in tree["sha256"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def write(self, record: "Record") -> None:
        """Write the record; raise OSError if the disk is full."""
        tree: dict[str, Any] = {
            "format": _FORMAT,
            "source": record.source,
            "root": record.root,
            "at": record.at,
            "folder": record.folder,
            "whole": record.whole,
            "listing": record.listing,
            "sha256": record.sha256,
        }
        write_whole(self.record_file, json.dumps(tree).encode())


@dataclass(frozen=True)
class Record:
    """What is staged in a place.

    Attributes:
        source: the path from the root of its project.
        at: when it was staged, in seconds since 1970.
        folder: whether a folder is staged, or an archive as one, and not a single file.
        listing: size in bytes and time of change in nanoseconds of each file, once it is whole.
        sha256: the digests that were taken of files that no manifest records.

    """

    source: str
    root: str
    at: float
    folder: bool
    whole: bool
    listing: Mapping[str, tuple[int, int]]
    sha256: Mapping[str, str]


def stage_folder(environ: Mapping[str, str]) -> Path:
    """Return this user's folder for staged copies, after creating it.

    It is in $COLABCTL_STAGE, in /content in Colab, or among the user's caches. Raises UserError
    if it is in a project or on a shared mount, belongs to another user, or cannot be made.
    """
    asked = environ.get(VARIABLE)
    if asked:
        # Each user has a folder: no one uses a copy that another user may have changed.
        folder = Path(asked).absolute() / f"colabctl-stage-{_user()}"
    elif "COLAB_RELEASE_TAG" in environ and os.access("/content", os.W_OK):
        folder = Path("/content/colabctl-stage")
    else:
        from platformdirs import user_cache_path  # noqa: PLC0415 - loads slowly

        folder = user_cache_path("colabctl", appauthor=False) / "stage"
    project = next((above for above in folder.resolve().parents if is_project(above)), None)
    if project is not None:
        raise UserError(
            f"staged copies would go to {folder}, inside the project {project}; name a folder on "
            f"this machine's disk, outside it: {VARIABLE}=/path"
        )
    mount = mount_of(folder)
    if mount is not None and mount.type not in COHERENT_TYPES:
        raise UserError(
            f"staged copies would go to {folder}, which is on {mount.point} ({mount.type}), not on "
            f"this machine's disk; name a folder on the disk: {VARIABLE}=/path"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise UserError(
            f"cannot make {folder} for staged copies ({error.strerror}); name another folder: "
            f"{VARIABLE}=/path"
        ) from None
    if not stat.S_ISDIR(status.st_mode) or _is_foreign(status):
        raise UserError(
            f"{folder} is a link, or another user can write in it, so its copies cannot be "
            f"trusted; name another folder: {VARIABLE}=/path"
        )
    return folder


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else slug(os.environ.get("USERNAME", ""))


def _is_foreign(status: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):
        return False
    return status.st_uid != os.getuid() or bool(status.st_mode & 0o022)


def place_of(base: Path, source: Source) -> Place:
    """Return the place of a source below the folder for staged copies."""
    return Place(base / source.digest[:_DIGITS])


def path_in(place: Place, record: Record | None) -> Path:
    """Return where the staged file or folder of a place is."""
    if record is not None and not record.folder:
        return place.files / Path(record.source).name
    return place.files


def places_in(base: Path) -> list[Place]:
    """Return all places below the folder for staged copies."""
    return [Place(each) for each in sorted(base.iterdir()) if _NAME.fullmatch(each.name)]


def is_whole(place: Place, record: Record | None) -> bool:
    """Whether a place holds every file as it was when it was staged, and no other."""
    if record is None or not record.whole or place.folder.is_symlink() or place.files.is_symlink():
        return False
    listing = dict(listing_of(place.files))
    return listing == dict(record.listing)


def listing_of(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the path, the size and the time of change of each file in a folder and below."""
    waiting = [(os.fspath(folder), "")]
    while waiting:
        here, above = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except OSError:
            continue
        for entry in entries:
            name = f"{above}{entry.name}"
            with suppress(FileNotFoundError):  # another process has just renamed it
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, f"{name}/"))
                else:
                    status = entry.stat(follow_symlinks=False)
                    yield name, (status.st_size, status.st_mtime_ns)


@contextmanager
def in_use(place: Place) -> Iterator[None]:
    """Keep a staged copy from being removed for as long as this process uses it."""
    users = place.users
    users.mkdir(mode=0o700, exist_ok=True)
    file = users / f"{os.getpid()}-{os.urandom(4).hex()}"
    with locked(file):
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def is_used(place: Place) -> bool:
    """Whether a living process uses or stages a copy."""
    with suppress(FileNotFoundError):
        for file in (*place.users.iterdir(), place.lock):
            try:
                with locked(file):
                    if file != place.lock:
                        file.unlink(missing_ok=True)
            except BlockingIOError:
                return True
    return False


def size_on_disk(place: Place) -> int:
    """Return the bytes that a place takes, with unfinished files."""
    return sum(size for _, (size, _) in listing_of(place.folder))


def remove(place: Place) -> None:
    """Remove a staged copy; what is left after an interrupt does not look whole."""
    place.record_file.unlink(missing_ok=True)
    make_writable(place.folder)
    shutil.rmtree(place.folder, ignore_errors=True)


def make_writable(folder: Path) -> None:
    """Let this user change the folders of a copy again."""
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(0o700)


def make_read_only(folder: Path) -> None:
    """Let no one change a copy; root can do it nevertheless."""
    for parent, _, files in os.walk(folder, topdown=False):
        for name in files:
            path = Path(parent, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o555)
        Path(parent).chmod(0o500)
