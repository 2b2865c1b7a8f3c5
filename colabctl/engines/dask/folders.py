"""The folders of tasks, which travel to and from Dask workers that do not see the project."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from colabctl.engines.dask.brief import Files
from colabctl.sharedfs.rights import make_folder, share

MOST_BYTES = 2_000_000_000
"""Of the files of one attempt, this much travels; see `fitting`."""
CHUNK = 8_000_000
"""Bytes of a file in one message."""


def files_in(folder: Path) -> Files:
    """Return the regular files in a folder, {} if there is none; links are left out."""
    return {
        path.relative_to(folder).as_posix(): path.lstat().st_size
        for path in _regular(folder)
        if path.exists()
    }


def _regular(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            path = Path(place, name)
            if path.is_file() and not path.is_symlink():
                yield path


def fitting(files: Files) -> tuple[Files, Files]:
    """Return the files that travel, the smallest ones first, and those that are too many bytes."""
    left, fit = MOST_BYTES, {}
    for path, size in sorted(files.items(), key=lambda each: (each[1], each[0])):
        if size > left:
            break
        fit[path] = size
        left -= size
    return fit, {path: size for path, size in files.items() if path not in fit}


def read_chunk(file: Path, offset: int) -> bytes:
    """Return a part of a file; b"" behind its end, or if it is gone."""
    try:
        with file.open("rb") as stream:
            stream.seek(offset)
            return stream.read(CHUNK)
    except FileNotFoundError:
        return b""


def place_of(folder: Path, path: str) -> Path:
    """Return where a file of a folder belongs; raise ValueError for a path that leads out of it."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\0" in path or not pure.parts:
        raise ValueError(f"{path!r:.80} is not a file in a task's folder")
    return folder.joinpath(*pure.parts)


def write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write small files into a folder."""
    for path, data in files.items():
        write_chunk(place_of(folder, path), 0, data)
        finish(place_of(folder, path))


def write_chunk(file: Path, offset: int, data: bytes) -> None:
    """Write a part of a file next to it; `finish` puts the whole in its place."""
    make_folder(file.parent, parents=True)
    part = _part(file)
    with part.open("r+b" if offset else "wb") as stream:
        stream.seek(offset)
        stream.write(data)


def finish(file: Path) -> None:
    """Put a file whose parts are all written in its place."""
    _part(file).replace(file)
    share(file)


def _part(file: Path) -> Path:
    return file.with_name(f"{file.name}.part")
