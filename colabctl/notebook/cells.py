"""Parses a notebook's code cells as Python, without magics and shell lines."""

import ast
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

# Cell magics whose body runs as Python in the notebook's own namespace. The body of any other
# cell magic is another language, another process, or text.
_PYTHON_BODIES = frozenset({"capture", "debug", "memit", "prun", "time", "timeit"})
_CELL_MAGIC = re.compile(r"\s*%%(\w*)")
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
        unparsed: numbers of the lines that are neither Python nor a magic with its sign:
            mistakes, or lines that IPython may know, such as `pip install x`.
    """

    index: int
    source: str
    tags: frozenset[str]
    tree: ast.Module = field(repr=False, compare=False)
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
    tree, unparsed = parse(source)
    return CodeCell(index, source, tags, tree, unparsed)


def parse(source: str) -> tuple[ast.Module, tuple[int, ...]]:
    """Parse the Python in a cell; also return the numbers of the lines that cannot be parsed.

    IPython has a transformer for this, but a sweep may be declared where IPython is not installed.
    Python's own errors say which line is not Python, so a `%` in a string or an expression is
    never mistaken for a magic.
    """
    lines = _LINE_END.split(source)
    magic = _CELL_MAGIC.match(source.lstrip())
    if magic:
        if magic[1] not in _PYTHON_BODIES:
            return ast.Module([], []), ()
        lines[next(i for i, line in enumerate(lines) if line.strip())] = ""
    changed: set[int] = set()
    unparsed: list[int] = []
    while len(unparsed) <= _MOST_UNPARSED:
        try:
            with warnings.catch_warnings(action="ignore"):  # about the user's "\d"
                return ast.parse("\n".join(lines)), tuple(sorted(unparsed))
        except SyntaxError as error:
            at = min(max(error.lineno or 1, 1), len(lines)) - 1
        except (ValueError, RecursionError, MemoryError):  # a null byte, a thousand brackets
            break
        if at in changed:  # the cause is further up, perhaps a bracket in an earlier magic
            magics = (i for i, line in enumerate(lines) if i not in changed and _is_magic(line))
            at = next(magics, -1)
            if at < 0:
                break
        if not _is_magic(lines[at]):
            unparsed.append(at + 1)
        changed |= _neutralise(lines, at)
    return ast.Module([], []), tuple(range(1, len(lines) + 1))


def _is_magic(line: str) -> bool:
    return bool(_LINE_MAGIC.match(line) or _ASSIGNED_MAGIC.match(line))


def _neutralise(lines: list[str], at: int) -> set[int]:
    """Replace a line, and its continuation lines, by Python that binds the same name."""
    changed = {at}
    while lines[at].endswith("\\") and max(changed) + 1 < len(lines):
        following = max(changed) + 1
        changed.add(following)
        ends = not lines[following].endswith("\\")
        lines[following] = ""
        if ends:
            break
    assigned = _ASSIGNED_MAGIC.match(lines[at])
    if assigned:
        lines[at] = f"{assigned[1]}None"
    else:
        lines[at] = f"{lines[at][: len(lines[at]) - len(lines[at].lstrip())]}pass"
    return changed


@dataclass(frozen=True)
class Binding:
    """A name that a cell binds at its top level.

    Attributes:
        name: the name; `*` for a star import.
        line: line number in the cell.
        uses: the names that the new value is computed from.
        guarded: whether it is bound only after a check of the name itself, as in
            `if lr is None: lr = 0.1`.
    """

    name: str
    line: int
    uses: frozenset[str] = frozenset()
    guarded: bool = False

    @property
    def overwrites(self) -> bool:
        """Whether the name's earlier value is lost: neither used nor checked."""
        return self.name not in self.uses and not self.guarded


def bindings(tree: ast.Module) -> list[Binding]:
    """Return the bindings at a cell's top level, in order."""
    finder = _Finder()
    finder.visit(tree)
    return finder.bindings


class _Finder(ast.NodeVisitor):
    def __init__(self) -> None:
        self.bindings: list[Binding] = []
        self._uses: frozenset[str] = frozenset()
        self._guards: list[frozenset[str]] = []

    def _bind(self, name: str, line: int) -> None:
        guarded = any(name in guard for guard in self._guards)
        self.bindings.append(Binding(name, line, self._uses, guarded))

    @contextmanager
    def _from(self, *values: ast.AST) -> Iterator[None]:
        outer, self._uses = self._uses, self._uses | _names(*values)
        yield
        self._uses = outer

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._bind(node.id, node.lineno)

    def visit_Assign(self, node: ast.Assign | ast.AnnAssign | ast.NamedExpr) -> None:
        if node.value is not None:  # `lr: float` alone binds nothing
            with self._from(node.value):
                self.generic_visit(node)

    visit_AnnAssign = visit_NamedExpr = visit_Assign  # noqa: N815 - ast chose the names

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        with self._from(node.target, node.value):
            self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        self._guards.append(_names(node.test))
        for child in (*node.body, *node.orelse):
            self.visit(child)
        self._guards.pop()

    def visit_Try(self, node: ast.Try) -> None:
        for child in (*node.body, *node.orelse, *node.finalbody):
            self.visit(child)
        self._guards.append(_names(*node.body))  # try: lr, except NameError: lr = 0.1
        for handler in node.handlers:
            self.visit(handler)
        self._guards.pop()

    def visit_ExceptHandler(self, node: ast.ExceptHandler | ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self._bind(node.name, node.lineno)
        self.generic_visit(node)

    visit_MatchAs = visit_MatchStar = visit_ExceptHandler  # noqa: N815 - ast chose the names

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            self._bind(alias.asname or alias.name.partition(".")[0], node.lineno)

    visit_ImportFrom = visit_Import  # noqa: N815 - ast chose the names

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self._bind(node.rest, node.lineno)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for child in (node.iter, *node.ifs):  # its target is local
            self.visit(child)

    def visit_FunctionDef(
        self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ) -> None:
        self._bind(node.name, node.lineno)  # the names in it are local

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef  # noqa: N815 - ast chose the names

    def visit_Lambda(self, node: ast.Lambda) -> None:
        pass  # its names are local


def _names(*nodes: ast.AST) -> frozenset[str]:
    """Return the names that an expression reads, also as strings: `"lr" in globals()`."""
    names: set[str] = set()
    for node in nodes:
        for part in ast.walk(node):
            match part:
                case ast.Name(id=str(name)) | ast.Constant(value=str(name)):
                    names.add(name)
    return frozenset(names)


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
