"""Brings the data that a sweep stages to the machine of a Dask worker, and stages it there."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from colabctl.engines.dask import folders
from colabctl.stage.places import in_use, is_whole, place_of, stage_folder
from colabctl.stage.sources import Source
from colabctl.stage.staging import Staging, copy_of, stage
from colabctl.staged import StagedCopy

_PATIENCE = 60.0  # seconds to wait for a folder that does not answer


@dataclass(frozen=True)
class Piece:
    """A part of a file to stage: the file's path from the project's root, and where it belongs."""

    path: str
    offset: int
    data: bytes
    is_last: bool
    mtime_ns: int


def pieces(source: Source) -> Iterator[list[Piece]]:
    """Yield the files of a source, read where it is, as pieces that fit into one message."""
    batch, size = list[Piece](), 0
    for file in source.files.values():
        path, offset, is_last = file.path.relative_to(source.root).as_posix(), 0, False
        while not is_last:
            data = folders.read_chunk(file.path, offset)
            is_last = offset + len(data) >= file.size or not data
            batch.append(Piece(path, offset, data, is_last, file.mtime_ns))
            offset, size = offset + len(data), size + len(data)
            if size >= folders.CHUNK:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


# -- in the Dask worker ---------------------------------------------------------------------------


@dataclass
class Staged:
    """What is staged for a sweep in a Dask worker, through its folder `incoming`."""

    incoming: Path
    copies: list[StagedCopy] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _marks: ExitStack = field(default_factory=ExitStack)

    def put(self, batch: list[Piece]) -> None:
        """Write pieces of files that have travelled."""
        for piece in batch:
            file = folders.place_of(self.incoming, piece.path)
            folders.write_chunk(file, piece.offset, piece.data)
            if piece.is_last:
                folders.finish(file)
                if piece.mtime_ns:
                    os.utime(file, ns=(piece.mtime_ns, piece.mtime_ns))

    def stage(self, name: str, source: Source, *, travelled: bool) -> None:
        """Stage a source from the project's folder, or from files that have travelled.

        Raises what `colabctl.stage.staging.stage` does.
        """
        base = stage_folder(os.environ)
        copy = copy_of(base, name, source)
        if travelled:
            source = replace(source, files={
                each: replace(
                    file, path=self.incoming / file.path.relative_to(source.root)
                )
                for each, file in source.files.items()
            })  # fmt: skip
        how = Staging(base, _silent, _silent, self._stop, _PATIENCE)
        self._marks.enter_context(in_use(stage(source, how).place))
        if copy not in self.copies:
            self.copies.append(copy)
        shutil.rmtree(self.incoming, ignore_errors=True)

    def close(self) -> None:
        """End what is still being staged, and let the copies be removed."""
        self._stop.set()
        self._marks.close()


def is_staged(source: Source) -> bool:
    """Whether this machine has a whole copy of a source."""
    place = place_of(stage_folder(os.environ), source)
    return is_whole(place, place.record())


def _silent(_: str) -> None:
    """Say nothing: no one looks at a Dask worker's output."""
