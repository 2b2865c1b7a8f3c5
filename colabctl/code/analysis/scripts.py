"""What scripts in other languages, notebooks' shell lines and configuration files refer to."""

import json
import re
import shlex
from collections.abc import Iterator

from colabctl.code.analysis.constants import Scope
from colabctl.code.analysis.references import References, of_trees
from colabctl.notebook.cells import parse

_WORDS = re.compile(r"[\s;&|<>()`\"',=\[\]{}]+")
_QUOTED = re.compile(r"""["']([^"'\n]{1,200})["']""")
_MODULE = re.compile(r"\s-m\s+([A-Za-z_][\w.]*)")
_PYTHON_PATH = re.compile(r"PYTHONPATH=[\"']?([^\s\"';&]+)")
_FOLDER = re.compile(r"(?:^|[;&]\s*)(?:cd|pushd)\s+([\w./-]+)", re.MULTILINE)
_DOTTED = re.compile(r"(?<![\w./-])([A-Za-z_]\w*(?:\.\w+)+)(?![\w/-])")
_WRITTEN = re.compile(r"^\s*%%(?:writefile|file)\s+(?!-a)([\w./-]+)")
_MAGIC = re.compile(r"(?m)^\s*(?:[^=\n]{1,60}=\s*)?[!%]{1,2}(.*)$")


def of_shell(text: str) -> References:
    """Return what a shell script, or one command line, refers to."""
    text = re.sub(r"(?m)^\s*#.*$", "", text.replace("\\\n", " "))
    words = {word for word in _WORDS.split(text) if word}
    folders = _FOLDER.findall(text)
    inside = {f"{folder}/{word}" for folder in folders for word in words if "." in word}
    roots = [
        each.replace("$PWD", ".").replace("$(pwd)", ".").replace("`pwd`", ".")
        for paths in _PYTHON_PATH.findall(text)
        for each in re.split(r"[:;]", paths)
        if each
    ]
    return References(
        strings=frozenset(words | inside | set(_MODULE.findall(text))),
        roots=tuple(dict.fromkeys([*roots, *folders])),
    )


def of_quoted(text: str, suffix: str) -> References:
    """Return what a script in R, Julia, Perl, Ruby or JavaScript names in quotes."""
    quoted = set(_QUOTED.findall(text))
    return References(strings=frozenset(quoted | {name + suffix for name in quoted}))


def of_config(text: str) -> References:
    """Return the dotted names in a configuration file, some of which may be classes."""
    return References(strings=frozenset(_DOTTED.findall(text)))


def of_notebook(content: bytes, scope: Scope) -> References:
    """Return what the code cells refer to; nothing for what is not a notebook."""
    try:
        cells = json.loads(content)["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return References(fault="not a notebook")
    python = of_trees([parse(source)[0] for source in sources], scope)
    shell = of_shell("\n".join(_shell_lines(source) for source in sources))
    return References(
        imports=python.imports,
        packages=python.packages,
        strings=python.strings | shell.strings,
        configs=python.configs,
        roots=(*python.roots, *shell.roots),
        unknown=python.unknown,
        lists=python.lists,
        written=frozenset(name for source in sources for name in _WRITTEN.findall(source)),
    )


def _shell_lines(source: str) -> str:
    """Return the lines of a notebook's cell that a shell or a magic runs."""
    return "\n".join(_MAGIC.findall(source))


def words_of(command: str) -> Iterator[str]:
    """Yield the words of a command line."""
    try:
        yield from shlex.split(command)
    except ValueError:  # a quotation mark that is not closed
        yield from command.split()
