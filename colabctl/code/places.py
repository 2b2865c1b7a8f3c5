"""The folders in which a sweep's program is looked up, in order."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A folder with one of these is the root of a repository.
_MARKS = (".git", "pyproject.toml", "setup.py", "setup.cfg", ".project-root")


@dataclass(frozen=True)
class Places:
    """Where a sweep is declared.

    Attributes:
        root: the project's folder; None for a dry run without a project.
        here: the current folder of the user.
        file: the sweep file; None for a sweep that is declared from Python.
        never: the project's own folders of data and records, as POSIX paths from its root.
    """

    root: Path | None
    here: Path
    file: Path | None = None
    never: tuple[str, ...] = ()

    def scopes(self) -> Iterator[tuple[Path, list[Path]]]:
        """Yield each folder that code may be frozen from, with the folders to look in.

        These are the user's current folder, the sweep file's, those above it, and the project.
        A sweep file outside the project brings its own repository, which is searched first.
        """
        project = Path(os.path.realpath(self.root)) if self.root is not None else None
        here = Path(os.path.realpath(self.here))
        above: list[Path] = []
        if self.file is not None:
            folder = Path(os.path.realpath(self.file.parent))
            above = [folder, *folder.parents]
            if project is None or not folder.is_relative_to(project):
                repository = _repository(folder)
                yield repository, _inside(repository, [here, *above])
        if project is not None:
            yield project, _inside(project, [here, *above, project])


def _repository(folder: Path) -> Path:
    """Return the root of the repository that a folder is in, else the folder."""
    for above in (folder, *folder.parents):
        if any((above / mark).exists() for mark in _MARKS):
            return above
    return folder


def _inside(root: Path, folders: list[Path]) -> list[Path]:
    return list(dict.fromkeys(folder for folder in folders if folder.is_relative_to(root)))
