"""Finds the project that a notebook belongs to, by its name, among the folders in sight."""

from collections.abc import Iterable
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.layout import CONFIG
from colabctl.project.notebooks.bootstrap import NotebookError, places
from colabctl.project.root import is_project

_BELOW = 200  # folders; to list one takes a Drive that has not seen it lately a tenth of a second


def find_project(name: str, chosen: str, drive: Path | None) -> Path:
    """Return the folder of the project called `name`.

    It is `chosen` if that is not "", else what $COLABCTL_ROOT names, else the current folder or
    the nearest above it, else the one in `drive`, a mounted Drive. Below the first one there,
    others are looked for in so many folders that it takes seconds and not minutes.
    Raises NotebookError where there is none, or several.
    """
    if chosen:
        folder = Path(chosen).expanduser().absolute()
        if is_project(folder):
            return folder
        raise NotebookError(
            f"project_folder {folder} is no project: it has no {CONFIG}; correct it"
        )
    faults: list[str] = []
    found: list[Path] = []
    left = _BELOW
    for depth, level in enumerate(places(chosen, drive)):
        found += _called(name, level, faults)
        if found and depth == 0:
            del found[1:]  # here and above, the nearest is meant
            break
        left -= len(level) if found else 0
        if left < 0:
            break
    if len(found) == 1:
        return found[0].absolute()
    if found:
        where = " and ".join(map(str, found))
        raise NotebookError(
            f"project {name!r} is at {where}; write one of these into project_folder in the first "
            "cell, and run this again"
        )
    blame = f" ({'; '.join(faults)})" if faults else ""
    mend = "set COLABCTL_ROOT to its folder"
    if drive:
        mend = "in Drive, add a shortcut to its folder to My Drive"
    raise NotebookError(f"no project {name!r} in sight{blame}; {mend}, and run this again")


def _called(name: str, folders: Iterable[Path], faults: list[str]) -> Iterable[Path]:
    """Give the projects of that name; note what is wrong with those that cannot be read."""
    for folder in filter(is_project, folders):
        try:
            if load(folder, {}).name == name:
                yield folder
        except UserError as fault:
            faults.append(f"{folder}: {fault}")
