"""The two folders that a task sees as one: its workspace, and the project behind it.

The workspace holds the frozen files. All other entries of the same folders are links to the
project, except code and what configures programs: what is not frozen must not run. So a folder
without frozen files is one link. See colabctl/run/workspace/.

This file is loaded on its own, into any Python 3 that a task starts, so it imports nothing from
colabctl. It calls the functions of the operating system directly, because filesystem.py replaces
those of `os`.
"""

from __future__ import annotations  # for the oldest Python that a task may start

import os
import stat
from collections.abc import Iterable
from importlib import import_module
from typing import Any, NamedTuple

from .settings_files import configures

system: Any = import_module(os.name)  # posix or nt

VARIABLE = "COLABCTL_WORKSPACE"
"""The environment variable with the path of the task's workspace."""

STAGED = "COLABCTL_WORKSPACE_STAGED"
"""The environment variable with a line for each staged copy: its path, a tab, and the path from the
project's root that leads to it, or nothing."""

_CODE = (".py", ".pyw", ".pyc", ".ipynb", ".so", ".pyd")
DROPPINGS = frozenset({"__pycache__", ".ipynb_checkpoints", ".git"})


def is_code(name: str) -> bool:
    """Whether a file of this name is code for Python or Jupyter, or configures programs."""
    return name.lower().endswith(_CODE) or configures(name)


def is_linked(name: str) -> bool:
    """Whether the workspace links to a project's entry of this name."""
    return name.lower() not in DROPPINGS and not is_code(name)


def list_folder(folder: Any) -> list[str]:
    """Return the names in a folder; none if it is gone, or cannot be read."""
    try:
        names: list[str] = system.listdir(folder)
    except OSError:
        return []
    return names


def mode_of(path: str) -> int:
    """Return the mode of an entry, without following a link; 0 if there is none."""
    try:
        return int(system.lstat(path).st_mode)
    except OSError:
        return 0


class Entry(NamedTuple):
    """An entry of a folder of the workspace, and the project's entry that it stands for."""

    here: str
    there: str
    exists: bool  # in the workspace, as a link


class Paths:
    """Which path of the workspace stands for which path of the project.

    Args:
        workspace: the workspace, an absolute path without links.
        project: the project's folder, an absolute path.
        staged: paths from the project's root that lead to copies on this machine's disk.
    """

    def __init__(self, workspace: str, project: str, staged: Iterable[str] = ()) -> None:
        self.workspace = workspace
        self.project = project
        self.real = os.path.realpath(project)
        self.staged = [workspace + os.sep + path.replace("/", os.sep) for path in staged if path]

    def full(self, path: Any) -> str:
        """Return a path as an absolute one; what the task reaches through links stays inside."""
        text = os.fsdecode(path)
        if not text.startswith(os.sep):
            text = os.path.join(self.inward(system.getcwd()), text)
        return os.path.normpath(text)

    def inside(self, full: str) -> bool:
        """Whether an absolute path is below the workspace."""
        return full.startswith(self.workspace + os.sep)

    def outward(self, full: str) -> str:
        """Return the project's path for a path of the workspace; others stay as they are."""
        if full == self.workspace or self.inside(full):
            return self.project + full[len(self.workspace) :]
        return full

    def inward(self, full: str) -> str:
        """Return the workspace's path for a path of the project; others stay as they are."""
        for folder in (self.project, self.real):
            if full == folder or full.startswith(folder + os.sep):
                return self.workspace + full[len(folder) :]
        return full

    def is_real(self, full: str) -> bool:
        """Whether a path of the workspace exists and leads through no link."""
        if full == self.workspace:
            return True
        if not self.inside(full):
            return False
        kind = mode_of(full)
        if not kind or stat.S_ISLNK(kind):
            return False
        return self.is_real(os.path.dirname(full))

    def entry(self, path: Any) -> Entry | None:
        """Return the entry for a path that belongs into the project; None for any other path.

        It belongs there if its folder is in both trees, and it is a link or does not exist yet.
        """
        full = self.full(path)
        if not self.inside(full):
            return None
        folder, name = os.path.split(full)
        if not is_linked(name) or not self.is_real(folder):
            return None
        there = self.outward(full)
        kind = mode_of(full)
        if stat.S_ISLNK(kind):
            return Entry(full, there, exists=True) if system.readlink(full) == there else None
        if kind or not os.path.isdir(os.path.dirname(there)):
            return None
        return Entry(full, there, exists=False)

    def settle(self, entry: Entry) -> bool:
        """Link to the project's entry if there is one, else remove the link; return which."""
        exists, linked = bool(mode_of(entry.there)), mode_of(entry.here)
        if exists and not linked:
            link(entry.there, entry.here)
        elif not exists and stat.S_ISLNK(linked):
            remove(entry.here)
        return exists

    def show_staged(self, path: str, copy: str) -> None:
        """Let a path from the project's root lead to a copy on this machine's disk."""
        here = self.workspace + os.sep + path.replace("/", os.sep)
        self.unfold(os.path.dirname(here))
        if stat.S_ISLNK(mode_of(here)):
            remove(here)
        link(copy, here)

    def find(self, path: Any) -> bool:
        """Link to what others have created in the project on the way to a path; return if so."""
        full = self.full(path)
        while self.inside(full):
            folder = os.path.dirname(full)
            if self.is_real(folder):
                entry = None if mode_of(full) else self.entry(full)
                return entry is not None and self.settle(entry)
            full = folder
        return False

    def unfold(self, full: str) -> None:
        """Replace the links on the way to a folder by folders that hold links.

        A file that is then created in the folder stays in the workspace.
        """
        if not self.inside(full) or self.is_real(full):
            return
        self.unfold(os.path.dirname(full))
        there = self.outward(full)
        if not stat.S_ISLNK(mode_of(full)) or system.readlink(full) != there:
            return
        names = system.listdir(there)
        stands_here = self.inward(system.getcwd())
        remove(full)
        system.mkdir(full)
        self.mirror(full, names)
        if stands_here == full or stands_here.startswith(full + os.sep):
            system.chdir(stands_here)

    def mirror(self, folder: str, names: Iterable[str]) -> None:
        """Link to these entries of the project's folder, except code and what exists here."""
        there = self.outward(folder)
        for name in names:
            if is_linked(name):
                link(f"{there}{os.sep}{name}", f"{folder}{os.sep}{name}")


def link(target: str, path: str) -> None:
    """Create a link, unless something has the path already."""
    try:
        system.symlink(target, path)
    except FileExistsError:
        pass


def remove(path: str) -> None:
    """Remove a file or a link, if it exists."""
    try:
        system.unlink(path)
    except FileNotFoundError:
        pass
