"""The workspace: the folder in which tasks run, with the frozen files over the project's.

It is on the worker's own disk and is named like the project. Frozen files are copies, at their
paths from the project's root. All other entries of the same folders are links to the project,
except code and caches. So a task finds everything at its usual place, but runs only frozen code.

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
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Self

from colabctl.run.function import Run
from colabctl.run.settings import Settings
from colabctl.run.startup.paths import DROPPINGS, Paths, is_code, is_linked, link, remove, system
from colabctl.task import Task

# A folder that changes twice in one tick of its clock keeps the time of the first change.
_TICK = 50_000_000  # nanoseconds
_SHARE = 20  # looking for new entries takes at most a twentieth of the time
# A task this short (in seconds) has started no process; what it left is moved a little later.
_INSTANT = 0.0002
_STEP = 1.0  # seconds between looks while a task runs, and later up to:
_LONGEST_STEP = 30.0


def create(frozen: Path, project: Path, workspaces: Sequence[Path]) -> None:
    """Create workspaces with the frozen files of the folder `frozen`; list the project once.

    Raises OSError if this machine has no links.
    """
    if os.name != "posix":
        raise OSError("this system has no links for everyone")
    files = sorted(path.relative_to(frozen).as_posix() for path in _files(frozen))
    folders = {".", *(str(folder) for file in files for folder in PurePosixPath(file).parents)}
    names = {folder: _names(project / folder) for folder in sorted(folders)}
    for workspace in workspaces:
        paths = Paths(str(workspace), str(project))
        for folder in sorted(folders):
            (workspace / folder).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy2(frozen / file, workspace / file)
        for folder in folders:
            paths.mirror(os.path.normpath(workspace / folder), names[folder])


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _names(folder: str | Path) -> list[str]:
    """List a folder of the project; nothing if it is gone, or cannot be read."""
    try:
        names: list[str] = system.listdir(folder)
    except OSError:
        return []
    return names


class _Seen(NamedTuple):
    """A folder of the workspace at the last look.

    Attributes:
        changed: the time of its last change, in nanoseconds; -1 if it may have changed since.
        folders: its folders that are no links.
        code: files that a task created and that stay here.
    """

    changed: int
    folders: list[str]
    code: list[str]


class Workspace:
    """The workspace of one slot.

    Args:
        folder: the workspace, an absolute path without links.
        project: the project's folder, an absolute path.
        frozen: folder with the frozen files as they were declared.
    """

    def __init__(self, folder: Path, project: Path, frozen: Path) -> None:
        self._paths = Paths(str(folder), str(project))
        self._frozen = {
            f"{folder}/{path.relative_to(frozen).as_posix()}": (path, _signature(path))
            for path in _files(frozen)
        }
        self._seen: dict[str, _Seen] = {}
        self._lock = threading.Lock()  # held while this changes the workspace
        self._thread: threading.Thread | None = None
        self._started: float | None = None  # when the running task started
        self._look_at = 0.0  # when to look for new entries of the project
        self._here, self._there = (
            json.dumps(path)[1:-1].encode() for path in (str(folder), str(project))
        )

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the workspace in which a process with these settings runs tasks, if it has one."""
        if not settings.frozen:
            return None
        return cls(Path(settings.code), Path(settings.root), Path(settings.frozen))

    def around(self, run: Run) -> Run:
        """Prepare the workspace before each task, and tidy it afterwards."""

        def run_here(params: dict[str, Any], task: Task) -> dict[str, Any]:
            self.prepare()
            try:
                metrics = run(params, task)
            except BaseException:
                with suppress(OSError):
                    self.tidy()
                raise
            if self._started is None or time.monotonic() - self._started > _INSTANT:
                self.tidy()
            return metrics

        return run_here

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
                    self._copy_new(self._paths.workspace)
                    self._refresh()
                pause = min(_LONGEST_STEP, (now - self._started) / _SHARE)
                self._look_at = max(self._look_at, now + pause)

    def _copy_new(self, folder: str) -> None:
        for entry in list(system.scandir(folder)):
            path: str = entry.path
            if entry.name in DROPPINGS or path in self._frozen or entry.is_symlink():
                continue
            if entry.is_dir():
                self._copy_new(path)
            elif entry.is_file():
                self._copy(path)

    def translated(self, message: bytes) -> bytes:
        """Return JSON with the project's paths in the place of the workspace's."""
        return message.replace(self._here, self._there)

    # -- before a task ----------------------------------------------------------------------

    def prepare(self) -> None:
        """Restore frozen files that a task changed, and link to new entries of the project.

        Until `tidy`, a thread keeps the workspace and the project in step.
        """
        with self._lock:
            for file, (original, signature) in self._frozen.items():
                if _signature(file) != signature:
                    self._restore(original, file)
            self._started = time.monotonic()
            if self._started >= self._look_at:
                self._refresh()
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_in_step, daemon=True)
            self._thread.start()

    def _refresh(self) -> None:
        """Link to new entries of the project, and remove links to those that are gone."""
        started = time.monotonic()
        for folder in list(self._real_folders(self._paths.workspace)):
            there, names = self._paths.outward(folder), set(system.listdir(folder))
            listed = set(_names(there))
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

        An older file does not replace a newer one. Raises OSError if the project cannot be
        written.
        """
        with self._lock:
            self._started = None
            self._tidy(self._paths.workspace)

    def _tidy(self, folder: str) -> None:
        seen = self._look(folder)
        for name in seen.code:
            self._copy(f"{folder}/{name}")
        for name in seen.folders:
            self._tidy(f"{folder}/{name}")

    def _look(self, folder: str) -> _Seen:
        """Return what is here; first move new files to the project, unless nothing changed."""
        changed = system.stat(folder).st_mtime_ns
        seen = self._seen.get(folder)
        if seen is not None and seen.changed == changed:
            return seen
        folders, code = [], []
        for entry in list(system.scandir(folder)):
            path: str = entry.path
            if entry.name in DROPPINGS or path in self._frozen:
                continue
            if entry.is_symlink():
                self._adopt_link(path)
            elif entry.is_dir():
                if self._keeps(path) or self._adopt_folder(path):
                    folders.append(entry.name)
            elif is_code(entry.name):
                code.append(entry.name)
            elif entry.is_file():  # no socket, no pipe
                self._move(path)
                link(self._paths.outward(path), path)
        changed = system.stat(folder).st_mtime_ns
        still = time.time_ns() - changed > _TICK
        self._seen[folder] = seen = _Seen(changed if still else -1, folders, code)
        return seen

    def _keeps(self, folder: str) -> bool:
        """Whether a folder has frozen files, or has been looked at before."""
        start = f"{folder}/"
        return folder in self._seen or any(file.startswith(start) for file in self._frozen)

    def _adopt_folder(self, folder: str) -> bool:
        """Move a new folder's content to the project; return whether it stays, for its code."""
        there = self._paths.outward(folder)
        os.makedirs(there, exist_ok=True)
        stays = False
        for entry in list(system.scandir(folder)):
            path: str = entry.path
            if entry.name in DROPPINGS:
                continue
            if entry.is_symlink():
                self._adopt_link(path)
            elif entry.is_dir():
                stays = self._adopt_folder(path) or stays
            elif is_code(entry.name):
                self._copy(path)
                stays = True
            elif entry.is_file():
                self._move(path)
        if stays:
            self._paths.mirror(folder, _names(there))
        else:
            shutil.rmtree(folder)
            link(there, folder)
        return stays

    def _adopt_link(self, path: str) -> None:
        """Let a link that a task made or renamed here exist in the project."""
        there, target = self._paths.outward(path), system.readlink(path)
        if target == there:
            return
        renamed = self._paths.inward(target)
        if renamed != target and not _signature(renamed) and os.path.lexists(target):
            os.replace(target, there)
        elif not os.path.lexists(there):
            os.symlink(self._paths.outward(target), there)
        remove(path)
        if is_linked(os.path.basename(path)):
            link(there, path)

    def _move(self, path: str) -> None:
        self._copy(path)
        remove(path)

    def _copy(self, path: str) -> None:
        """Copy a file to the project, unless the one there is as new; nobody sees a part of it."""
        there = os.path.realpath(self._paths.outward(path))
        with suppress(FileNotFoundError):
            if os.stat(there).st_mtime_ns >= os.stat(path).st_mtime_ns:
                return
        os.makedirs(os.path.dirname(there), exist_ok=True)
        part = f"{there}.{os.getpid()}.part"
        try:
            shutil.copy2(path, part)
            os.replace(part, there)
        except BaseException:
            remove(part)
            raise

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
        self._paths.mirror(folder, _names(self._paths.outward(folder)))


def _signature(path: str | Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is written; None if there is none."""
    try:
        status = system.lstat(path)
    except OSError:
        return None
    return status.st_mode, status.st_size, status.st_mtime_ns


def tidy_after(settings: Settings) -> str:
    """Tidy the workspace of a process that has ended; return what went wrong, in one line."""
    workspace = Workspace.of(settings)
    try:
        if workspace is not None:
            workspace.tidy()
    except OSError as error:
        return f"\ncolabctl: files in {settings.code} cannot be moved to the project: {error}"
    return ""
