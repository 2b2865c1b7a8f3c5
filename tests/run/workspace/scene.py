"""A project, its workspace, and what a task does there."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from colabctl.run import startup
from colabctl.run.startup.paths import VARIABLE
from colabctl.run.workspace.workspace import Workspace, create
from colabctl.task import Assignment, FileRecorder, Task
from tests.processes import clean


@dataclass(frozen=True)
class Scene:
    """A project and the workspaces of its slots."""

    project: Path
    frozen: Path
    workspaces: list[Path]

    @property
    def workspace(self) -> Path:
        return self.workspaces[0]

    def environ(self, slot: int = 0) -> dict[str, str]:
        return startup.environ(
            {
                **clean(os.environ),
                "COLABCTL_ROOT": str(self.project),
                VARIABLE: str(self.workspaces[slot]),
            }
        )

    def python(self, text: str) -> str:
        """Run a script of the frozen code, main.py, and return its output; it must not fail."""
        ran = self.started(text)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def started(self, text: str) -> "subprocess.CompletedProcess[str]":
        (self.workspace / "main.py").write_text(text)
        return subprocess.run(
            [sys.executable, "main.py"],
            cwd=self.workspace,
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def again(self) -> Path:
        """Create another workspace, for the project as it is now."""
        workspace = self.workspace.parent.with_name("again") / self.workspace.name
        create(self.frozen, self.project, [workspace])
        return workspace

    def slot(self, number: int = 0) -> Workspace:
        return Workspace(self.workspaces[number], self.project, self.frozen)

    def run(self, command: str, slot: int = 0) -> None:
        """Run a shell command as a task."""
        run_in(self.slot(slot), self.workspaces[slot], command)


def run_in(workspace: Workspace, folder: Path, command: str, own: str = "") -> None:
    """Run a shell command as a task of a workspace, with the task's own folder `own`."""

    def run(params: Mapping[str, Any], task: Task) -> dict[str, Any]:
        subprocess.run(command, shell=True, cwd=folder, check=True)
        return {}

    assignment = Assignment("s", "t000000", 0, 1, {}, own, result=str(folder.parent / "result"))
    task = Task(assignment, FileRecorder(assignment))
    assert workspace.around(run)({}, task) == {}


@pytest.fixture
def scene(tmp_path: Path) -> Callable[..., Scene]:
    """Return a function that makes a scene from the project's files and the names of frozen ones."""

    def make(files: Mapping[str, str], frozen: list[str], slots: int = 1, cwd: str = ".") -> Scene:
        project, code = tmp_path / "shared" / "churn", tmp_path / "scratch" / "code"
        for name, text in files.items():
            for folder in (project, *([code] if name in frozen else [])):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
        workspaces = [tmp_path / "scratch" / str(number) / "churn" for number in range(slots)]
        create(code, project, workspaces, cwd)
        return Scene(project, code, workspaces)

    return make
