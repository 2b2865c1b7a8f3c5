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
        here: where the user stands, the current folder.
        file: the sweep file; None for a sweep that is declared from Python.
        never: the project's own folders of data and records, as POSIX paths from its root.
    """

    root: Path | None
    here: Path
    file: Path | None = None
    never: tuple[str, ...] = ()

    @property
    def beside(self) -> Path | None:
        """The sweep file's folder."""
        return self.file.parent if self.file is not None else None

    def scopes(self) -> Iterator[tuple[Path, list[Path]]]:
        """Yield each folder that code may be frozen from, with the folders to look in.

        These are where the user stands, the sweep file's folder, those above it, and the project.
        A sweep file outside the project brings its own repository, which is searched first.
        """
        project = Path(os.path.realpath(self.root)) if self.root is not None else None
        here = Path(os.path.realpath(self.here))
        beside = Path(os.path.realpath(self.beside)) if self.beside is not None else None
        if beside is not None and (project is None or not beside.is_relative_to(project)):
            repository = _repository(beside)
            yield repository, _inside(repository, [here, beside, *beside.parents])
            beside = None
        if project is not None:
            above = [beside, *beside.parents] if beside is not None else []
            yield project, _inside(project, [here, *above, project])


def _repository(folder: Path) -> Path:
    """Return the root of the repository that a folder is in, else the folder."""
    for above in (folder, *folder.parents):
        if any((above / mark).exists() for mark in _MARKS):
            return above
    return folder


def _inside(root: Path, folders: list[Path]) -> list[Path]:
    return list(dict.fromkeys(folder for folder in folders if folder.is_relative_to(root)))
