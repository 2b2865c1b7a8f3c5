"""Reads a page of the documentation and acts it out: a story that runs from top to bottom.

    ```console                 commands after "$ ", each with what it prints; "..." stands for any
                               text, and on a line of its own for any lines
    ```python title="train.py" a file that is written; a cell that is added if it is a notebook
    ```python                  a script that must run to its end
    ```yaml, ```json           text that must parse
    ```text                    an illustration

Sybil finds the blocks, and skips the block after `<!--- skip: next "reason" -->`. A page has no hidden
blocks: a reader who follows it gets what it shows.
"""

import json
import os
import re
import shlex
import socket
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from unittest import SkipTest

import yaml
from sybil import Document, Example, Region
from sybil.parsers.markdown import SkipParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer

from tests.docs.terminal import Terminal

_INFO = r'(?P<language>\w+)(?: title="(?P<title>[^"\n]+)")?'
_FENCED = RawFencedCodeBlockLexer(re.compile(rf"{_INFO}$\n", re.MULTILINE))
_HOST = socket.gethostname()
# What differs from run to run: each is replaced in what a page says and in what is printed.
_VARYING = [
    (r"\b[0-9a-f]{12,64}\b", "DIGEST"),
    (r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b", "DATE"),
    (r"\b[\d.]+ (s|m|min|h) ago", "AGO"),
    (
        r"(?m)^(t\d{6}(?: +(?:done|failed|pruned))?)(?: +(?:ana|ben))? +[\d.e+-]+",
        r"\1 MEMBER SECONDS",
    ),  # a row of results
    (
        r"(?m)^((?:colabctl: )?[\w-]+): (\d+/\d+)(?:[,;] .*)?\n(?:\1: \d+/\d+.*\n)*",
        r"\1: \2\n",
    ),  # the progress of a worker: a slow machine prints more of it
    (r"[ \t]+", " "),
    (r" ?\n", "\n"),
]


class Story:
    """A page that is acted out in a folder, as the person `ana` would on a fresh machine."""

    def __init__(self, page: Path, folder: Path) -> None:
        self.skipped: list[str] = []
        self.ran = 0
        self._folder = folder
        self._home = folder / "home" / "ana"
        self._home.mkdir(parents=True)
        self._document = Document.parse(str(page), SkipParser(), self._blocks)

    def run(self) -> None:
        """Act out every block. Raises AssertionError where the page says something else."""
        self._terminal = Terminal(self._home, _environ(self._home))
        try:
            for example in self._document.examples():
                try:
                    example.evaluate()
                except SkipTest as reason:
                    self.skipped.append(str(reason))
        finally:
            self._terminal.close()

    def _blocks(self, document: Document) -> Iterable[Region]:
        for region in _FENCED(document):
            yield Region(region.start, region.end, region.lexemes, self._evaluate)

    def _evaluate(self, example: Example) -> None:
        language, title = example.parsed["language"], example.parsed["title"]
        source = str(example.parsed["source"])
        where = f"{Path(example.path).name}:{example.line}"
        if title:
            self._write(title, source)
        elif language == "console":
            self._console(source, where)
        elif language in ("python", "sh"):
            self._script(language, source, where)
        elif language == "yaml":
            yaml.safe_load(source)
        elif language == "json":
            json.loads(source)
        else:
            assert language == "text", f"{where}: no block of the language {language!r} is known"
            return
        self.ran += 1

    def _console(self, source: str, where: str) -> None:
        for command, shown in _commands(source):
            printed, code = self._terminal.run(command, shown)
            report = f"{where}: $ {command}\n{printed}\n(exit {code})"
            assert _matches(self._plain(shown), self._plain(printed)), report
            assert "Traceback" not in printed or "Traceback" in shown, report
            if not set(shown.split("\n")) - {"", "..."}:
                assert code == 0, report

    def _write(self, title: str, source: str) -> None:
        """Write a file into the folder that the shell is in."""
        here, _ = self._terminal.run("pwd")
        file = Path(here.strip(), title)
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix == ".ipynb":
            source = _with_cell(file, source)
        file.write_text(source, encoding="utf-8")

    def _script(self, language: str, source: str, where: str) -> None:
        file = self._folder / f"block.{language}"
        file.write_text(source, encoding="utf-8")
        program = {"python": "python", "sh": "bash -e"}[language]
        printed, code = self._terminal.run(f"{program} {shlex.quote(str(file))}")
        assert code == 0, f"{where}:\n{printed}"

    def _plain(self, text: str) -> str:
        """Return text without what varies from machine to machine and from run to run."""
        text = text.replace(str(self._folder.resolve()), "").replace(str(self._folder), "")
        text = re.sub(rf"\b{re.escape(_HOST)}\b", "vm", text)
        for pattern, word in _VARYING:
            text = re.sub(pattern, word, text)
        return text.strip()


def _environ(home: Path) -> Mapping[str, str]:
    """Return the environment of a person who has only installed colabctl."""
    return {
        "HOME": str(home),
        "USER": "ana",
        "LOGNAME": "ana",
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "TERM": "dumb",
        "COLUMNS": "120",
        "PAGER": "cat",
    }


def _commands(source: str) -> Iterable[tuple[str, str]]:
    """Yield each command of a console block, and what the page shows that it prints."""
    parts = re.split(r"^\$ (.*)\n", source, flags=re.MULTILINE)
    assert not parts[0].strip(), "a console block begins with a command"
    yield from zip(parts[1::2], parts[2::2], strict=True)


def _matches(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed. "..." stands for any text of a line, or any lines."""
    lines = [
        r"(?:.*\n)*?" if line == "..." else r"[^\n]*".join(map(re.escape, line.split("..."))) + "\n"
        for line in shown.split("\n")
    ]
    return re.fullmatch("".join(lines), f"{printed}\n") is not None


def _with_cell(file: Path, source: str) -> str:
    """Return a notebook with one more cell."""
    notebook: dict[str, Any] = (
        json.loads(file.read_text(encoding="utf-8"))
        if file.exists()
        else {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    )
    cell = {"cell_type": "code", "id": f"cell-{len(notebook['cells'])}", "metadata": {}}
    notebook["cells"].append({**cell, "source": source, "outputs": [], "execution_count": None})
    return json.dumps(notebook)
