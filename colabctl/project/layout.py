"""Gives every path in a project, without reading what is there."""

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
EARLIER = "earlier"
"""The folder in results/final that keeps what was replaced."""
_TEMPLATE = "template.ipynb"
_MANIFEST = ".manifest.json"
_SUMS = ".SHA256SUMS"
_NOTICE = ".READ-ONLY.txt"
_PER_FOLDER = 100  # tasks in each folder of attempts
_LONGEST_WRITER = 128  # a writer's name has a member, a host, a date and a random part


def check_member(name: str) -> str:
    """Return `name` if it is a valid member name.

    Raises UserError for a name that check_name refuses, and for the names of what is next to the
    members' own folders.
    """
    name = check_name(name, "member")
    if name.casefold() in {_WORKERS, _FINAL, _TEMPLATE}:
        kind = "file" if name.casefold() == _TEMPLATE else "folder"
        raise UserError(
            f"member name {name!r} is the name of a {kind} in every project; choose another"
        )
    return name


@dataclass(frozen=True)
class Paths:
    """The folders of a project that can be moved, as POSIX paths from its root."""

    data: str = "data"
    raw: str = "data/raw"
    interim: str = "data/interim"
    processed: str = "data/processed"
    notebooks: str = "notebooks"
    results: str = "results"
    checkpoints: str = "checkpoints"

    @classmethod
    def moved(cls, changes: Mapping[str, str]) -> Self:
        """Return the default paths with `changes` applied.

        `raw`, `interim` and `processed` move with `data`, unless they are changed too. Raises
        UserError for an absolute path, for one outside the project, and for one that would put a
        folder into another one than `data`.
        """
        moved = {name: check_folder(path, f"paths.{name}") for name, path in changes.items()}
        data = moved.get("data", cls.data)
        inside = {name: f"{data}/{name}" for name in ("raw", "interim", "processed")}
        paths = cls(**(inside | moved))
        paths._check_apart()
        return paths

    def _check_apart(self) -> None:
        paths = {f"paths.{field.name}": getattr(self, field.name) for field in fields(self)}
        del paths["paths.data"]  # contains others by design
        for (name, path), (other, above) in permutations([*paths.items(), (_SWEEPS, _SWEEPS)], 2):
            if _is_in(path, above):
                raise UserError(f"{name} ({path}) is inside {other} ({above}); keep them apart")


def _is_in(path: str, above: str) -> bool:
    """Whether `path` is `above` or inside it, on a file system that ignores case."""
    return PurePosixPath(path.casefold()).is_relative_to(above.casefold())


@dataclass(frozen=True)
class Layout:
    """The paths of the project in the folder `root`; none of them need to exist.

    A name that is not a safe file name raises UserError, so no record or journal that another
    person wrote can lead out of the project.
    """

    root: Path
    paths: Paths = Paths()

    @property
    def config(self) -> Path:
        """The configuration; a folder that contains it is a project."""
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
        """Data between raw and processed."""
        return self.root / self.paths.interim

    @property
    def processed(self) -> Path:
        """Data that models are trained on."""
        return self.root / self.paths.processed

    def manifest(self, folder: Path) -> Path:
        """Return the file with the checksums of `folder`, which is next to the folder."""
        return folder.with_name(folder.name + _MANIFEST)

    def sums(self, folder: Path) -> Path:
        """Return the file with the same checksums for `sha256sum -c`."""
        return folder.with_name(folder.name + _SUMS)

    def notice(self, folder: Path) -> Path:
        """Return the file that tells people about a protected folder, which is next to it.

        It is not in the folder, where programs that read all files would read it too.
        """
        return folder.with_name(folder.name + _NOTICE)

    @property
    def notebooks(self) -> Path:
        """A folder for each member, and one for the workers."""
        return self.root / self.paths.notebooks

    def member_notebooks(self, member: str) -> Path:
        """Return the folder for the notebooks of `member`, which the others can read."""
        return self.notebooks / check_member(member)

    def start_notebook(self, member: str) -> Path:
        """Return the starter notebook of `member`."""
        return self.member_notebooks(member) / "start.ipynb"

    @property
    def notebook_template(self) -> Path:
        """The notebook from which new ones are created, if the group has one."""
        return self.notebooks / _TEMPLATE

    @property
    def worker_notebooks(self) -> Path:
        """The generated notebooks, each a worker of a sweep."""
        return self.notebooks / _WORKERS

    @property
    def results(self) -> Path:
        """A folder for each member, and one for the final results."""
        return self.root / self.paths.results

    def member_results(self, member: str) -> Path:
        """Return the folder for the results of `member`."""
        return self.results / check_member(member)

    @property
    def final(self) -> Path:
        """The results that the group agreed on."""
        return self.results / _FINAL

    @property
    def earlier_finals(self) -> Path:
        """The final results that others have replaced."""
        return self.final / "earlier"

    @property
    def checkpoints(self) -> Path:
        """A folder for each member."""
        return self.root / self.paths.checkpoints

    def member_checkpoints(self, member: str) -> Path:
        """Return the folder for the checkpoints of `member`."""
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
        """The files of colabctl itself: the wheel that workers install, and members' records."""
        return self.root / _RECORDS

    @property
    def mirror(self) -> Path:
        """The file that says that this folder is a mirror of a store, so data comes on demand."""
        return self.records / "mirror"

    @property
    def member_records(self) -> Path:
        """A file for each member who is not in the configuration."""
        return self.records / "members"

    @property
    def archive(self) -> Path:
        """A file for each time that a sweep was archived, or was brought back."""
        return self.records / "archive"

    @property
    def probes(self) -> Path:
        """A folder for each process that measures how late files arrive."""
        return self.records / "probes"

    def member_record(self, member: str) -> Path:
        """Return the record of `member`."""
        return self.member_records / f"{check_member(member)}.json"

    def folders(self) -> Iterator[Path]:
        """Yield the folders of every project, outer ones first."""
        yield from (self.root, self.data, self.raw, self.interim, self.processed)
        yield from (self.notebooks, self.worker_notebooks, self.results, self.final)
        yield from (self.checkpoints, self.sweeps)
        yield from (self.records, self.member_records, self.archive, self.probes)

    def member_folders(self, member: str) -> Iterator[Path]:
        """Yield the folders of `member`."""
        yield self.member_notebooks(member)
        yield self.member_results(member)
        yield self.member_checkpoints(member)

    def relative(self, path: Path) -> str:
        """Return `path` for a message: from the root if it is in the project, else unchanged."""
        inside = path.is_relative_to(self.root)
        return path.relative_to(self.root).as_posix() if inside else str(path)


@dataclass(frozen=True)
class SweepLayout:
    """The paths of the sweep in the folder `root`; none of them need to exist.

    Attributes:
        called: the sweep's name, where its folder has another.
        twins: other folders that hold the same sweep, because several machines declared it at once.
        archived_by, archived_at: who archived the sweep, and when; None for one that is in use.
        replaced: whether another sweep has got its name.

    """

    root: Path
    called: str = ""
    twins: tuple[Path, ...] = ()
    archived_by: str = ""
    archived_at: float | None = None
    replaced: bool = False

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.called or self.root.name

    @property
    def declaration(self) -> Path:
        """The sweep file, unchanged."""
        return self.root / "sweep.yaml"

    @property
    def plan(self) -> Path:
        """The format version, number of tasks, digest of the code, who declared it and when."""
        return self.root / "plan.json"

    @property
    def code(self) -> Path:
        """The frozen code, which the tasks run."""
        return self.root / "code"

    @property
    def tasks(self) -> Path:
        """The task files."""
        return self.root / "tasks"

    @property
    def pilots(self) -> Path:
        """Records of the workers that an engine was asked to start, if there were any."""
        return self.root / "pilots"

    def folders(self) -> Iterator[Path]:
        """Yield the folders of every sweep, outer ones first."""
        yield from (self.root, self.code, self.tasks, self.journal, self.runs)

    def task_file(self, number: int) -> Path:
        """Return task file `number`, from 0: JSON Lines, with many tasks in each file."""
        return self.tasks / f"{number:05d}.jsonl"

    @property
    def journal(self) -> Path:
        """A folder for each writer."""
        return self.root / "journal"

    @property
    def claims(self) -> Path:
        """The shared log of claims, in a mirror whose store refuses to create a file twice."""
        return self.root / "claims"

    @property
    def lock(self) -> Path:
        """The lock that guards claims where locks work between machines."""
        return self.root / "claims.lock"

    @property
    def runs(self) -> Path:
        """A folder for each writer, with the files of its attempts."""
        return self.root / "runs"

    def outputs(self, writer: str) -> Path:
        """Return the folder with what the tasks of `writer` printed, see outputs.py."""
        return self.runs / check_name(writer, "writer", longest=_LONGEST_WRITER) / "output"

    def attempt(self, task: int, attempt: int, writer: str) -> Path:
        """Return the folder for one attempt (from 1) of a task (its index, from 0) by `writer`.

        It is runs/<writer>/<task // 10,000>/<task // 100 % 100>/<task>-<attempt>-<writer>. The
        outer folders belong to the writer, because a folder that two machines create on a Drive
        becomes two. If one writer runs all of 100,000 tasks, they have 10, 100, and 100 entries (or
        more with several attempts).
        """
        return Path(self.attempts(writer)(task, attempt))

    def attempts(self, writer: str) -> Callable[[int, int], str]:
        """Return a fast function from a task and an attempt of `writer` to the folder's path."""
        writer = check_name(writer, "writer", longest=_LONGEST_WRITER)
        start = str(self.runs / writer)

        def path(task: int, attempt: int) -> str:
            ten_thousands, hundreds = divmod(task // _PER_FOLDER, _PER_FOLDER)
            own = f"{task:06d}-{attempt}-{writer}"
            return f"{start}{os.sep}{ten_thousands:02d}{os.sep}{hundreds:02d}{os.sep}{own}"

        return path
