"""Knows every path of a project: what lies where under its root, and nothing of what is in it."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import permutations
from pathlib import Path, PurePosixPath
from typing import Self

from colabctl.errors import UserError
from colabctl.sharedfs.names import check_folder, check_name

CONFIG = "colabctl.yaml"
_RECORDS = ".colabctl"
_SWEEPS = "sweeps"
_WORKERS = "workers"
_FINAL = "final"
_MANIFEST = ".manifest.json"
_PER_FOLDER = 100  # tasks whose attempts share a folder
_LONGEST_WRITER = 128  # a writer's name is a member's, a host's, a date and a random part


def check_member(name: str) -> str:
    """Return `name` if a member can be called that.

    Raises UserError for what check_name refuses, and for the names of the folders that lie
    beside the members' own.
    """
    name = check_name(name, "member")
    if name.casefold() in {_WORKERS, _FINAL}:
        raise UserError(f"member name {name!r} is a folder of every project; choose another")
    return name


@dataclass(frozen=True)
class Paths:
    """Where the folders that a project may move lie: POSIX paths from its root."""

    data: str = "data"
    raw: str = "data/raw"
    interim: str = "data/interim"
    processed: str = "data/processed"
    notebooks: str = "notebooks"
    results: str = "results"
    checkpoints: str = "checkpoints"

    @classmethod
    def moved(cls, given: Mapping[str, str]) -> Self:
        """Return the usual paths with those in `given` in place of theirs.

        Where only `data` moves, what lies in it moves along. Raises UserError for a path that is
        absolute, leaves the project, or would put one folder into another that is not `data`.
        """
        moved = {name: check_folder(path, f"paths.{name}") for name, path in given.items()}
        data = moved.get("data", cls.data)
        inside = {name: f"{data}/{name}" for name in ("raw", "interim", "processed")}
        paths = cls(**{**inside, **moved})
        paths._check_apart()
        return paths

    def _check_apart(self) -> None:
        places = {f"paths.{field.name}": getattr(self, field.name) for field in fields(self)}
        del places["paths.data"]  # holds others by design
        for (name, path), (other, above) in permutations([*places.items(), (_SWEEPS, _SWEEPS)], 2):
            if _inside(path, above):
                raise UserError(f"{name} ({path}) lies in {other} ({above}); keep them apart")


def _inside(path: str, above: str) -> bool:
    """Say whether `path` is `above` or lies in it, on a system that takes A and a for one."""
    return PurePosixPath(path.casefold()).is_relative_to(above.casefold())


@dataclass(frozen=True)
class Layout:
    """The paths of the project whose folder is `root`; none of them need exist.

    A name that is no safe file name raises UserError, so no record or journal written by
    somebody else leads out of the project.
    """

    root: Path
    paths: Paths = Paths()

    @property
    def config(self) -> Path:
        """The configuration; the folder that holds it is a project."""
        return self.root / CONFIG

    @property
    def data(self) -> Path:
        """All data."""
        return self.root / self.paths.data

    @property
    def raw(self) -> Path:
        """The originals, which nothing may change."""
        return self.root / self.paths.raw

    @property
    def interim(self) -> Path:
        """Data on its way from raw to processed."""
        return self.root / self.paths.interim

    @property
    def processed(self) -> Path:
        """Data that models are made from."""
        return self.root / self.paths.processed

    def manifest(self, folder: Path) -> Path:
        """Return the file of checksums of `folder`: beside it, so that it is not one of them."""
        return folder.with_name(folder.name + _MANIFEST)

    @property
    def notebooks(self) -> Path:
        """A folder for each member, and one for the workers."""
        return self.root / self.paths.notebooks

    def member_notebooks(self, member: str) -> Path:
        """Return the folder of notebooks that `member` writes and the others read."""
        return self.notebooks / check_member(member)

    def start_notebook(self, member: str) -> Path:
        """Return the notebook that `member` begins with."""
        return self.member_notebooks(member) / "start.ipynb"

    @property
    def worker_notebooks(self) -> Path:
        """Notebooks made by colabctl, each a worker of a sweep."""
        return self.notebooks / _WORKERS

    @property
    def results(self) -> Path:
        """A folder for each member, and one for what the group agreed on."""
        return self.root / self.paths.results

    def member_results(self, member: str) -> Path:
        """Return the folder for what `member` found."""
        return self.results / check_member(member)

    @property
    def final(self) -> Path:
        """What the group agreed on."""
        return self.results / _FINAL

    @property
    def checkpoints(self) -> Path:
        """A folder for each member."""
        return self.root / self.paths.checkpoints

    def member_checkpoints(self, member: str) -> Path:
        """Return the folder for what `member` saved in the middle of long work."""
        return self.checkpoints / check_member(member)

    @property
    def sweeps(self) -> Path:
        """A folder for each sweep."""
        return self.root / _SWEEPS

    def sweep(self, name: str) -> "SweepLayout":
        """Return the paths of the sweep `name`."""
        return SweepLayout(self.sweeps / check_name(name, "sweep"))

    @property
    def records(self) -> Path:
        """What colabctl keeps for itself: the wheel that workers install, and members' records."""
        return self.root / _RECORDS

    @property
    def member_records(self) -> Path:
        """A file for each member who came after the configuration was written."""
        return self.records / "members"

    @property
    def probes(self) -> Path:
        """A folder for each machine that measures how late files arrive."""
        return self.records / "probes"

    def member_record(self, member: str) -> Path:
        """Return the file that says that `member` is one."""
        return self.member_records / f"{check_member(member)}.json"

    def folders(self) -> Iterator[Path]:
        """Give the folders of every project, those above first."""
        yield from (self.root, self.data, self.raw, self.interim, self.processed)
        yield from (self.notebooks, self.worker_notebooks, self.results, self.final)
        yield from (self.checkpoints, self.sweeps)
        yield from (self.records, self.member_records, self.probes)

    def member_folders(self, member: str) -> Iterator[Path]:
        """Give the folders of `member`."""
        yield self.member_notebooks(member)
        yield self.member_results(member)
        yield self.member_checkpoints(member)

    def relative(self, path: Path) -> str:
        """Return `path` as people name it: from the root if it lies there, else as it is."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else f"{path}"
        )


@dataclass(frozen=True)
class SweepLayout:
    """The paths of one sweep, whose folder is `root`; none of them need exist."""

    root: Path

    @property
    def name(self) -> str:
        """What the sweep is called."""
        return self.root.name

    @property
    def declaration(self) -> Path:
        """The declaration, as given."""
        return self.root / "sweep.yaml"

    @property
    def plan(self) -> Path:
        """Format version, number of tasks, digest of the code, who declared it, when."""
        return self.root / "plan.json"

    @property
    def code(self) -> Path:
        """The frozen copy of what the tasks run."""
        return self.root / "code"

    @property
    def tasks(self) -> Path:
        """The task files."""
        return self.root / "tasks"

    def task_file(self, number: int) -> Path:
        """Return task file `number`, from 0: JSON Lines, so many to a file that files stay few."""
        return self.tasks / f"{number:05d}.jsonl"

    @property
    def journal(self) -> Path:
        """A folder for each writer."""
        return self.root / "journal"

    @property
    def lock(self) -> Path:
        """The lock that guards claims where locks reach all machines."""
        return self.root / "claims.lock"

    @property
    def runs(self) -> Path:
        """A folder for each writer, with what its attempts leave behind."""
        return self.root / "runs"

    def attempt(self, task: int, attempt: int, writer: str) -> Path:
        """Where one attempt (from 1) of a task (its index, from 0), made by `writer`, writes.

        runs/<writer>/<task // 10,000>/<task // 100 % 100>/<task>-<attempt>-<writer>: the folders
        on the way carry the writer's name, since two machines that make one folder on a Drive
        get two. With 100,000 tasks, all run by one writer, they hold 10, 100, and 100 times the
        attempts of a task.
        """
        return Path(self.attempts(writer)(task, attempt))

    def attempts(self, writer: str) -> Callable[[int, int], str]:
        """Return what gives the paths of one writer's attempts, many in a short time."""
        writer = check_name(writer, "writer", longest=_LONGEST_WRITER)
        start = str(self.runs / writer)

        def path(task: int, attempt: int) -> str:
            ten_thousands, hundreds = divmod(task // _PER_FOLDER, _PER_FOLDER)
            own = f"{task:06d}-{attempt}-{writer}"
            return f"{start}{os.sep}{ten_thousands:02d}{os.sep}{hundreds:02d}{os.sep}{own}"

        return path
