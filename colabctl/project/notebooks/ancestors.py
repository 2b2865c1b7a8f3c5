"""Finds earlier versions of a notebook: in git, in Jupyter's checkpoints, and as it was created.

An earlier version helps a merge to see who changed a cell. The shared folder is not trusted: both
commands of git that run here only read objects, without hooks, filters or a network.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from colabctl.errors import UserError
from colabctl.notebook.versions.saved import SavedNotebook, read_saved
from colabctl.project.config import load
from colabctl.project.layout import Layout
from colabctl.project.notebooks.starter import group_template, starter
from colabctl.project.root import is_project
from colabctl.sharedfs.droppings import original_of
from colabctl.sharedfs.files import read_file

_LARGEST = 100 << 20  # bytes of an earlier version
_MOST_VERSIONS = 20
_TIMEOUT = 20.0  # seconds for git
_CHECKPOINTS = ".ipynb_checkpoints"  # of Jupyter: the version that was last saved by hand
_ALONE = {
    "GIT_ALLOW_PROTOCOL": "",  # a clone can name a program to fetch missing objects with
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}


@dataclass(frozen=True)
class EarlierVersion:
    """An earlier version of one of two notebooks; its name says where it is from.

    Attributes:
        is_certain: whether both notebooks started from it. A saved version may be younger than the
            point where they parted.
    """

    notebook: SavedNotebook
    is_certain: bool = False


def earlier_versions(first: Path, second: Path) -> Iterator[EarlierVersion]:
    """Yield earlier versions of two notebooks, the newest first.

    A version that cannot be read is left out.
    """
    paths = list(dict.fromkeys([first.absolute(), second.absolute()]))
    for path in list(paths):
        original = original_of(path.name)
        if original is not None and path.with_name(original) not in paths:
            paths.append(path.with_name(original))
    for path in paths:
        checkpoint = path.parent / _CHECKPOINTS / f"{path.stem}-checkpoint{path.suffix}"
        with suppress(OSError, UserError):
            name = f"Jupyter's checkpoint of {path.name}"
            yield EarlierVersion(read_saved(read_file(checkpoint, _LARGEST), name))
    for path in paths:
        yield from map(EarlierVersion, _from_git(path))
    for path in paths:
        with suppress(OSError, UserError):
            if created := _as_created(path):
                yield created


@dataclass(frozen=True)
class _Git:
    program: str
    folder: Path

    def read(self, *arguments: str) -> bytes:
        """Return what a command prints; raise OSError or SubprocessError if it fails."""
        command = [self.program, "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}"]
        return subprocess.run(  # noqa: S603 - git of this machine; names are arguments, not options
            [*command, *arguments],
            cwd=self.folder,
            env={**os.environ, **_ALONE},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_TIMEOUT,
        ).stdout


def _from_git(path: Path) -> Iterator[SavedNotebook]:
    """Yield the committed versions of a file, the newest first."""
    program = shutil.which("git")
    if program is None or not any((folder / ".git").exists() for folder in path.parents):
        return
    git = _Git(program, path.parent)
    with suppress(OSError, subprocess.SubprocessError):
        commits = git.read(
            "rev-list", f"-n{_MOST_VERSIONS}", "HEAD", "--", f":(literal){path.name}"
        )
        for commit in commits.decode().split():
            with suppress(UserError, subprocess.SubprocessError):
                content = git.read("cat-file", "blob", f"{commit}:./{path.name}")
                if len(content) <= _LARGEST:
                    yield read_saved(content, f"{path.name} of commit {commit[:7]}")


def _as_created(path: Path) -> EarlierVersion | None:
    """Return a member's notebook as `notebook new` creates it; None for other notebooks."""
    root = next((folder for folder in path.parents if is_project(folder)), None)
    if root is None:
        return None
    config = load(root, {})
    layout: Layout = config.layout
    if not path.is_relative_to(layout.notebooks):
        return None
    member, *inner = path.relative_to(layout.notebooks).parts
    if not inner or original_of(path.name) is not None:
        return None
    if group_template(layout) is not None:  # it may be newer than the notebook
        return None
    content = starter(config.name, member, path.stem)
    created = replace(read_saved(content, path.name), name=f"{path.name} as it was created")
    return EarlierVersion(created, is_certain=True)
