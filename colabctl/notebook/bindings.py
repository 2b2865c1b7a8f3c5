"""Finds the names that a cell binds at its top level, and whether it does so on every run."""

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Binding:
    """A name that a cell binds at its top level.

    Attributes:
        name: the name; `*` for a star import.
        line: line number in the cell.
        uses: the names that the new value is computed from.
        guarded: whether it is bound only after a check of the name itself, as in
            `if lr is None: lr = 0.1`.
        certain: whether it is bound on every run; not in a branch, nor in a function that declares
            it `global`.
    """

    name: str
    line: int
    uses: frozenset[str] = frozenset()
    guarded: bool = False
    certain: bool = True

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
        value = _truth(node.test)
        if value is not None:
            self._visit_all(node.body if value else node.orelse)
            return
        self._guards.append(_names(node.test))
        self._visit_branches([node.body, node.orelse])
        self._guards.pop()

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._visit_branches([*([case] for case in node.cases), []])

    def visit_Try(self, node: ast.Try | ast.TryStar) -> None:
        self._visit_all([*node.body, *node.orelse])
        self._guards.append(_names(*node.body))  # try: lr, except NameError: lr = 0.1
        self._visit_branches([node.handlers, []])
        self._guards.pop()
        self._visit_all(node.finalbody)

    visit_TryStar = visit_Try  # noqa: N815 - ast chose the names

    def _visit_all(self, nodes: Sequence[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _visit_branches(self, branches: Sequence[Sequence[ast.AST]]) -> None:
        """Visit branches of which one runs; what all of them overwrite is certain."""
        outer = self.bindings
        bound_in: list[list[Binding]] = []
        for branch in branches:
            self.bindings = []
            self._visit_all(branch)
            bound_in.append(self.bindings)
        every = frozenset.intersection(
            *(frozenset(b.name for b in bound if b.certain and b.overwrites) for bound in bound_in)
        )
        for bound in bound_in:
            outer += [replace(b, certain=b.certain and b.name in every) for b in bound]
        self.bindings = outer

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
        self._bind(node.name, node.lineno)  # the names in it are local, or declared global
        if isinstance(node, ast.ClassDef):
            return
        parts = list(ast.walk(node))
        shared = {name for part in parts if isinstance(part, ast.Global) for name in part.names}
        for part in parts:
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) and part.id in shared:
                self.bindings.append(Binding(part.id, part.lineno, certain=False))

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


def _truth(test: ast.expr) -> bool | None:
    """Return the value of a test that is the same in every run of a notebook, else None."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Compare(ast.Name("__name__"), [ast.Eq()], [ast.Constant("__main__")]):
            return True
    return None
