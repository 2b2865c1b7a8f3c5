"""`guide` shows the documentation: in a pager on a terminal, as Markdown in a pipe."""

import io
import os
import pty
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.console import Console

from colabctl.cli import guide
from tests.cli.conftest import Say, refused
from tests.processes import COMMAND, Finished, clean, until

PAGE = Path(str(guide.pages())) / "commands.md"


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replace the guide by three small pages."""
    folder = tmp_path / "guide"
    folder.mkdir()
    for name, text in {
        "sweep-file": "# Sweep files\n\nA sweep file says [what](search.md) to\ntry, in `YAML`. More.\n\n## Keys\n\nAll.\n",
        "search": "# Search\n\nDraws. See [keys](sweep-file.md#keys), [here](#x), [W&B](https://wandb.ai).\n\n## X\n\n```yaml\nx: [a](b.md)\n```\n",
        "zebra": "# Zebra\n\n> A quotation first.\n\nStripes\n",
    }.items():
        (folder / f"{name}.md").write_text(text)
    (folder / "status.svg").write_text("<svg/>")
    monkeypatch.setattr(guide, "pages", lambda: folder)
    return folder


def terminal(*arguments: str, **environ: str) -> "tuple[subprocess.Popen[bytes], int]":
    """Start `colabctl ARGUMENTS` on a terminal; gives the end at which a person would sit, too."""
    person, program = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=program, stdout=program, stderr=program, start_new_session=True,
        env={**clean(os.environ), "TERM": "xterm-256color", "COLUMNS": "80", **environ},
    )  # fmt: skip
    os.close(program)
    return process, person


def shown(*arguments: str, **environ: str) -> Finished:
    """Return what a terminal shows of a command once it has ended."""
    process, person = terminal(*arguments, **environ)
    seen = b""
    try:
        while part := os.read(person, 65536):
            seen += part
    except OSError:  # Linux: the program has left the terminal
        pass
    os.close(person)
    return Finished(process.wait(), seen.decode(), "")


@pytest.mark.usefixtures("pages")
def test_the_topics_are_listed_in_reading_order_each_with_its_first_sentence(say: Say) -> None:
    said = say("guide")
    assert [line.rstrip() for line in said.out.splitlines()] == [
        "sweep-file  A sweep file says what to try, in YAML.",
        "search      Draws.",
        "zebra       A quotation first.",
    ]
    assert said.err == ""  # a script needs no advice


def test_a_pipe_gets_one_line_for_each_topic(say: Say) -> None:
    lines = say("guide").out.splitlines()
    assert [line.split()[0] for line in lines] == guide.topics()
    assert max(map(len, lines)) > 80


def test_every_page_of_the_guide_has_a_place_in_the_order() -> None:
    assert set(guide.topics()) <= set(guide.ORDER)
    assert "commands" in guide.topics()


def test_every_page_starts_with_a_sentence_for_the_list() -> None:
    for topic in guide.topics():
        assert guide.summary(guide.page(topic)).endswith("."), topic


def test_a_pipe_gets_the_page_as_markdown(say: Say) -> None:
    expected = Finished(0, PAGE.read_text(encoding="utf-8"), "")
    assert say("guide", "commands") == expected
    assert say("guide", "Commands.md") == expected


def test_a_pipe_does_not_get_the_comments_of_a_page(say: Say, pages: Path) -> None:
    (pages / "search.md").write_text(
        '# Search\n\n<!--- skip: next "why" -->\n\n```sh\npip\n```\n\n<!-- two\nlines\n-->\n\nEnd.\n'
    )
    assert say("guide", "search").out == "# Search\n\n```sh\npip\n```\n\nEnd.\n"


@pytest.mark.usefixtures("pages")
@pytest.mark.parametrize(
    ("topic", "hint"),
    [
        ("sarch", "did you mean search?"),
        ("file", "did you mean sweep-file?"),
        ("e", "did you mean sweep-file or search or zebra?"),
        ("keys", "did you mean sweep-file?"),
        ("quotation", "did you mean zebra?"),
        ("quantum", "choose one of sweep-file, search, zebra"),
        ("", "choose one of sweep-file, search, zebra"),
        ("../../secrets", "choose one of"),
        ("a\x1b[2J\nb", "no page 'a\\x1b[2J\\nb'; choose one of"),
    ],
)
def test_an_unknown_topic_gets_a_similar_one(say: Say, topic: str, hint: str) -> None:
    refused(say("guide", topic), hint)


@pytest.mark.usefixtures("pages")
def test_the_shell_completes_topics() -> None:
    assert guide.complete_topic("se") == ["search"]
    assert guide.complete_topic("s") == ["sweep-file", "search"]
    assert guide.complete_topic("x") == []


@pytest.mark.usefixtures("pages")
def test_links_name_the_command_that_shows_the_page() -> None:
    text = guide.rendered_page(guide.page("search"), Console(file=io.StringIO(), width=100))
    assert "keys (colabctl guide sweep-file), here, W&B (https://wandb.ai)." in text
    assert "x: [a](b.md)" in text


@pytest.mark.parametrize("topic", guide.topics())
def test_code_can_be_copied_from_a_narrow_terminal(topic: str) -> None:
    text = guide.page(topic)
    shown = guide.rendered_page(text, Console(file=io.StringIO(), width=80))
    for token in MarkdownIt().parse(text):
        if token.type == "fence":
            assert f"\n{token.content}" in shown


def test_a_terminal_gets_the_page_rendered_in_the_pager(tmp_path: Path) -> None:
    file = tmp_path / "paged"
    said = shown("guide", "commands", PAGER=f"tee {shlex.quote(str(file))}")
    assert said.code == 0
    text = file.read_text()
    assert "\x1b[" in text
    assert "# Commands" not in text
    assert "Exit codes" in text


@pytest.mark.parametrize("pager", ["", "there-is-no-such-pager -R", "less '"])
def test_without_a_pager_the_page_is_printed(pager: str) -> None:
    said = shown("guide", "commands", PAGER=pager)
    assert said.code == 0
    assert "Exit codes" in said.out
    assert "not found" not in said.out


def test_the_prompt_of_less_says_how_to_quit_and_search(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text(
        f'#!/bin/sh\ncat > /dev/null\necho "$LESS" > {shlex.quote(str(tmp_path))}/less\n'
    )
    pager.chmod(0o755)
    shown("guide", "commands", PAGER=str(pager))
    assert "q quits, / searches" in (tmp_path / "less").read_text()
    shown("guide", "commands", PAGER=str(pager), LESS="R")
    assert (tmp_path / "less").read_text() == "R\n"


def test_a_pager_may_stop_before_the_end_of_the_page() -> None:
    assert shown("guide", "commands", PAGER="true") == Finished(0, "", "")


_PAGER = """
import pathlib, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: pathlib.Path("interrupted").touch())
sys.stdin.read()
pathlib.Path("open").touch()
while not pathlib.Path("interrupted").exists():
    time.sleep(0.01)
"""


def test_ctrl_c_is_for_the_pager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pager.py").write_text(_PAGER)
    process, person = terminal("guide", "commands", PAGER=shlex.join([sys.executable, "pager.py"]))
    until((tmp_path / "open").exists)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 0
    assert (tmp_path / "interrupted").exists()
    os.close(person)
