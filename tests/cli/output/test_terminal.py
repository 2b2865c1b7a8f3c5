"""Text from other people is cleaned before a terminal shows it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colabctl.cli.options import tell
from colabctl.cli.terminal import one_line, plain
from colabctl.errors import UserError
from tests.cli.conftest import Say
from tests.processes import Project

pieces = st.text(max_size=8) | st.sampled_from(
    ["<U+", "<", "U+001B>", "\x1b", "\r", "\\r", "\ud800"]
)


@given(st.lists(pieces).map("".join))
def test_different_texts_never_look_the_same(text: str) -> None:
    shown = plain(text)
    assert re.sub(r"<U\+([0-9A-F]+)>", lambda found: chr(int(found[1], 16)), shown) == text
    assert all(char in "\n\t" or char.isprintable() for char in shown)


@pytest.mark.parametrize(
    "code", [0x1B, 0x0D, 0x202E, 0x115F, 0x1160, 0x3164, 0xFE0F, 0xFFA0, 0xE01EF]
)
def test_invisible_characters_are_escaped(code: int) -> None:
    assert plain(f"a{chr(code)}b") == f"a<U+{code:04X}>b"


def test_code_is_shown_unchanged() -> None:
    code = "if x < U + 1:\n\tprint('\\r\\n\\x1b', 'naïve', '漢')"
    assert plain(code) == code


def test_a_name_cannot_start_a_line() -> None:
    assert one_line("ana\ncolabctl: all is well\t!") == "ana\\ncolabctl: all is well\\t!"


def test_messages_cannot_control_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell("note: \x1b[2J")
    assert capsys.readouterr().err == "note: <U+001B>[2J\n"


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (UserError("no\x1b[2J\nnor that"), "colabctl: no<U+001B>[2J\nnor that\n"),
        (OSError(5, "bad", "a\x1b\nb"), "colabctl: a<U+001B>\\nb: bad\n"),
    ],
)
def test_an_error_cannot_control_the_terminal(
    say: Say, monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: str
) -> None:
    def fail(prog_name: str) -> None:
        raise raised

    monkeypatch.setattr("colabctl.cli._with_only", lambda names: fail)
    assert say("status").err == expected


def test_names_of_files_cannot_control_the_terminal(project: Project, say: Say) -> None:
    project.write("data/raw/a.csv", "1")
    assert say("protect").code == 0
    project.write("data/raw/b\x1b[2J\nall unchanged", "2")
    shown = say("verify").out
    assert "added: data/raw/b<U+001B>[2J\\nall unchanged\n" in shown


def test_the_checks_of_doctor_cannot_control_the_terminal(project: Project, say: Say) -> None:
    project.write("sweeps/a\x1b[2J (1).json", "{}")
    project.write("sweeps/a\x1b[2J.json", "{}")
    shown = say("doctor").out
    assert "\x1b" not in shown
    assert "<U+001B>[2J" in shown
