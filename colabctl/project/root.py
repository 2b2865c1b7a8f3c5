"""Finds the folder of the project that a command is meant for."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import CONFIG

_MEND = "run colabctl init, or say where the project is with --root or COLABCTL_ROOT"
# Folders in which people keep projects: on Colab, and where Drive for Desktop puts its drives.
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


def is_project(folder: Path) -> bool:
    """Say whether `folder` is a project as far as can be seen: whether it holds colabctl.yaml."""
    try:
        return (folder / CONFIG).is_file()
    except OSError:
        return False


def find_root(
    given: Path | None, environ: Mapping[str, str], start: Path, drives: Iterable[Path]
) -> Path:
    """Return the folder of the project, absolute.

    It is `given` (--root), else COLABCTL_ROOT, else `start` or the nearest folder above it that
    is a project, else the one project that lies directly in one of the `drives`. Raises UserError
    where that is none or several.
    """
    for source, folder in (("--root", given), ("COLABCTL_ROOT", environ.get("COLABCTL_ROOT"))):
        if folder:
            return _chosen(source, Path(folder).expanduser().absolute())
    for folder in (start.absolute(), *start.absolute().parents):
        if is_project(folder):
            return folder
    unread: list[str] = []
    found = _distinct(folder for drive in drives for folder in _projects(drive, unread))
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(map(str, found))
        raise UserError(f"several projects: {places}; choose one with --root or COLABCTL_ROOT")
    blame = f" ({'; '.join(unread)})" if unread else ""
    raise UserError(f"no project in {start.absolute()}, above it or on a Drive{blame}; {_MEND}")


def usual_drives(home: Path, top: Path = Path("/")) -> Iterator[Path]:
    """Give the folders under `top` and `home` where a Drive that is mounted keeps projects.

    Lazily, since listing a Drive takes time: find_root looks at them only if it must.
    """
    places = [(top, _ON_COLAB), (home, _AT_HOME)]
    if os.name == "nt":
        places.append((Path("G:/"), _ON_WINDOWS))
    for folder, patterns in places:
        for pattern in patterns:
            yield from _matching(folder, pattern)


def _chosen(source: str, folder: Path) -> Path:
    if is_project(folder):
        return folder
    if folder.is_dir():
        raise UserError(f"{source} {folder} is no project: it has no {CONFIG}; run colabctl init")
    raise UserError(f"{source} {folder} is not a folder; mount the Drive, or run colabctl init")


def _projects(drive: Path, unread: list[str]) -> Iterator[Path]:
    """Give the projects among `drive` and the folders directly in it; note what cannot be read."""
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
    """Return what matches; without a `*` the path itself, so that a mount that died is noticed."""
    if "*" not in pattern:
        return [top / pattern]
    paths = glob.glob(pattern, root_dir=top)  # noqa: PTH207 - Path.glob raises on a dead mount
    return [top / path for path in sorted(paths)]


def _distinct(folders: Iterable[Path]) -> list[Path]:
    """Return each folder once: on Colab a shortcut in MyDrive is a link to the shared folder."""
    first: dict[str, Path] = {}
    for folder in folders:
        first.setdefault(os.path.realpath(folder), folder)
    return list(first.values())
