"""Finds where a command would let parameters be read as code, or choose what runs.

Parameters come from task files and journals, which others can write. So they may only be arguments
of a program that the command names, or quoted words in shell text.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from colabctl.errors import UserError
from colabctl.search.language import shell_text
from colabctl.search.language.shell_text import MACRO

_Kind = Literal["shell", "other shell", "python", "interpreter", "launcher", "reader", "other"]

_KINDS: dict[_Kind, str] = {
    "shell": "sh bash dash zsh ksh mksh ash",
    "other shell": "fish csh tcsh cmd pwsh powershell nu xonsh",
    "python": "python pythonw pypy ipython",
    "interpreter": "node nodejs deno bun perl ruby irb julia r rscript littler lua luajit php "
    "octave octave-cli matlab java scala groovy runghc tclsh gdb",
    "launcher": "env nohup time timeout nice ionice setsid stdbuf exec command builtin coproc sudo "
    "doas xargs srun mpirun mpiexec torchrun accelerate deepspeed horovodrun uv uvx pipx poetry "
    "pipenv conda mamba micromamba pixi hatch pdm rye npx bunx coverage kernprof strace ltrace "
    "taskset numactl unbuffer chroot unshare catchsegv busybox docker podman singularity apptainer",
    # These read arguments as a text of their own, or choose files to run by them.
    "reader": "eval source . trap let declare typeset local readonly [[ [ test printf unset read "
    "mapfile readarray alias export cd pushd hash enable bind complete sed awk gawk mawk find ssh "
    "su make gmake just snakemake nextflow watch tmux screen script expect flock parallel",
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_VERSION = re.compile(r"[\d.]*(\.exe)?$")
_PROGRAM_FILE = re.compile(
    r"\.(pyw?|ipynb|sh|bash|zsh|r|jl|[cm]?[jt]s|pl|rb|lua|php|m|jar|ps1|bat|exe)", re.IGNORECASE
)
# Also with other letters before it, as in `bash -lc`.
_CODE_OPTION = re.compile(r"-[A-Za-z]*[ceEp]|--(eval|command|print|execute)|-Command|/[ckCK]")
_SETTING = re.compile(r"([A-Za-z_]\w*)=")
_CODE_VARIABLE = re.compile(
    r"PATH|IFS|ENV|HOME|SHELL|CLASSPATH|ZDOTDIR|PS\d|CC|CXX|EDITOR|PAGER|MATPLOTLIBRC|"
    r"_?JAVA_\w*|JDK_\w*|PYTHON(?!HASHSEED)\w*|PERL\w*|RUBY\w*|PROMPT_COMMAND|XDG_\w*|"
    r"(BASH|LD|DYLD|NODE|NPM|npm|R|JULIA|GIT|LUA|PIP|UV|CONDA)_\w*"
)
# Options whose next word belongs to them.
_WITH_WORD: dict[_Kind, re.Pattern[str]] = {
    "python": re.compile(r"-[A-Za-z]*[WX]|--check-hash-based-pycs"),
    "shell": re.compile(r"[-+][A-Za-z]*[Oo]|--rcfile|--init-file"),
    "interpreter": re.compile(r"-[rLICJ]|-cp|--(require|import|loader|load|experimental-loader)"),
}
_NEVER = re.compile(r"(?!)")
_SUBCOMMAND = re.compile(r"run|launch|exec|x|tool|\d[\w.:]*")
_WITH_MODULES = frozenset(["torchrun", "accelerate", "uv", "deepspeed", "coverage"])
_MODULES_THAT_START = re.compile(
    r"torch\.distributed\.(run|launch)|accelerate\.commands\.launch|cProfile|profile|pdb|trace|"
    r"coverage|debugpy|kernprof|deepspeed\.launcher\.\w+|runpy|IPython"
)
_ALL_PARAMETERS = re.compile(r"args(_(no_equals|no_hyphens|no_boolean_flags|json|\w+_hydra))?")
_OWN = frozenset({"env", "interpreter", "program", "args_json_file"})


@dataclass(frozen=True)
class CodePlace:
    """A word of a command that may not run: its index, and why not, with what to write instead."""

    index: int
    fault: str


def is_value(name: str, parameters: Collection[str]) -> bool:
    """Whether a macro becomes values or names of parameters on the command line."""
    return name not in _OWN and bool(_ALL_PARAMETERS.fullmatch(name) or name in parameters)


def shell_words(command: Sequence[str], parameters: Collection[str]) -> frozenset[int]:
    """Return the indices of the words with parameters that a shell reads as commands."""
    return frozenset(_Search(command, parameters).shell_words())


def quotes_in(text: str, parameters: Collection[str]) -> dict[int, str]:
    """Return the quotes around each macro of parameters in shell text, by the macro's position."""
    places = shell_text.parse(text, lambda name: is_value(name, parameters)).places
    return {place.macro.start(): place.quotes for place in places}


def code_places(command: Sequence[str], parameters: Collection[str]) -> list[CodePlace]:
    """Return the words in which parameters would be code, or would choose what runs."""
    return list(_Search(command, parameters).faults())


class _Search:
    """A walk along the words of a command up to the program that they start."""

    def __init__(self, words: Sequence[str], parameters: Collection[str]) -> None:
        self._words = words
        self._parameters = parameters
        self._texts: list[int] = []

    def shell_words(self) -> list[int]:
        list(self.faults())
        return self._texts

    def faults(self) -> Iterator[CodePlace]:
        """Yield the faults, and note the words that are shell text."""
        self._texts = []
        runner, previous = "", ""  # what reads a word, and the word before it
        kind: _Kind | None = None
        awaits_code = read_code = False
        for i, word in enumerate(self._words):
            macro, name = self._value_in(word), _name(word)
            setting = _SETTING.match(word) if kind is None or runner in ("env", "export") else None
            if word == "${env}":
                continue
            if awaits_code and not word.startswith("-"):
                if macro:
                    yield from self._in_code(i, macro, runner, kind)
                if kind in ("python", "shell"):
                    return  # what follows are arguments
                awaits_code, read_code = False, True
            elif setting:
                if macro and _CODE_VARIABLE.fullmatch(setting[1]):
                    yield CodePlace(i, _sets(macro, setting[1]))
            elif kind == "reader":
                if macro:
                    yield CodePlace(i, _in_reader(macro, runner))
            elif self._ends(word, previous, runner, kind):
                if macro:
                    yield CodePlace(i, _chooses(macro))
                if not (previous == "-m" and _MODULES_THAT_START.fullmatch(word)):
                    return
                runner, kind = word, "launcher"
            elif kind is None:
                runner, kind = name, _KIND_OF.get(name, "other")
            elif read_code and word == "--":
                return
            elif _CODE_OPTION.fullmatch(word) and kind not in ("launcher", "other"):
                awaits_code = True
            elif macro:
                if kind == "launcher" and not _is_of_option(word, previous, runner):
                    yield CodePlace(i, _chooses(macro))
                elif kind not in ("launcher", "other"):
                    yield CodePlace(i, _among_options(macro, runner))
            elif self._starts(name, previous, kind):
                runner, kind = name, _KIND_OF[name]
            elif kind == "launcher" and not (
                word.startswith("-") or previous.startswith("-") or _SUBCOMMAND.fullmatch(word)
            ):
                kind = "other"  # a program such as a console script
            previous = word

    def _ends(self, word: str, previous: str, runner: str, kind: _Kind | None) -> bool:
        """Whether a word is the program, so that arguments follow."""
        if kind is None:
            return bool(self._value_in(word)) or word.strip() == "${program}"
        if previous == "-m" and (kind in ("python", "interpreter") or runner in _WITH_MODULES):
            return True
        if word.startswith("-") or _WITH_WORD.get(kind, _NEVER).fullmatch(previous):
            return False
        if word.strip() == "${program}" or _PROGRAM_FILE.fullmatch(PurePosixPath(word).suffix):
            return " " not in word.strip()
        return kind in ("python", "shell") and not self._value_in(word)

    @staticmethod
    def _starts(name: str, previous: str, kind: _Kind | None) -> bool:
        """Whether a word is an interpreter or the like that a launcher starts."""
        known = _KIND_OF.get(name)
        if kind == "launcher":
            return known is not None
        return known not in (None, "reader", "launcher") and not previous.startswith("-")

    def _value_in(self, word: str) -> str:
        """Return the first macro in a word that becomes values or names, "" if there is none."""
        macros = MACRO.finditer(word)
        return next((m[0] for m in macros if is_value(m[1], self._parameters)), "")

    def _in_code(self, i: int, macro: str, runner: str, kind: _Kind | None) -> Iterator[CodePlace]:
        if kind != "shell":
            yield CodePlace(i, _in_other_code(macro, runner))
            return
        try:
            text = shell_text.parse(
                self._words[i], lambda name: is_value(name, self._parameters)
            )
        except UserError as error:
            yield CodePlace(i, f"{macro} {error}; {_SCRIPT.format(runner=runner, macro=macro)}")
            return
        self._texts.append(i)
        for words in text.commands:
            for place in _Search(words, self._parameters).faults():
                yield CodePlace(i, place.fault)
            if inner := _Search(words, self._parameters).shell_words():
                nested = self._value_in(words[inner[0]])
                fault = f"{nested} stands in shell text inside shell text"
                yield CodePlace(i, f"{fault}; {_SCRIPT.format(runner=runner, macro=nested)}")


_SCRIPT = (
    'let the shell read it as an argument: [{runner}, -c, \'python train.py "$@"\', _, "{macro}"], '
    "or write a script"
)


def _name(word: str) -> str:
    """Return a command's name without folder and version."""
    if word == "${interpreter}":
        return "python"
    return _VERSION.sub("", PurePosixPath(word).name).lower() or word


def _is_of_option(word: str, previous: str, runner: str) -> bool:
    """Whether a word is an option, or its value, and so cannot choose what a launcher starts."""
    is_option = word.startswith("-") or (previous.startswith("-") and "=" not in previous)
    return is_option and runner not in ("env", "xargs")


def _sets(macro: str, variable: str) -> str:
    return (
        f"{macro} would set {variable}, which can choose the code that runs; give the variable "
        "a fixed value"
    )


def _chooses(macro: str) -> str:
    return (
        f"{macro} would choose the program that runs, and others can write task files; name the "
        'program, and give it the value as an argument: [python, train.py, "${args}"]'
    )


def _among_options(macro: str, runner: str) -> str:
    return (
        f"{macro} stands where {runner} reads its own options, which can be code; move it behind "
        'the program: [python, train.py, "${args}"]'
    )


def _in_other_code(macro: str, runner: str) -> str:
    how = f"write a program, and give it {macro} as an argument"
    if runner.startswith("py"):
        how = f'read sys.argv[1] there, and give it as an argument: [python, -c, "...", "{macro}"]'
    return f"{macro} stands in code that {runner} reads, and others can write task files; {how}"


def _in_reader(macro: str, runner: str) -> str:
    return (
        f"{runner} could run {macro} as code, and others can write task files; write a program, "
        "and give it the value as an argument"
    )
