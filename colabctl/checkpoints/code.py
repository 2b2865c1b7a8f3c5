"""Digests of the code that builds a value: a function, and what it names in the project.

The rule: the text of the function without comments and docstrings, and the same of each function
and class that it names, if it is not from an installed package; and the values of the plain
constants that it names: lists and dictionaries only if the name is in capitals, and nothing that it
assigns itself. What is called by other ways, such as getattr, is not seen.
"""

import ast
import dis
import functools
import inspect
import sys
import sysconfig
import textwrap
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from colabctl.checkpoints.values import digest_of

_LENGTH = 16  # hexadecimal digits of a digest in a record
_LARGEST = 10_000  # parts of a constant; larger ones are data
_STANDARD = sysconfig.get_path("stdlib")
_FOLDERS = frozenset({"site-packages", "dist-packages"})
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


def code_of(function: Any) -> dict[str, str]:
    """Return digests of a function, and of what it names in the project, by name."""
    digests: dict[str, str] = {}
    _Walk(digests).add("", function)
    return digests


class _Walk:
    """Adds functions, classes and constants to `found`, each once."""

    def __init__(self, digests: dict[str, str]) -> None:
        self._digests = digests
        self._seen: set[int] = set()
        self._first = ""  # the module of the first function; its names stand alone

    def add(self, name: str, value: Any) -> None:
        value = _unwrapped(value)
        if isinstance(value, functools.partial):
            self.add(name, value.func)
            for number, argument in enumerate((*value.args, *value.keywords.values())):
                self._constant(f"{name or 'build'}, argument {number + 1}", argument)
            return
        if isinstance(value, types.MethodType):
            value = value.__func__
        if not isinstance(value, types.FunctionType | type):
            if name:
                self._constant(name, value)
            elif not inspect.isbuiltin(value):  # an object with __call__
                self.add("", type(value))
            return
        if id(value) in self._seen or (self._seen and _is_installed(value.__module__)):
            return
        self._seen.add(id(value))
        self._first = self._first or value.__module__
        own = value.__qualname__.replace("<locals>.", "")
        shown = own if value.__module__ == self._first else f"{value.__module__}.{own}"
        self._digests[shown] = digest_of(_text(value), shown)[:_LENGTH]
        for function in _functions(value):
            self._names(function)

    def _names(self, function: types.FunctionType) -> None:
        assigned = _assigned(function.__code__)
        names = sorted(_names(function.__code__) - assigned)
        for name in names:
            if name in function.__globals__:
                self._global(name, function.__globals__[name], names)
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        for name, cell in cells:
            try:
                value = cell.cell_contents
            except ValueError:  # not set yet
                continue
            if name != "__class__" and name not in assigned:
                self.add(name, value)

    def _global(self, name: str, value: Any, names: Iterable[str], left: int = 5) -> None:
        if not isinstance(value, types.ModuleType):
            self.add(name, value)
        elif left and not _is_installed(value.__name__):
            for attribute in names:
                if attribute in vars(value):
                    inside = f"{value.__name__}.{attribute}"
                    self._global(inside, vars(value)[attribute], names, left - 1)

    def _constant(self, name: str, value: Any) -> None:
        is_constant = name.rpartition(".")[2].isupper() or not isinstance(value, list | dict | set)
        if is_constant and _is_plain(value):
            self._digests[name] = digest_of(value, name)[:_LENGTH]


def _unwrapped(value: Any) -> Any:
    try:
        return inspect.unwrap(value) if callable(value) else value
    except ValueError:  # it wraps itself
        return value


def _functions(value: Any) -> Iterator[types.FunctionType]:
    """Yield a function, or those of a class."""
    if isinstance(value, types.FunctionType):
        yield value
        return
    for part in vars(value).values():
        inner = getattr(part, "__func__", getattr(part, "fget", part))
        if isinstance(inner, types.FunctionType):
            yield inner


def _names(code: types.CodeType) -> set[str]:
    """Return the names of globals and attributes in a function and those inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _names(constant)
    return names


def _assigned(code: types.CodeType) -> set[str]:
    """Return the globals and outer variables that a function and those inside it assign."""
    names = {
        str(each.argval)
        for each in dis.get_instructions(code)
        if each.opname in ("STORE_GLOBAL", "STORE_DEREF")
    } - set(code.co_cellvars)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _assigned(constant)
    return names


def _is_installed(module: str) -> bool:
    """Whether a module is of Python, of an installed package or of colabctl."""
    if module == "__main__":
        return False
    if module.partition(".")[0] == "colabctl" or module in sys.builtin_module_names:
        return True
    imported = sys.modules.get(module)
    files = [getattr(imported, "__file__", None), *getattr(imported, "__path__", ())]
    folders = {part for file in files if file for part in Path(file).parts}
    if not folders or not _FOLDERS.isdisjoint(folders):
        return bool(folders)
    return any(Path(file).is_relative_to(_STANDARD) for file in files if file)


def _text(value: Any) -> str:
    """Return the text of a function or class without comments, docstrings and layout.

    Where there is none, as in an interactive session, it is the bytecode, which differs between
    versions of Python.
    """
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value)))
    except (OSError, TypeError, SyntaxError, ValueError):
        return _bytecode(value)
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    if getattr(value, "__name__", "") == "<lambda>":
        return ast.unparse(lambdas[0]) if len(lambdas) == 1 else _bytecode(value)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            _drop_docstring(node)
            if node is tree.body[0]:
                node.decorator_list = []
    return ast.unparse(tree)


def _drop_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


def _bytecode(value: Any) -> str:
    return "\n".join(_bytes_of(function.__code__) for function in _functions(value))


def _bytes_of(code: types.CodeType) -> str:
    constants = [
        _bytes_of(each) if isinstance(each, types.CodeType) else repr(each)
        for each in code.co_consts
    ]
    return f"{code.co_code.hex()} {code.co_names} {constants}"


def _is_plain(value: Any, left: int = 10) -> bool:
    """Whether a value is a constant: plain values, and small containers of them."""
    if type(value) in _PLAIN:
        return True
    if not left or type(value) not in (list, tuple, set, frozenset, dict):
        return False
    parts = [*value, *value.values()] if isinstance(value, dict) else value
    return len(value) <= _LARGEST and all(_is_plain(part, left - 1) for part in parts)
