"""The magics and shell lines of IPython in a cell, as values."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Cell magics whose body runs as Python in the notebook's own namespace. The body of any other
# cell magic is another language, another process, or text.
PYTHON_BODIES = frozenset({"capture", "debug", "memit", "prun", "time", "timeit"})
_SHELL_BODIES = frozenset({"!", "bash", "sh", "shell", "sx", "system"})
_INSTALLERS = frozenset({"pip", "conda", "mamba", "micromamba", "uv"})
# IPython's own magics, and those of Colab that a task knows.
KNOWN = frozenset(
    """
    ! HTML SVG alias alias_magic autoawait autocall automagic autoreload bash bookmark
    capture cat cd code_wrap colors conda config cp debug dhist dirs doctest_mode ed edit
    env file gui hist history html javascript js killbgscripts latex ldir lf lk ll load
    load_ext loadpy logoff logon logstart logstate logstop ls lsmagic lx macro magic mamba
    man markdown matplotlib micromamba mkdir more mv notebook page pastebin pdb pdef pdoc
    perl pfile pinfo pinfo2 pip popd pprint precision prun psearch psource pushd pwd pycat
    pylab pypy python python2 python3 qtconsole quickref recall rehashx reload_ext rep
    rerun reset reset_selective rm rmdir ruby run save sc script set_env sh shell store
    svg sx system tb tensorflow_version time timeit unalias unload_ext uv who who_ls whos
    writefile xdel xmode
    """.split()  # noqa: SIM905 - a list would fill a page
)
# A command that installs packages, and their names.
INSTALL = re.compile(r"\b(?:pip[\d.]*|conda|mamba|uv(?: pip)?)\s+(?:install|add)\s+([^;&|]*)")
_CELL = re.compile(r"\s*%%(!|[\w.]*)[ \t]*(.*)")
_LINE = re.compile(r"\s*(?:[^=#'\"()]*=\s*)?(!!?|%)\s*(.*)", re.DOTALL)
_WORD = re.compile(r"[\w.]+")


@dataclass(frozen=True)
class Magic:
    """A magic or a shell line.

    Attributes:
        name: such as "run"; "" for a line that the shell runs.
        argument: the rest of the line.
        line: its line number in the cell.
        body: the lines below a cell magic; None for a line.
    """

    name: str
    argument: str
    line: int
    body: str | None = None

    def __str__(self) -> str:
        """Return how the magic is written, without its argument."""
        return f"{'%' if self.body is None else '%%'}{self.name}" if self.name else "!"

    @property
    def written(self) -> str | None:
        """The file that %%writefile writes, as the cell names it; None for another magic."""
        if self.name not in ("writefile", "file") or self.body is None:
            return None
        names = [word for word in self.argument.split() if not word.startswith("-")]
        return names[-1].strip("'\"") if names else None

    def commands(self) -> Iterator[tuple[int, str]]:
        """Yield the shell commands that it runs, with their line numbers."""
        if self.name in _SHELL_BODIES or (self.name == "script" and "sh" in self.argument):
            lines = [self.argument] if self.body is None else self.body.split("\n")
            yield from enumerate(lines, self.line + (self.body is not None))
        elif self.name in _INSTALLERS:
            yield self.line, f"{self.name} {self.argument}"
        elif not self.name:
            yield self.line, self.argument


def cell_magic(source: str) -> Magic | None:
    """Return the cell magic that a source starts with."""
    stripped = source.lstrip()
    match = _CELL.match(stripped)
    if match is None:
        return None
    skipped = source[: len(source) - len(stripped)].count("\n")
    _, _, body = stripped.partition("\n")
    return Magic(match[1], match[2].strip(), skipped + 1, body)


def line_magic(text: str, line: int) -> Magic | None:
    """Return the magic or shell line in the text of one line; None for `help?`, for example."""
    match = _LINE.match(text)
    if match is None:
        return None
    argument = re.sub(r"\\\r?\n", " ", match[2]).strip()
    if match[1] != "%":
        return Magic("", argument, line)
    word = _WORD.match(argument)
    return Magic(word[0], argument[word.end() :].strip(), line) if word else None
