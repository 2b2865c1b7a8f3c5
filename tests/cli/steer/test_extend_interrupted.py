"""Ctrl-C while a sweep is extended: one line says what was added, and nothing half-written stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colabctl.ledger import extended, write_tasks
from tests.cli.conftest import FILE, TRAIN, Say
from tests.processes import Project
from tests.screen import Screen

EXTEND = "colabctl.declare.extend"


def interrupted_after(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that does the same, and is then interrupted as by Ctrl-C.

    A shell starts what runs in the background without that signal.
    """

    def called(*arguments: Any) -> Any:
        function(*arguments)
        raise KeyboardInterrupt

    return called


def test_at_the_question_nothing_was_changed(project: Project, say: Say, file: Path) -> None:
    assert say("sweep", str(file)).code == 0
    project.write("notebooks/ana/train.py", f"{TRAIN}\n# again\n")
    with Screen(project, "sweep", str(file), "--extend") as screen:
        screen.until(lambda shown: "[y/N]" in shown.text)
        screen.press_ctrl_c()
        assert screen.end() == 130
    assert screen.lines[-1] == "nothing was changed"
    assert "Aborted" not in screen.written
    assert project.status("s")["steering"] == []


@pytest.mark.parametrize(
    "command", [["extend", "s", "--value", "x=4"], ["sweep", "FILE", "--extend"]]
)
def test_before_the_record_is_written_nothing_was_added(
    project: Project, say: Say, file: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    assert say("sweep", str(file)).code == 0
    file.write_text(FILE.replace("3]", "3, 4]"))
    words = [str(file) if word == "FILE" else word for word in command]
    with monkeypatch.context() as patched:
        patched.setattr(f"{EXTEND}.write_tasks", interrupted_after(write_tasks))
        said = say(*words)
    assert (said.code, said.out, said.err) == (130, "", "interrupted; nothing was added to s\n")
    assert list((project.root / "sweeps" / "s").glob("extension-*")) == []
    assert say(*words).out == "s: 1 new task, 4 in all\n"


def test_after_the_record_is_written_the_extension_counts(
    project: Project, say: Say, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert say("sweep", str(file)).code == 0
    with monkeypatch.context() as patched:
        patched.setattr(f"{EXTEND}.extended", interrupted_after(extended))
        said = say("extend", "s", "--value", "x=4", "--value", "x=5")
    assert (said.code, said.out) == (130, "")
    assert said.err == "interrupted when it was done: s has 2 new tasks, 5 in all\n"
    assert project.status("s")["total"] == 5
