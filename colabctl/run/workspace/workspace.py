"""The workspace: the folder in which tasks run, with the frozen files over the project's.

It is on the worker's own disk and is named like the project. Frozen files are copies, at their
paths from the project's root. All other entries of the same folders are links to the project,
except code, caches, and files that configure programs. So a task finds everything at its usual
place, but runs only frozen code.

What a task creates must land in the project. In Python, that happens at once, see
startup/filesystem.py. What a task creates in other ways, such as in a shell, is moved when the task
ends. Code that a task creates is copied, and also stays here, because code cannot be imported from
the project.

Each slot has a workspace of its own. So when its task ends, no other task has files open in it.
"""

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Self

from colabctl.run.outages import wait_out
from colabctl.run.settings import Settings
from colabctl.run.startup.paths import (
    DROPPINGS,
    VARIABLE,
    Paths,
    is_linked,
    link,
    list_folder,
    remove,
    system,
)
from colabctl.run.workspace.new_files import NewFiles
from colabctl.run.workspace.repository import imitate_repository
from colabctl.sharedfs.faults import does_not_answer
from colabctl.task import Task

if TYPE_CHECKING:  # a worker, which creates workspaces, calls no function
    from colabctl.run.function import Run

_SHARE = 50  # looking for new entries takes at most a fiftieth of the time
# A task this short (in seconds) has started no process; what it left is moved a little later.
_INSTANT = 0.0002
_TEMPORARY = ("restored", "renamed-")  # files of ours next to a workspace
_STEP = 1.0  # seconds between looks while a task runs, and later up to:
_LONGEST_STEP = 30.0


def create(
    frozen: Path,
    project: Path,
    workspaces: Sequence[Path],
    cwd: str = ".",
    staged: Mapping[str, str] | None = None,
) -> None:
    """Create workspaces with the frozen files of the folder `frozen`; list the project once.

    The tasks' current folder, `cwd` from the project's root, is not a link either. `staged` are
    copies on this machine by the path from the project's root that they stand at. Raises OSError
    if this machine has no links.
    """
    if os.name != "posix":
        raise OSError("this system has no links for everyone")
    files = sorted(path.relative_to(frozen).as_posix() for path in _files(frozen))
    folders = {".", *(str(folder) for file in files for folder in PurePosixPath(file).parents)}
    names = {folder: _names_in(str(project / folder)) for folder in sorted(folders)}
    for workspace in workspaces:
        paths = Paths(str(workspace), str(project))
        for folder in sorted(folders):
            (workspace / folder).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy2(frozen / file, workspace / file)
        for folder in folders:
            paths.mirror(os.path.normpath(workspace / folder), names[folder])
        paths.unfold(os.path.normpath(workspace / cwd))
        for path, copy in (staged or {}).items():
            paths.show_staged(path, copy)
        imitate_repository(project, workspace)
        # What is next to the project, for paths such as ../data.
        for name in list_folder(project.parent):
            if is_linked(name) and name != project.name:
                link(str(project.parent / name), str(workspace.parent / name))
        imitate_repository(project.parent, workspace.parent)


def _names_in(folder: str) -> list[str]:
    """Return the names in a folder of the project, none if it is gone or may not be read.

    Raises OSError if the project does not answer: a task would miss its data.
    """
    try:
        return list(system.listdir(folder))
    except OSError as error:
        if does_not_answer(error):
            raise
        return []


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


class Workspace:
    """The workspace of one slot.

    Args:
        folder: the workspace, an absolute path without links.
        project: the project's folder, an absolute path.
        frozen: folder with the frozen files as they were declared.
        staged: paths from the project's root that lead to copies on this machine's disk.
    """

    def __init__(
        self, folder: Path, project: Path, frozen: Path, staged: Sequence[str] = ()
    ) -> None:
        self._paths = Paths(str(folder), str(project), staged)
        self._frozen = {
            f"{folder}/{path.relative_to(frozen).as_posix()}": (path, _signature(path))
            for path in _files(frozen)
        }
        self._new_files = NewFiles(self._paths, self._frozen)
        self._lock = threading.Lock()  # held while this changes the workspace
        self._thread: threading.Thread | None = None
        self._started: float | None = None  # when the running task started
        self._around_changed = -1  # when the folder around it was last seen to change
        self._look_at = 0.0  # when to look for new entries of the project
        self._here, self._there = (
            json.dumps(path)[1:-1].encode() for path in (str(folder), str(project))
        )

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the workspace in which a process with these settings runs tasks, if it has one."""
        if not settings.frozen:
            return None
        folder, project = Path(settings.code), Path(settings.root)
        return cls(folder, project, Path(settings.frozen), settings.staged)

    def around(self, run: "Run") -> "Run":
        """Prepare the workspace before each task, and tidy it afterwards."""
        process = os.getpid()

        def run_here(params: dict[str, Any], task: Task) -> dict[str, Any]:
            wait_out(self.prepare)
            try:
                metrics = run(params, task)
            except BaseException:
                if os.getpid() == process:  # not in a process that the task forked
                    with suppress(OSError):
                        self._restore_all(task.assignment.folder)
                        self.tidy()
                raise
            if os.getpid() == process:
                self._restore_all(task.assignment.folder)
                if self._lasted():
                    self.tidy()
            return metrics

        return run_here

    def _lasted(self) -> bool:
        return self._started is None or time.monotonic() - self._started > _INSTANT

    def _keep_in_step(self) -> None:
        """Copy new files of a running task to the project, and link to new entries there.

        So nothing of a long task is lost with the machine.
        """
        while True:
            time.sleep(_STEP)
            with self._lock:
                now = time.monotonic()
                if self._started is None or now < max(self._look_at, self._started + _STEP):
                    continue
                with suppress(OSError):  # a lasting one shows when the task ends
                    self._new_files.copy()
                    self._refresh()
                pause = min(_LONGEST_STEP, (now - self._started) / _SHARE)
                self._look_at = max(self._look_at, now + pause)

    def translated(self, message: bytes) -> bytes:
        """Return JSON with the project's paths in the place of the workspace's."""
        return message.replace(self._here, self._there)

    # -- before a task ----------------------------------------------------------------------

    def prepare(self) -> None:
        """Link to new entries of the project, and at first, restore frozen files.

        Until `tidy`, a thread keeps the workspace and the project in step.
        """
        if self._thread is None:
            self._restore_all()
        with self._lock:
            self._started = time.monotonic()
            if self._started >= self._look_at:
                self._refresh()
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_in_step, daemon=True)
            self._thread.start()

    def _restore_all(self, folder: str = "") -> None:
        """Restore frozen files that a task changed; first copy them to the task's folder."""
        for file, (original, signature) in self._frozen.items():
            if _signature(file) == signature:
                continue
            if folder and os.path.isfile(file):
                copy = f"{folder}{file[len(self._paths.workspace) :]}"
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                shutil.copyfile(file, copy)
            with self._lock:
                self._restore(original, file)

    def _refresh(self) -> None:
        """Link to new entries of the project, and remove links to those that are gone."""
        started = time.monotonic()
        for folder in list(self._real_folders(self._paths.workspace)):
            there, names = self._paths.outward(folder), set(system.listdir(folder))
            listed = set(_names_in(there))
            self._paths.mirror(folder, listed - names)
            for name in names - listed:  # a listing of a Drive may not be complete
                here = f"{folder}/{name}"
                if self._is_link(here) and not os.path.lexists(f"{there}/{name}"):
                    remove(here)
        ended = time.monotonic()
        self._look_at = ended + _SHARE * (ended - started)

    def _real_folders(self, folder: str) -> Iterator[str]:
        """Yield the folders that are no links and exist in the project as well."""
        yield folder
        for entry in list(system.scandir(folder)):
            real = entry.is_dir(follow_symlinks=False) and entry.name not in DROPPINGS
            if real and os.path.isdir(self._paths.outward(entry.path)):
                yield from self._real_folders(entry.path)

    def _is_link(self, path: str) -> bool:
        """Whether a path is a link to the project's entry for it."""
        try:
            return bool(system.readlink(path) == self._paths.outward(path))
        except OSError:
            return False

    # -- after a task -----------------------------------------------------------------------

    def tidy(self) -> None:
        """Move what a task created here to the project.

        It replaces files that were there before the task, as the task meant it. Raises OSError if
        the project cannot be written.
        """
        with self._lock:
            started, self._started = self._started, None
            since = None if started is None else time.time() - (time.monotonic() - started)
            self._new_files.move(since)
            self._move_siblings()

    def _move_siblings(self) -> None:
        """Move what a task created next to its project; what is there already stays as it is."""
        around, project = Path(self._paths.workspace).parent, Path(self._paths.project)
        changed = system.stat(str(around)).st_mtime_ns
        if changed == self._around_changed:
            return
        for entry in list(system.scandir(str(around))):
            there = project.parent / entry.name
            ours = entry.name == project.name or entry.name.startswith(_TEMPORARY)
            if not (ours or entry.is_symlink() or os.path.lexists(there)):
                shutil.move(entry.path, there)
                link(str(there), entry.path)
        self._around_changed = system.stat(str(around)).st_mtime_ns

    def _restore(self, original: Path, file: str) -> None:
        """Put a frozen file back."""
        self._make_folder(os.path.dirname(file))
        part = f"{os.path.dirname(self._paths.workspace)}/restored"
        shutil.copy2(original, part)
        if os.path.isdir(file) and not os.path.islink(file):
            shutil.rmtree(file)
        system.rename(part, file)

    def _make_folder(self, folder: str) -> None:
        if self._paths.is_real(folder) and os.path.isdir(folder):
            return
        self._make_folder(os.path.dirname(folder))
        remove(folder)
        system.mkdir(folder)
        self._paths.mirror(folder, _names_in(self._paths.outward(folder)))


def _signature(path: str | Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is written; None if there is none."""
    try:
        status = system.lstat(path)
    except OSError:
        return None
    return status.st_mode, status.st_size, status.st_mtime_ns


def tidy_after(workspace: Workspace | None) -> str:
    """Tidy the workspace of a process that has ended; return what went wrong, in one line."""
    try:
        if workspace is not None:
            workspace.tidy()
    except OSError as error:
        return f"\ncolabctl: files of the task cannot be moved to the project: {error}"
    return ""


def path_translator(environ: Mapping[str, str]) -> Callable[[str], str]:
    """Return a function that puts the project's paths in the place of the workspace's in a text.

    `environ` is the environment of a task; for any other process, the function changes nothing.
    """
    here, there = environ.get(VARIABLE), environ.get("COLABCTL_ROOT")
    return (lambda text: text.replace(here, there)) if here and there else str
