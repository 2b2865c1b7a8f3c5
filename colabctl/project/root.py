"""Finds the project that a command works on."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import CONFIG
from colabctl.sharedfs.links import check_inside

_FIX = "run colabctl init, or give the project's folder with --root or COLABCTL_ROOT"
# Where people keep projects: on Colab, and where Drive for desktop mounts its drives.
_ON_COLAB = (
    "content/drive/MyDrive",
    "content/drive/Shareddrives/*",
    "content/drive/.shortcut-targets-by-id/*",
)
_AT_HOME = (
    "Library/CloudStorage/GoogleDrive-*/My Drive",
    "Library/CloudStorage/GoogleDrive-*/Shared drives/*",
    "Library/CloudStorage/GoogleDrive-*/.shortcut-targets-by-id/*",
    "Google Drive",
    "Google Drive/My Drive",
)
_ON_WINDOWS = ("My Drive", "Shared drives/*", ".shortcut-targets-by-id/*")


def absolute(folder: Path) -> Path:
    """Return the folder as an absolute path without `~` and `..`."""
    return Path(os.path.abspath(folder.expanduser()))  # noqa: PTH100 - Path keeps `..`


def is_project(folder: Path) -> bool:
    """Whether `folder` is a project, that is, contains colabctl.yaml."""
    try:
        return (folder / CONFIG).is_file()
    except OSError:
        return False


def check_in_project(path: Path) -> None:
    """Raise UserError if a link leads `path` out of a project that it is in; others are allowed."""
    for folder in Path.cwd().joinpath(path).parents:
        if is_project(folder):
            check_inside(path, folder)


def find_root(
    option: Path | None, environ: Mapping[str, str], start: Path, drives: Iterable[Path]
) -> Path:
    """Return the project's folder as an absolute path.

    This is `option` (--root), else COLABCTL_ROOT, else `start` or the nearest project above it,
    else the only project directly in one of the `drives`. Raises UserError if there is none, or
    several.
    """
    for source, folder in (("--root", option), ("COLABCTL_ROOT", environ.get("COLABCTL_ROOT"))):
        if folder:
            return _chosen(source, absolute(Path(folder)))
    for folder in (start.absolute(), *start.absolute().parents):
        if is_project(folder):
            return folder
    unread: list[str] = []
    projects = _distinct(folder for drive in drives for folder in _projects(drive, unread))
    if len(projects) == 1:
        return projects[0]
    if projects:
        paths = ", ".join(map(str, projects))
        raise UserError(f"several projects: {paths}; choose one with --root or COLABCTL_ROOT")
    blame = f" ({'; '.join(unread)})" if unread else ""
    raise UserError(f"no project in {start.absolute()}, above it or on a Drive{blame}; {_FIX}")


def usual_drives(home: Path, top: Path = Path("/")) -> Iterator[Path]:
    """Yield the folders under `top` and `home` where a mounted Drive has projects.

    Lazily, because listing a Drive takes time, and find_root rarely needs it.
    """
    mounts = [(top, _ON_COLAB), (home, _AT_HOME)]
    if os.name == "nt":
        mounts.append((Path("G:/"), _ON_WINDOWS))
    for folder, patterns in mounts:
        for pattern in patterns:
            yield from _matching(folder, pattern)


def _chosen(source: str, folder: Path) -> Path:
    if is_project(folder):
        return folder
    if folder.is_dir():
        raise UserError(f"{source} {folder} is not a project: no {CONFIG} in it; run colabctl init")
    raise UserError(
        f"{source} {folder} is not a folder; check the path, and that the Drive is mounted"
    )


def _projects(drive: Path, unread: list[str]) -> Iterator[Path]:
    """Yield the projects among `drive` and the folders in it; add unreadable ones to `unread`."""
    if is_project(drive):
        yield drive
    try:
        inside = sorted(drive.iterdir())
    except FileNotFoundError:
        return
    except OSError as error:
        unread.append(f"{drive}: {error.strerror}")
        return
    yield from filter(is_project, inside)


def _matching(top: Path, pattern: str) -> list[Path]:
    """Return the matching paths; without `*`, the path itself, so that a dead mount is noticed."""
    if "*" not in pattern:
        return [top / pattern]
    paths = glob.glob(pattern, root_dir=top)  # noqa: PTH207 - Path.glob raises on a dead mount
    return [top / path for path in sorted(paths)]


def _distinct(folders: Iterable[Path]) -> list[Path]:
    """Return each folder once: on Colab, a shortcut in MyDrive is a link to the shared folder."""
    first: dict[str, Path] = {}
    for folder in folders:
        first.setdefault(os.path.realpath(folder), folder)
    return list(first.values())
