"""What a project's packaging files say: the folders of its packages, its console scripts."""

import ast
import configparser
import posixpath
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from colabctl.code.analysis.tree import Tree

_USUAL = ("src", "lib", "python")
_LARGEST = 256_000  # bytes of a packaging file
_TARGET = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)")
_WHERE = re.compile(rb"""(?:where\s*=|package_dir\s*=\s*\{\s*["']{2}\s*:)\s*["']([\w./-]+)["']""")


def source_folders(tree: Tree) -> list[str]:
    """Return the folders with packages that pyproject.toml, setup.cfg, setup.py or habit name."""
    named = [*_in_pyproject(tree), *_in_setup_cfg(tree), *_in_setup_py(tree), *_USUAL]
    folders = (tree.relative(folder) for folder in named)
    return list(dict.fromkeys(each for each in folders if each and tree.is_folder(each)))


def _pyproject(tree: Tree) -> dict[str, Any]:
    """Return pyproject.toml, {} if there is none or it is damaged."""
    with suppress(OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        if tree.is_file("pyproject.toml"):
            return tomllib.loads(tree.read("pyproject.toml", _LARGEST).decode())
    return {}


def _setup_cfg(tree: Tree) -> configparser.ConfigParser:
    """Return setup.cfg, empty if there is none or it is damaged."""
    parser = configparser.ConfigParser(interpolation=None)
    with suppress(OSError, configparser.Error, UnicodeDecodeError):
        if tree.is_file("setup.cfg"):
            parser.read_string(tree.read("setup.cfg", _LARGEST).decode())
    return parser


def _table(tree: Any, *keys: str) -> Any:
    """Return a nested value, {} where it is missing."""
    for key in keys:
        tree = tree.get(key, {}) if isinstance(tree, dict) else {}
    return tree


def _in_pyproject(tree: Tree) -> Iterator[str]:
    tools = _table(_pyproject(tree), "tool")
    where = _table(tools, "setuptools", "packages", "find", "where")
    yield from (each for each in (where if isinstance(where, list) else [where]) if _is_text(each))
    folders = _table(tools, "setuptools", "package-dir")
    for package, folder in folders.items() if isinstance(folders, dict) else ():
        if _is_text(folder):
            yield folder if not package else posixpath.dirname(folder)
    packages = _table(tools, "poetry", "packages")
    for package in packages if isinstance(packages, list) else ():
        if _is_text(_table(package, "from")):
            yield package["from"]


def _in_setup_cfg(tree: Tree) -> Iterator[str]:
    parser = _setup_cfg(tree)
    yield parser.get("options.packages.find", "where", fallback="").strip()
    for line in parser.get("options", "package_dir", fallback="").splitlines():
        package, equals, folder = (part.strip() for part in line.partition("="))
        if equals:
            yield folder if not package else posixpath.dirname(folder)


def _in_setup_py(tree: Tree) -> Iterator[str]:
    with suppress(OSError):
        if tree.is_file("setup.py"):
            for folder in _WHERE.findall(tree.read("setup.py", _LARGEST)):
                yield folder.decode()


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def console_scripts(tree: Tree) -> dict[str, tuple[str, str]]:
    """Return the module and the function of each console script, by its name."""
    scripts: dict[str, tuple[str, str]] = {}
    for name, target in (
        *_scripts_in_pyproject(tree),
        *_scripts_in_setup_cfg(tree),
        *_scripts_in_setup_py(tree),
    ):
        if hit := _TARGET.match(target.strip()):
            scripts.setdefault(name.strip(), (hit[1], hit[2]))
    return scripts


def _scripts_in_pyproject(tree: Tree) -> Iterator[tuple[str, str]]:
    content = _pyproject(tree)
    for place in (
        _table(content, "project", "scripts"),
        _table(content, "tool", "poetry", "scripts"),
    ):
        for name, target in place.items() if isinstance(place, dict) else ():
            if isinstance(target, str):
                yield name, target


def _scripts_in_setup_cfg(tree: Tree) -> Iterator[tuple[str, str]]:
    text = _setup_cfg(tree).get("options.entry_points", "console_scripts", fallback="")
    yield from _lines(text.splitlines())


def _scripts_in_setup_py(tree: Tree) -> Iterator[tuple[str, str]]:
    if not tree.is_file("setup.py"):
        return
    with suppress(OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        parsed = ast.parse(tree.read("setup.py", _LARGEST))
        for call in ast.walk(parsed):
            for keyword in call.keywords if isinstance(call, ast.Call) else ():
                if keyword.arg == "entry_points":
                    with suppress(ValueError):
                        yield from _of_value(ast.literal_eval(keyword.value))


def _of_value(entry_points: Any) -> Iterator[tuple[str, str]]:
    lines = _table(entry_points, "console_scripts")
    if isinstance(lines, str):
        lines = lines.splitlines()
    if isinstance(lines, list):
        yield from _lines([line for line in lines if isinstance(line, str)])


def _lines(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, equals, target = line.partition("=")
        if equals:
            yield name, target
