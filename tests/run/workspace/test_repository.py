"""Git in a workspace: it finds the project's history, and none of its commands."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from colabctl.run.startup.environment import clean
from tests.run.workspace.scene import Scene

Make = Callable[..., Scene]


@pytest.fixture
def hostile(scene: Make, tmp_path: Path) -> Scene:
    """Return a project with a repository whose configuration and hooks leave the file `ran`."""
    here = scene({"train.py": "", ".gitattributes": "*.txt filter=f diff=d\n"}, ["train.py"])
    project = here.project
    git(project, "init", "-q")
    git(project, "config", "user.email", "ana@example.org")
    git(project, "config", "user.name", "ana")
    (project / "notes.txt").write_text("a")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    script = tmp_path / "evil.sh"
    script.write_text(f'#!/bin/sh\necho "$0 $*" >> {tmp_path}/ran\ncat\n')
    script.chmod(0o755)
    (project / ".git/hooks").mkdir(exist_ok=True)
    for hook in ("pre-commit", "post-commit", "post-index-change", "reference-transaction"):
        (project / ".git/hooks" / hook).symlink_to(script)
    for key in ("core.fsmonitor", "filter.f.clean", "diff.d.textconv", "core.sshCommand"):
        git(project, "config", key, str(script))
    (project / "notes.txt").write_text("b")
    return here


AUTHOR = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Ana"), ("EMAIL", "ana@example.com"))
}
"""Who commits, because Git may not know this user."""


def git(folder: Path, *words: str, env: Mapping[str, str] | None = None) -> str:
    given = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1"} if env is None else env
    ran = subprocess.run(
        ["git", *words], cwd=folder, env=given, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_commands_of_the_project_s_configuration_do_run_without_protection(
    hostile: Scene, tmp_path: Path
) -> None:
    git(hostile.project, "status")
    assert (tmp_path / "ran").exists()


def test_in_a_workspace_git_reads_the_history_and_runs_nothing(
    hostile: Scene, tmp_path: Path
) -> None:
    again = hostile.again()
    environ = {**clean(os.environ, hostile.project), **AUTHOR}
    assert git(again, "log", "--format=%s", env=environ) == "first\n"
    assert git(again, "rev-parse", "HEAD", env=environ) == git(hostile.project, "rev-parse", "HEAD")
    git(again, "status", env=environ)
    git(again, "diff", env=environ)
    git(again, "add", "notes.txt", env=environ)
    (tmp_path / "ran").unlink(missing_ok=True)
    git(again, "commit", "-qm", "second", env=environ)
    assert not (tmp_path / "ran").exists()


def test_in_the_project_itself_fsmonitor_and_hooks_do_not_run(
    hostile: Scene, tmp_path: Path
) -> None:
    environ = clean(os.environ, hostile.project)
    # Filters are not closed there, see the guide.
    git(hostile.project, "rm", "-qf", ".gitattributes", env=environ)
    (tmp_path / "ran").unlink(missing_ok=True)
    git(hostile.project, "status", env=environ)
    git(hostile.project, "commit", "-qam", "second", env=environ)
    assert not (tmp_path / "ran").exists()


def test_a_folder_of_the_project_does_not_lead_to_its_repository(hostile: Scene) -> None:
    below = hostile.project / "data"
    below.mkdir()
    ran = subprocess.run(
        ["git", "status"], cwd=below, env=clean(os.environ, hostile.project),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "not a git repository" in ran.stderr


def test_a_folder_that_looks_like_a_bare_repository_is_none(scene: Make, tmp_path: Path) -> None:
    here = scene({"train.py": ""}, ["train.py"])
    git(here.project, "init", "-q", "--bare", ".")
    git(here.project, "config", "core.fsmonitor", f"touch {tmp_path}/ran; false")
    git(here.project, "config", "core.bare", "false")
    git(here.project, "config", "core.worktree", str(here.project))
    ran = subprocess.run(
        ["git", "status"], cwd=here.again(), env=clean(os.environ, here.project),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode
    assert not (tmp_path / "ran").exists()
