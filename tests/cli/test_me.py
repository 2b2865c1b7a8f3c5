"""`me`, and the question that a person on a terminal is asked instead of an error."""

import fcntl
import os
import pty
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.conftest import Say, refused
from tests.processes import COMMAND, Project, clean


@pytest.fixture(autouse=True)
def _machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "machine"))


def typed(
    project: Project, answers: Sequence[str], *arguments: str, **environ: str
) -> tuple[int, str]:
    """Run a command on a terminal of its own, answer each question; return code and screen."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=project.root,
        env={**clean(os.environ), "TERM": "dumb", **environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - for Ctrl-C
    ) as process:
        os.close(theirs)
        screen, left = b"", list(answers)
        while chunk := _read(ours):
            screen += chunk
            if left and screen.endswith(b"you? "):
                os.write(ours, left.pop(0).encode())
    os.close(ours)
    return process.returncode, screen.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux: the other end was closed
        return b""


def test_me_sets_the_member_once_and_shows_it(project: Project, say: Say) -> None:
    assert say("me", "BEN", COLABCTL_MEMBER="").out == "ben\n"
    assert say("me", COLABCTL_MEMBER="").out == "ben\n"
    assert say("me", "--json", COLABCTL_MEMBER="").json == {"member": "ben"}
    assert say("notebook", "new", "x", COLABCTL_MEMBER="").out.startswith("notebooks/ben/x.ipynb")


def test_the_option_and_the_variable_override_me(project: Project, say: Say) -> None:
    assert "COLABCTL_MEMBER=ana overrides this" in say("me", "ben").err
    assert say("me").out == "ana\n"
    made = say("notebook", "new", "x", "--member", "ben")
    assert made.out.startswith("notebooks/ben/x.ipynb")


def test_an_unknown_member_gets_a_similar_name(project: Project, say: Say) -> None:
    refused(say("me", "anna"), "'anna' is not a member", "did you mean ana?", "member add anna")


def test_scripts_get_an_error_where_a_terminal_is_asked(project: Project, say: Say) -> None:
    refused(say("me", COLABCTL_MEMBER=""), "which member are you: ana, ben?", "colabctl me NAME")


def test_a_terminal_is_asked_once(project: Project) -> None:
    code, screen = typed(project, ["eve\n", "ben\n"], "notebook", "new", "x")
    assert code == 0
    assert "the members of this project are ana, ben" in screen
    assert "'eve' is not one of ana, ben" in screen
    assert "you are ben in this project on this machine" in screen
    code, screen = typed(project, [], "notebook", "new", "y")
    assert (code, screen.split()[0]) == (0, "notebooks/ben/y.ipynb")


def test_a_terminal_without_an_answer_gets_the_error(project: Project) -> None:
    code, screen = typed(project, ["\x04"], "me")  # Ctrl-D
    assert code == 1
    assert "or use --member or COLABCTL_MEMBER" in screen


def test_ctrl_c_at_the_question_ends_the_command(project: Project) -> None:
    code, screen = typed(project, ["\x03"], "me")
    assert code in {130, -2}, screen


def test_a_machine_that_cannot_remember_says_that_it_will_ask_again(
    project: Project, say: Say, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    code, screen = typed(project, ["ben\n"], "me", XDG_CONFIG_HOME=str(blocked))
    assert code == 0
    assert screen.endswith("ben\n")
    assert "cannot remember this" in screen
    assert "the next command will ask again" in screen
    said = say("me", "ben", XDG_CONFIG_HOME=str(blocked))
    refused(said, "cannot remember this", "--member ben", "COLABCTL_MEMBER=ben")


def test_a_member_who_was_renamed_since_is_asked_again(project: Project, say: Say) -> None:
    say("me", "ben")
    config = project.root / "colabctl.yaml"
    config.write_text(config.read_text().replace('"ben"', '"bob"'))
    refused(say("me", COLABCTL_MEMBER=""), "you were ben on this machine", "ana, bob")
    code, screen = typed(project, ["bob\n"], "me")
    assert (code, "you were ben on this machine" in screen) == (0, True)
    assert say("me", COLABCTL_MEMBER="").out == "bob\n"


def test_init_takes_the_login_name_and_everything_works(say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "solo"
    made = say("init", str(folder), LOGNAME="cleo", COLABCTL_MEMBER="")
    assert (made.code, made.out) == (0, f"{folder}\n")
    assert "cleo is the first member (your login name)" in made.err
    assert (folder / "notebooks/cleo/start.ipynb").is_file()
    say("member", "add", "ben", cwd=folder, COLABCTL_MEMBER="")
    assert say("me", cwd=folder, COLABCTL_MEMBER="").out == "cleo\n"
    again = say("init", cwd=folder, LOGNAME="eve", COLABCTL_MEMBER="")
    assert again.err == "nothing to create; everything exists already\n"


def test_init_in_a_project_without_members_adds_the_first(say: Say, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "colabctl.yaml").write_text("format: 1\n")
    said = say("init", cwd=folder, LOGNAME="cleo", COLABCTL_MEMBER="")
    assert "cleo is the first member" in said.err
    assert say("me", cwd=folder, COLABCTL_MEMBER="").out == "cleo\n"
