"""Makes those folders and files of a project that are missing, and keeps those that are there."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.sharedfs.files import write_new

Pieces = Mapping[Path, bytes | None]
"""What should be there, those above first: a file with this content, or (None) a folder."""


@dataclass(frozen=True)
class Created:
    """The pieces that were made, and those that were there and are as they were."""

    made: tuple[Path, ...]
    kept: tuple[Path, ...]


def lay(pieces: Pieces) -> Created:
    """Make what is missing of `pieces`, in their order.

    Raises UserError where a file is in the way of a folder or a folder in that of a file, before
    anything is made, and where the folder cannot be written.
    """
    for path, content in pieces.items():
        with _named_errors(path):
            _check_way(path, is_folder=content is None)
    made = []
    for path, content in pieces.items():
        with _named_errors(path):
            if not path.exists():
                _make(path, content)
                made.append(path)
    return Created(tuple(made), tuple(path for path in pieces if path not in set(made)))


def folders(paths: Iterable[Path]) -> dict[Path, bytes | None]:
    """Return `paths` as pieces that are folders."""
    return dict.fromkeys(paths)


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot make {path}: {error.strerror}; choose a folder that you may write in"
        ) from None


def _check_way(path: Path, *, is_folder: bool) -> None:
    nearest = next(place for place in (path, *path.parents) if place.exists())
    if nearest != path or is_folder:
        if not nearest.is_dir():
            raise UserError(f"{nearest} is a file where a folder must be; move it away")
    elif nearest.is_dir():
        raise UserError(f"{nearest} is a folder where a file must be; move it away")


def _make(path: Path, content: bytes | None) -> None:
    if content is None:
        path.mkdir(parents=True)
    else:
        write_new(path, content)
