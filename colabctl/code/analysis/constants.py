"""The value of an expression that a program builds a path from, found without running it."""

import ast
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product

_MOST_VALUES = 16  # of one expression
_MOST_STEPS = 400
_DEEPEST = 40  # levels of names and calls
_SAME = frozenset(
    {
        *("str", "fspath", "abspath", "realpath", "normpath", "expanduser", "expandvars"),
        *("resolve", "absolute", "as_posix", "Path", "PosixPath", "PurePath", "to_absolute_path"),
    }
)
"""Calls that return the same path: all paths are absolute here, or from the current folder."""
PATHS = _SAME | {"join", "joinpath", "dirname", "getcwd", "cwd", "get", "getenv"}
"""Calls that may return a path."""


@dataclass(frozen=True)
class Scope:
    """What the names in a file stand for.

    Attributes:
        file: absolute path of the file, which is `__file__`.
        cwd: absolute path of the current folder.
        program: absolute path of the program, which is `sys.argv[0]`.
        names: the expressions that are assigned to each name.
    """

    file: str
    cwd: str
    program: str
    names: Mapping[str, Sequence[ast.expr]] = field(default_factory=dict)


def values(node: ast.expr, scope: Scope) -> tuple[str, ...]:
    """Return the texts that an expression may be, () if it cannot be known.

    It knows constants, `__file__`, names that are assigned such expressions, f-strings, `+`, `/`,
    pathlib, os.path and os.getcwd().
    """
    return _Evaluation(scope).of(node)


class _Evaluation:
    """The evaluation of one expression, in a limited number of steps."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.left = _MOST_STEPS

    def of(self, node: ast.expr, depth: int = 0) -> tuple[str, ...]:
        self.left -= 1
        if self.left < 0 or depth > _DEEPEST:
            return ()
        return tuple(dict.fromkeys(islice(self._values(node, depth + 1), _MOST_VALUES)))

    def _values(self, node: ast.expr, depth: int) -> Iterator[str]:
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.Name(id="__file__"):
                yield self.scope.file
            case ast.Name(id=name):
                for each in self.scope.names.get(name, ()):
                    yield from self.of(each, depth)
            case ast.List(elts=items) | ast.Tuple(elts=items):
                for each in items:
                    yield from self.of(each, depth)
            case ast.IfExp(body=body, orelse=other):
                yield from self.of(body, depth)
                yield from self.of(other, depth)
            case ast.JoinedStr(values=parts):
                yield from map("".join, self._combined(parts, depth))
            case ast.FormattedValue(value=inner):
                yield from self.of(inner, depth)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                yield from map("".join, self._combined([left, right], depth))
            case ast.Call():
                yield from self._called(node, depth)
            case _:
                yield from self._path(node, depth)

    def _path(self, node: ast.expr, depth: int) -> Iterator[str]:
        match node:
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                yield from (posixpath.join(*both) for both in self._combined([left, right], depth))
            case ast.Attribute(value=inner, attr="parent"):
                yield from map(posixpath.dirname, self.of(inner, depth))
            case ast.Attribute(attr="pardir"):
                yield ".."
            case ast.Attribute(attr="curdir"):
                yield "."
            case ast.Subscript(
                value=ast.Attribute(value=inner, attr="parents"),
                slice=ast.Constant(value=int(number)),
            ):
                yield from (_above(path, number + 1) for path in self.of(inner, depth))
            case ast.Subscript(value=ast.Attribute(attr="argv"), slice=ast.Constant(value=0)):
                yield self.scope.program
            case ast.Subscript(value=ast.Attribute(attr="path"), slice=ast.Constant(value=0)):
                yield posixpath.dirname(self.scope.program)

    def _called(self, call: ast.Call, depth: int) -> Iterator[str]:
        function = call.func
        # The object of a method, or a module such as os.path, whose value is unknown.
        inner = function.value if isinstance(function, ast.Attribute) else None
        of_text = isinstance(inner, ast.Constant)  # ", ".join(...) is no path
        match name_of(function), call.args:
            case (("getcwd" | "cwd" | "get_original_cwd"), []):
                yield self.scope.cwd
            case "dirname", [path]:
                yield from map(posixpath.dirname, self.of(path, depth))
            case "Path", []:
                yield "."
            case (("join" | "Path" | "PurePath" | "PosixPath"), [_, *_]) if not of_text:
                yield from (posixpath.join(*parts) for parts in self._combined(call.args, depth))
            case "joinpath", parts if inner is not None:
                yield from (
                    posixpath.join(*each) for each in self._combined([inner, *parts], depth)
                )
            case (("get" | "getenv"), [_, default]):
                yield from self.of(default, depth)
            case name, [path, *_] if name in _SAME:
                yield from self.of(path, depth)
            case name, [] if name in _SAME and inner is not None:
                yield from self.of(inner, depth)

    def _combined(self, nodes: Sequence[ast.expr], depth: int) -> Iterator[tuple[str, ...]]:
        yield from islice(product(*(self.of(node, depth) for node in nodes)), _MOST_VALUES)


def name_of(function: ast.expr) -> str:
    """Return the last name of a called function: `join` for `os.path.join`, "" for others."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _above(path: str, levels: int) -> str:
    for _ in range(min(levels, _DEEPEST)):
        path = posixpath.dirname(path)
    return path
