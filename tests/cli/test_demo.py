"""`demo`: a complete project on real data, in one command."""

import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from colabctl.demo import _as_called
from tests.cli.conftest import Say
from tests.processes import COMMAND, Project, end

pytest.importorskip("sklearn")


@pytest.mark.slow
def test_the_demo_runs_and_leaves_a_project_in_which_every_command_works(
    project: Project, tmp_path: Path
) -> None:
    root = tmp_path / "my demo [/b]"
    shown = end(project.start("demo", str(root), "--trials", "1"))
    assert shown.code == 0, shown.err
    for name in (
        "random_forest",
        "svm",
        "logistic_regression",
        "iris",
        "wine",
        "breast_cancer",
        "digits",
    ):
        assert name in shown.out
    _, _, suggestions = shown.out.partition("try next:\n")
    commands = [shlex.split(line) for line in suggestions.splitlines()]
    assert len(commands) == 3
    for command in commands:
        assert command[: len(COMMAND)] == COMMAND
        assert project.run(*command[len(COMMAND) :]).code == 0, command
    page = root / "results/ana/demo-1.html"
    assert f"a page of figures, for any browser: {page}\n" in shown.out
    assert page.stat().st_size > 4e6
    with closing(sqlite3.connect(root / "results/ana/demo-1.sqlite")) as database:
        assert database.execute(
            "SELECT COUNT(*), MIN(accuracy) > 0.05 FROM results"
        ).fetchall() == [(12, 1)]

    def say(*arguments: str) -> str:
        finished = project.run(*arguments, "--root", str(root))
        assert finished.code == 0, finished.err
        return finished.out

    assert "4 files, all unchanged" in say("verify")
    assert "12/12 finished" in say("status", "demo-1")
    assert say("results", "demo-1", "--best", "5", "--format", "csv").count("\n") == 6
    assert say("member", "list") == "ana\nben\n"
    assert {
        row.split(",")[4] for row in say("results", "demo-1", "--format", "csv").splitlines()[1:]
    } == {
        "ana",
        "ben",
    }
    say("work", "demo-1", "--member", "ben")
    say("pause", "demo-1", "--member", "ben")

    again = end(project.start("demo", str(root), "--trials", "1"))
    assert again.code == 0, again.err


@pytest.mark.slow
def test_the_demo_runs_with_approvals_in_a_chosen_folder(project: Project, tmp_path: Path) -> None:
    chosen = {"COLABCTL_APPROVALS": str(tmp_path / "approvals")}
    shown = end(project.start("demo", str(tmp_path / "demo"), "--trials", "1", **chosen))
    assert shown.code == 0, shown.err


def test_the_demo_refuses_a_folder_that_is_not_empty(say: Say, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("")
    said = say("demo", str(tmp_path / "mine"))
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines()[-1].startswith(f"colabctl: {tmp_path}/mine is not empty")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_without_scikit_learn_the_demo_says_what_to_install(
    say: Say, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    said = say("demo", str(tmp_path / "new"))
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert "scikit-learn" in said.err
    assert not (tmp_path / "new").exists()


def test_the_demo_suggests_commands_as_the_reader_called_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "my bin/colabctl"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.setattr("sys.argv", [str(script), "demo"])
    monkeypatch.setenv("PATH", str(script.parent))
    assert _as_called() == "colabctl"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _as_called() == f"'{script}'"
