"""Parses a notebook's code cells as Python, without magics and shell lines."""

import ast
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from colabctl.notebook.magics import KNOWN, PYTHON_BODIES, Magic, cell_magic, line_magic

_LINE_MAGIC = re.compile(r"(\s*)([%!?]|[^#'\"]*\?\s*$)")
_ASSIGNED_MAGIC = re.compile(r"([^=#'\"()]*=\s*)[%!](?!=)")
_LINE_END = re.compile(r"\r\n|\r|\n")
# A cell with more lines than this that are neither Python nor magics is not parsed.
_MOST_UNPARSED = 50


@dataclass(frozen=True)
class CodeCell:
    """A code cell.

    Attributes:
        index: position among all cells, from 0.
        source: its text.
        tags: its tags.
        tree: the parsed source, with the source's line numbers.
        magics: its magics and shell lines, in order.
        unparsed: numbers of the lines that are neither Python nor a magic: mistakes, or lines that
            only an extension of IPython knows.
    """

    index: int
    source: str
    tags: frozenset[str]
    tree: ast.Module = field(repr=False, compare=False)
    magics: tuple[Magic, ...] = field(default=(), repr=False, compare=False)
    unparsed: tuple[int, ...] = ()

    @property
    def number(self) -> int:
        """Position among all cells, from 1."""
        return self.index + 1

    def line(self, number: int) -> str:
        """Return a line of the source, shortened and without its indentation."""
        text = _LINE_END.split(self.source)[number - 1].strip()
        return text if len(text) <= 60 else f"{text[:57]}..."


def code_cell(index: int, source: str, tags: frozenset[str]) -> CodeCell:
    """Return a code cell with its parsed source."""
    parsed = _parse(source)
    return CodeCell(index, source, tags, parsed.tree, parsed.magics, parsed.unparsed)


def parse(source: str) -> tuple[ast.Module, tuple[int, ...]]:
    """Parse the Python in a cell; also return the numbers of the lines that cannot be parsed."""
    parsed = _parse(source)
    return parsed.tree, parsed.unparsed


class _Parsed(NamedTuple):
    tree: ast.Module
    unparsed: tuple[int, ...]
    magics: tuple[Magic, ...]


def _parse(source: str) -> _Parsed:
    """Parse the Python in a cell, and find its magics.

    IPython has a transformer for this, but a sweep may be declared where IPython is not installed.
    Python's own errors say which line is not Python, so a `%` in a string or an expression is
    never mistaken for a magic.
    """
    lines = _LINE_END.split(source)
    magics: dict[int, Magic] = {}
    while (magic := cell_magic("\n".join(lines))) is not None:
        magics[magic.line] = magic
        if magic.name not in PYTHON_BODIES:
            return _Parsed(ast.Module([], []), (), tuple(magics.values()))
        lines[magic.line - 1] = ""
    changed: set[int] = set()
    unparsed: list[int] = []
    while len(unparsed) <= _MOST_UNPARSED:
        try:
            with warnings.catch_warnings(action="ignore"):  # about the user's "\d"
                tree = ast.parse("\n".join(lines))
        except SyntaxError as error:
            at = min(max(error.lineno or 1, 1), len(lines)) - 1
        except (ValueError, RecursionError, MemoryError):  # a null byte, a thousand brackets
            break
        else:
            ordered = tuple(magics[line] for line in sorted(magics))
            return _Parsed(tree, tuple(sorted(unparsed)), ordered)
        if at in changed:  # the cause is further up, perhaps a bracket in an earlier magic
            candidates = (i for i, line in enumerate(lines) if i not in changed and _is_magic(line))
            at = next(candidates, -1)
            if at < 0:
                break
        automatic = source.split(maxsplit=1)[:1]
        if automatic and automatic[0] in KNOWN and "\n" not in source.strip():
            lines[at] = f"%{source.strip()}"  # IPython knows a lone `pip install x`
        elif not _is_magic(lines[at]):
            unparsed.append(at + 1)
        magic, replaced = _neutralise(lines, at)
        changed |= replaced
        if magic is not None:
            magics[at + 1] = magic
    return _Parsed(ast.Module([], []), tuple(range(1, len(lines) + 1)), tuple(magics.values()))


def _is_magic(line: str) -> bool:
    return bool(_LINE_MAGIC.match(line) or _ASSIGNED_MAGIC.match(line))


def _neutralise(lines: list[str], at: int) -> tuple[Magic | None, set[int]]:
    """Replace a line, and its continuation lines, by Python that binds the same name.

    Returns the magic on the line, and the indices of the lines that were replaced.
    """
    last = at
    while lines[last].endswith("\\") and last + 1 < len(lines):
        last += 1
    text = "\n".join(lines[at : last + 1])
    magic = line_magic(text, at + 1) if _is_magic(lines[at]) else None
    assigned = _ASSIGNED_MAGIC.match(lines[at])
    if assigned:
        lines[at] = f"{assigned[1]}None"
    else:
        lines[at] = f"{lines[at][: len(lines[at]) - len(lines[at].lstrip())]}pass"
    for following in range(at + 1, last + 1):
        lines[following] = ""
    return magic, set(range(at, last + 1))


def written_files(code: Iterable[CodeCell]) -> frozenset[str]:
    """Return the files that cells write before others import or run them, as the cells name them.

    What is at these places in the project comes from an earlier run, so it is not part of the code.
    """
    magics = (magic for cell in code for magic in cell.magics)
    return frozenset(magic.written for magic in magics if magic.written is not None)


def loops_over_tasks(tree: ast.Module) -> bool:
    """Return whether a cell loops over `<something>.tasks()`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            for part in ast.walk(node.iter):
                match part:
                    case ast.Call(func=ast.Attribute(attr="tasks")):
                        return True
    return False


def asks_for_its_task(tree: ast.Module) -> int | None:
    """Return the line of a call of `colabctl.task()`, or None if there is none."""
    named = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "colabctl"
        for alias in node.names
        if alias.name == "task"
    }
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="colabctl"), attr="task")):
                return node.lineno
            case ast.Call(func=ast.Name(id=name)) if name in named:
                return node.lineno
    return None
