"""Unpacks archives that others made: only files and links that stay inside, within limits.

An archive is text from others. Every name is checked, files are created and never opened through a
link, and links are made last. So nothing can be written outside, whatever the archive says.
"""

import os
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tarfile import EOFHeaderError, HeaderError, ReadError  # type: ignore[attr-defined]
from typing import IO, Self

from colabctl.errors import UserError
from colabctl.sharedfs.droppings import is_dropping
from colabctl.sharedfs.names import check_name
from colabctl.sizes import format_size
from colabctl.stage.copying import StoppedError, check_room, local_disk
from colabctl.stage.decompression import decompressed

_CHUNK = 1 << 20  # bytes
# No data that people keep packs better than this; a bomb does, by a factor of a thousand and more.
_MOST_RATIO = 200
_HARMLESS = 1 << 30  # bytes that may be packed in any way
_MOST_FILES = 5_000_000
_INSTEAD = "unpack it yourself, look at it, and stage the folder"
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """An entry of an archive, as it says.

    Attributes:
        name: the POSIX path, unchecked.
        target: where a link leads; for a hard link, from the root of the archive.
        mtime: seconds since 1970; None if it is not known.
        open: opens the content of a file.

    """

    name: str
    kind: str  # file, folder, link, hard link, or what it is called in a message
    size: int = 0
    target: str = ""
    executable: bool = False
    mtime: float | None = None
    open: Callable[[], IO[bytes]] | None = None


def unpack(
    archive: Path,
    name: str,
    target: Path,
    *,
    count: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    """Unpack an archive into a new folder; `name` is its name for messages.

    `count` is called with the bytes that were written so far. Raises UserError for anything that
    is unsafe, damaged, or needs a password, and for a full disk; StoppedError once `stopped`. What
    was unpacked until then is incomplete.
    """
    with local_disk():
        target.mkdir()
    packed = archive.stat().st_size
    limit = _limit(archive)
    total = files = 0
    links: list[tuple[PurePosixPath, Member]] = []
    with _reading(name), _members(archive, name) as members:
        for member in members:
            path = _checked(member, name)
            if path is None:
                continue
            if stopped():
                raise StoppedError
            files += 1
            if files > _MOST_FILES:
                raise UserError(f"{name} has more than {_MOST_FILES:,} entries; {_INSTEAD}")
            total += member.size
            if total > limit:
                raise UserError(
                    f"{name} has {format_size(packed)} and unpacks to more than "
                    f"{format_size(limit)}, as a zip bomb does; if it is none, {_INSTEAD}"
                )
            match member.kind:
                case "folder":
                    with local_disk():
                        _folder(target, path, name)
                case "link" | "hard link":
                    links.append((path, member))
                case _:
                    with local_disk():
                        _folder(target, path.parent, name)
                    if member.size > _CHUNK:
                        check_room(target, member.size, f"unpacking {name}")
                    written = total - member.size
                    _write(
                        member,
                        target / path,
                        name,
                        count=lambda done, before=written: count(before + done),  # type: ignore[misc]
                        stopped=stopped,
                    )
    for path, member in links:
        with local_disk():
            _link(target, path, member, name)
    for path, member in links:  # each may lead on through a later one
        _check_inside(target, target / path, member, name)


def _limit(archive: Path) -> int:
    """Return how many bytes an archive may unpack to."""
    return max(_HARMLESS, _MOST_RATIO * archive.stat().st_size)


def _checked(member: Member, archive: str) -> PurePosixPath | None:
    """Return the path of a member; None for the root, and for what a system left behind.

    Raises UserError for what is unsafe.
    """
    where = f"{archive} is not safe to unpack: its entry {member.name!r:.100}"
    if member.kind not in ("file", "folder", "link", "hard link"):
        raise UserError(f"{where} is {member.kind}; {_INSTEAD}")
    # Some programs for Windows separate folders so.
    text = member.name.replace("\\", "/")
    if text.startswith("/") or _DRIVE.match(text):
        raise UserError(f"{where} has an absolute path; {_INSTEAD}")
    if "\0" in text or not text:
        raise UserError(f"{where} has no valid name; {_INSTEAD}")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UserError(f"{where} leads out of the archive; {_INSTEAD}")
    if os.name == "nt":
        for part in parts:
            check_name(part, f"{archive}: file")
    if not parts or any(is_dropping(part) for part in parts):
        return None
    return PurePosixPath(*parts)


def _folder(target: Path, path: PurePosixPath, archive: str) -> None:
    try:
        (target / path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise UserError(
            f"{archive} has a file and a folder called {str(path)!r:.100}; {_INSTEAD}"
        ) from None


def _write(
    member: Member,
    path: Path,
    archive: str,
    *,
    count: Callable[[int], None],
    stopped: Callable[[], bool],
) -> None:
    assert member.open is not None
    try:
        with local_disk_unless(FileExistsError):
            out = path.open("xb")
    except FileExistsError:
        raise UserError(
            f"{archive} has two files called {path.name!r:.100} in one folder, for this machine's "
            f"disk; {_INSTEAD}"
        ) from None
    done = 0
    with out, member.open() as source:
        while chunk := source.read(_CHUNK):
            done += len(chunk)
            if done > member.size:
                raise UserError(f"{archive} is damaged: {member.name!r:.100} is too long")
            with local_disk():
                out.write(chunk)
            count(done)
            if stopped():
                raise StoppedError
    if done != member.size:
        raise UserError(
            f"{archive} is damaged or not complete: it ends within {member.name!r:.100}"
        )
    with local_disk():
        if member.executable:
            path.chmod(0o700)
        if member.mtime is not None and 0 <= member.mtime < 1 << 33:
            os.utime(path, (member.mtime, member.mtime))


def _link(target: Path, path: PurePosixPath, member: Member, archive: str) -> None:
    """Make a link, if it leads to something in the archive."""
    place = target / path
    start = "" if member.kind == "hard link" else path.parent.as_posix()
    leads = os.path.normpath(f"{start}/{member.target}" if start else member.target)
    if PurePosixPath(member.target).is_absolute() or leads.split("/")[0] == "..":
        raise _leads_out(member, archive)
    real = _check_inside(target, target / leads, member, archive)
    _folder(target, path.parent, archive)
    if not Path(os.path.realpath(place.parent)).is_relative_to(os.path.realpath(target)):
        raise UserError(f"{archive} is not safe to unpack: {member.name!r:.100} is below a link")
    if os.path.lexists(place):
        raise UserError(f"{archive} has two entries called {member.name!r:.100}; {_INSTEAD}")
    if member.kind == "hard link":
        if not real.is_file():
            raise UserError(
                f"{archive} is damaged: its hard link {member.name!r:.100} leads to "
                f"{member.target!r:.100}, which is not a file of it"
            )
        check_room(target, real.stat().st_size, f"unpacking {archive}")
        shutil.copy2(real, place)
    else:
        place.symlink_to(member.target)


def _check_inside(target: Path, path: Path, member: Member, archive: str) -> Path:
    """Return where a path in the folder `target` leads; raise UserError if that is outside."""
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(target)):
        raise _leads_out(member, archive)
    return real


def _leads_out(member: Member, archive: str) -> UserError:
    return UserError(
        f"{archive} is not safe to unpack: its {member.kind} {member.name!r:.100} leads out of the "
        f"archive, to {member.target!r:.100}; {_INSTEAD}"
    )


@contextmanager
def local_disk_unless(kind: type[OSError]) -> Iterator[None]:
    """Raise UserError for an OSError of this machine's disk, except for one kind."""
    try:
        with local_disk():
            yield
    except UserError as error:
        if isinstance(error.__context__, kind):
            raise error.__context__ from None
        raise


# -- kinds of archives ----------------------------------------------------------------------


@contextmanager
def _reading(name: str) -> Iterator[None]:
    """Raise UserError for an archive that cannot be read."""
    import lzma  # noqa: PLC0415 - loads slowly
    import zlib  # noqa: PLC0415

    damaged = (
        *(zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError),
        *(ValueError, UnicodeError, OSError),  # of Python's own readers
    )
    try:
        yield
    except (NotImplementedError, RuntimeError) as error:
        raise UserError(f"cannot unpack {name}: {error}; {_INSTEAD}") from None
    except damaged as error:
        raise UserError(
            f"{name} is damaged or not complete: {error or type(error).__name__}; bring the "
            "original back"
        ) from None


@contextmanager
def _members(archive: Path, name: str) -> Iterator[Iterator[Member]]:
    """Yield the members of an archive, in its order; raise UserError if it needs a password."""
    if name.lower().endswith(".zip"):
        with zipfile.ZipFile(archive) as file:
            infos = file.infolist()
            locked = next((each.filename for each in infos if each.flag_bits & 1), None)
            if locked is not None:
                raise UserError(f"{name} needs a password (for {locked!r:.100}); {_INSTEAD}")
            yield (_zip_member(file, each) for each in infos)
        return
    with decompressed(archive, name) as stream, _tar(stream) as tar:
        yield _tar_members(tar, stream, archive, name)


def _tar_members(
    tar: tarfile.TarFile, stream: IO[bytes], archive: Path, name: str
) -> Iterator[Member]:
    """Yield the members, and read on to the end: only there a checksum shows what is damaged."""
    for each in tar:
        yield _tar_member(tar, each)
    left = _limit(archive)
    while chunk := stream.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            raise UserError(f"{name} has too much after its last entry; {_INSTEAD}")


def _zip_member(file: zipfile.ZipFile, info: zipfile.ZipInfo) -> Member:
    mode = info.external_attr >> 16 if info.create_system == 3 else 0  # of Unix
    kind = stat.S_IFMT(mode)
    name = info.filename
    if info.is_dir() or kind == stat.S_IFDIR or info.filename.endswith("\\"):
        return Member(name, "folder")
    if kind == stat.S_IFLNK:
        if info.file_size > 4096:
            return Member(name, "a link with a long path")
        return Member(name, "link", target=os.fsdecode(file.read(info)))
    if kind not in (0, stat.S_IFREG):
        return Member(name, "a device or a pipe")
    executable = bool(mode & 0o100)
    return Member(name, "file", info.file_size, executable=executable, open=lambda: file.open(info))


def _tar_member(tar: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if info.isdir():
        return Member(info.name, "folder")
    if info.issym() or info.islnk():
        return Member(info.name, "link" if info.issym() else "hard link", target=info.linkname)
    if not info.isreg():
        return Member(info.name, "a device or a pipe")

    def content() -> IO[bytes]:
        file = tar.extractfile(info)
        assert file is not None, "it is a regular file"
        return file

    return Member(
        info.name,
        "file",
        info.size,
        executable=bool(info.mode & 0o100),
        mtime=float(info.mtime),
        open=content,
    )


class _WholeInfo(tarfile.TarInfo):
    """Reads headers, and does not take a damaged or missing one for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(tarfile)
        except EOFHeaderError:  # the mark of the end
            raise
        except HeaderError as error:
            raise ReadError(f"{error}, where another entry or the end should be") from None


@contextmanager
def _tar(stream: IO[bytes]) -> Iterator[tarfile.TarFile]:
    """Open a tar as a stream that is read once, from start to end."""
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_WholeInfo, errorlevel=2) as tar:
        yield tar
