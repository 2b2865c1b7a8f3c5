"""Finds a notebook's project by its name, in the folders of this machine and its Drive."""

from collections.abc import Iterable
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import load
from colabctl.project.layout import CONFIG
from colabctl.project.notebooks.bootstrap import NotebookError, candidates
from colabctl.project.root import is_project

_BELOW = 200  # folders; listing one that the Drive has not cached takes a tenth of a second


def find_project(name: str, chosen: str, drive: Path | None) -> Path:
    """Return the folder of the project called `name`.

    This is `chosen` unless that is "", else $COLABCTL_ROOT, else the current folder or the nearest
    one above it, else the one in `drive`, a mounted Drive. After the first match there, the search
    for others stops after 200 folders, so that it takes seconds and not minutes. Raises
    NotebookError if there is none, or several.
    """
    if chosen:
        folder = Path(chosen).expanduser().absolute()
        if is_project(folder):
            return folder
        raise NotebookError(
            f"project_folder {folder} is not a project: no {CONFIG} in it; correct it, and run "
            "this again"
        )
    faults: list[str] = []
    projects: list[Path] = []
    left = _BELOW
    for depth, level in enumerate(candidates(chosen, drive)):
        projects += _called(name, level, faults)
        if projects and depth == 0:
            del projects[1:]  # in the current folder and above, the nearest one counts
            break
        left -= len(level) if projects else 0
        if left < 0:
            break
    if len(projects) == 1:
        return projects[0].absolute()
    if projects:
        where = " and ".join(map(str, projects))
        raise NotebookError(
            f"several projects are called {name!r}: {where}; set project_folder in the first cell "
            "to one of these, and run this again"
        )
    blame = f" ({'; '.join(faults)})" if faults else ""
    fix = "set COLABCTL_ROOT to its folder"
    if drive:
        fix = "in Drive, add a shortcut to its folder to My Drive"
    raise NotebookError(f"project {name!r} was not found{blame}; {fix}, and run this again")


def _called(name: str, folders: Iterable[Path], faults: list[str]) -> Iterable[Path]:
    """Yield the projects called `name`; add those that cannot be read to `faults`."""
    for folder in filter(is_project, folders):
        try:
            if load(folder, {}).name == name:
                yield folder
        except UserError as error:
            faults.append(f"{folder}: {error}")
