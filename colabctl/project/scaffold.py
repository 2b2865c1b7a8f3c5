"""Creates the missing folders and files of a project; existing ones stay unchanged."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs.faults import fault_of
from colabctl.sharedfs.files import write_new
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.refusals import advice
from colabctl.sharedfs.rights import make_folder

Pieces = Mapping[Path, bytes | None]
"""Paths in a project, outer ones first: each a file with this content, or (None) a folder."""


@dataclass(frozen=True)
class Changes:
    """The paths that were created, and those that existed already.

    Nothing was created behind the links `linked`, which lead out of the project. In the existing
    folders `shared`, the group may write now.
    """

    new: tuple[Path, ...]
    existing: tuple[Path, ...]
    linked: tuple[Path, ...] = ()
    shared: tuple[Path, ...] = ()


def create_missing(pieces: Pieces, root: Path) -> Changes:
    """Create the missing `pieces` of the project in `root`, in their order.

    Raises UserError, before anything is created, if a file is in the way of a folder, a folder in
    the way of a file, or a link that leads out of the project; also if the folder cannot be
    written.
    """
    for path, content in pieces.items():
        check_inside(path, root)
        with _named_errors(path):
            _check_free(path, is_folder=content is None)
    new = []
    for path, content in pieces.items():
        with _named_errors(path):
            if not path.exists():
                try:
                    _create(path, content)
                    new.append(path)
                except FileExistsError:
                    if not path.exists():  # otherwise another machine was faster
                        raise
    return Changes(tuple(new), tuple(path for path in pieces if path not in set(new)))


def folders(paths: Iterable[Path]) -> dict[Path, bytes | None]:
    """Return `paths` as pieces that are folders."""
    return dict.fromkeys(paths)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = fault_of(error) == "full"
        fix = "free some space, then run it again" if full else "choose a folder you can write in"
        fix = advice(error) or fix
        raise UserError(f"cannot create {path}: {error.strerror}; {fix}") from None


def _check_free(path: Path, *, is_folder: bool) -> None:
    broken = next((each for each in (path, *path.parents) if _leads_nowhere(each)), None)
    if broken is not None:
        raise UserError(f"{broken} is a link that leads nowhere; remove it, or mount its target")
    nearest = next(folder for folder in (path, *path.parents) if folder.exists())
    if nearest != path or is_folder:
        if not nearest.is_dir():
            raise UserError(f"{nearest} is a file, but must be a folder; move it away")
    elif nearest.is_dir():
        raise UserError(f"{nearest} is a folder, but must be a file; move it away")
    elif not nearest.is_file():
        raise UserError(f"{nearest} is a pipe or a device, but must be a file; move it away")


def _leads_nowhere(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _create(path: Path, content: bytes | None) -> None:
    if content is None:
        make_folder(path, parents=True)
    else:
        write_new(path, content)
