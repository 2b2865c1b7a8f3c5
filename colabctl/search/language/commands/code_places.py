"""Finds where a command would let parameters be read as code, or choose what runs.

Parameters come from task files and journals, which others can write. So they may only be arguments
of a program that the command names; text_rules.py says where that is so in the text of a shell.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from colabctl.errors import UserError
from colabctl.search.language.commands import shell_text, text_rules
from colabctl.search.language.commands.shell_text import MACRO
from colabctl.search.language.commands.text_rules import CODE_VARIABLE, SETTING

_Kind = Literal["shell", "other shell", "python", "interpreter", "launcher", "reader", "other"]

_KINDS: dict[_Kind, str] = {
    "shell": "sh bash dash zsh ksh mksh ash",
    "other shell": "fish csh tcsh cmd pwsh powershell nu xonsh",
    "python": "python pythonw pypy",
    "interpreter": "node nodejs deno bun perl ruby irb julia r rscript littler lua luajit php "
    "octave octave-cli matlab java scala groovy runghc tclsh",
    "launcher": "env nohup time timeout nice ionice setsid stdbuf exec command sudo "
    "doas srun mpirun mpiexec torchrun accelerate deepspeed horovodrun uv uvx pipx poetry "
    "pipenv conda mamba micromamba pixi hatch pdm rye npx bunx coverage kernprof strace ltrace "
    "taskset numactl chrt setpriv runuser valgrind unbuffer chroot unshare catchsegv busybox "
    "docker podman singularity apptainer",
    # These read arguments as a text or options of their own, or choose files to run by them.
    "reader": "eval source . sed awk gawk mawk find ssh su make gmake just snakemake nextflow "
    "watch tmux screen script expect flock parallel tar git sort split rsync pip pytest jupyter "
    "ipython gdb xargs",
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names.split()}
_VERSION = re.compile(r"[\d.]*(\.exe)?$")
_PROGRAM_FILE = re.compile(
    r"\.(pyw?|ipynb|sh|bash|zsh|r|jl|[cm]?[jt]s|pl|rb|lua|php|m|jar|ps1|bat|exe)", re.IGNORECASE
)
# Also with other letters before it, as in `bash -lc`.
_CODE_OPTION = re.compile(r"-[A-Za-z]*[ceEp]|--(eval|command|print|execute)|-Command|/[ckCK]")
# Options whose next word belongs to them.
_WITH_WORD: dict[_Kind, re.Pattern[str]] = {
    "python": re.compile(r"-[A-Za-z]*[WX]|--check-hash-based-pycs"),
    "shell": re.compile(r"[-+][A-Za-z]*[Oo]|--rcfile|--init-file"),
    "launcher": re.compile(r"-[oefFEC]|--(output|log|env-file|hostfile|config_file)"),
    "interpreter": re.compile(r"-[rLICJ]|-cp|--(require|import|loader|load|experimental-loader)"),
}
_NEVER = re.compile(r"(?!)")
_SUBCOMMAND = re.compile(r"run|launch|exec|x|tool|\d[\w.:]*")
# Options of launchers that take one number, or the like, and so may have a parameter.
_NUMBER = re.compile(
    r"--(nproc[-_]per[-_]node|nnodes|node[-_]rank|master[-_]port|num[-_](processes|machines|gpus|"
    r"nodes|proc)|machine[-_]rank|main[-_]process[-_]port|mixed[-_]precision|max[-_]restarts|"
    r"ntasks|cpus-per-task|gpus|mem|adjustment)"
)
_WITH_N = frozenset(["nice", "mpirun", "mpiexec", "srun", "horovodrun"])
_WITH_MODULES = frozenset(["torchrun", "accelerate", "uv", "deepspeed", "coverage"])
_MODULES_THAT_START = re.compile(
    r"torch\.distributed\.(run|launch)|accelerate\.commands\.launch|cProfile|profile|trace|"
    r"coverage|debugpy|kernprof|deepspeed\.launcher\.\w+"
)
_MODULES_WITH_CODE = re.compile(
    r"(timeit|code|pdb|runpy|IPython|pip|pytest|unittest|doctest|asyncio|ensurepip|venv|zipapp|"
    r"compileall|build|jupyter\w*|notebook|nbconvert|papermill|ipykernel\w*)(\..*)?"
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


def _is_quoted(name: str, parameters: Collection[str]) -> bool:
    """Whether a macro is quoted in shell text: parameters, and paths, which may have spaces."""
    return name in ("program", "args_json_file") or is_value(name, parameters)


def shell_words(command: Sequence[str], parameters: Collection[str]) -> frozenset[int]:
    """Return the indices of the words with macros to quote that a shell reads as commands."""
    return frozenset(_Walk(command, parameters).texts)


def quotes_in(text: str, parameters: Collection[str]) -> dict[int, str]:
    """Return the quotes around each macro to quote in shell text, by the macro's position."""
    places = shell_text.parse(text, lambda name: _is_quoted(name, parameters)).places
    return {place.macro.start(): place.quotes for place in places}


def code_places(
    command: Sequence[str], parameters: Collection[str], *, with_scripts: bool = False
) -> list[CodePlace]:
    """Return the words in which parameters would be code, or would choose what runs.

    With `with_scripts`, a name without a folder may be a console script of the project. In the
    command of a plan it is not: declaring has replaced those.
    """
    return _Walk(command, parameters, with_scripts=with_scripts).places


class _Walk:
    """A walk along the words of a command, up to the program that they start.

    Attributes:
        places: the words that may not run.
        texts: the indices of words that are shell text.
    """

    def __init__(
        self,
        words: Sequence[str],
        parameters: Collection[str],
        *,
        in_text: bool = False,
        with_scripts: bool = False,
    ) -> None:
        self.places: list[CodePlace] = []
        self.texts: list[int] = []
        self._words = words
        self._parameters = parameters
        self._in_text = in_text
        self._with_scripts = with_scripts
        self._runner = ""  # what reads a word: a shell, an interpreter, a launcher
        self._kind: _Kind | None = None
        self._previous = ""
        self._awaits_code = False  # after -c or the like
        self._read_code = False
        self.reaches_program = False
        for i, word in enumerate(words):
            if word != "${env}" and self._ends_at(i, word):
                self.reaches_program = True
                break
            self._previous = word

    def _ends_at(self, i: int, word: str) -> bool:
        """Look at a word; return whether only arguments of the program follow."""
        macro = self._value_in(word)
        sets = self._kind is None or self._runner == "env"
        if self._awaits_code and not word.startswith("-"):
            self._look_at_code(i, macro)
            self._awaits_code, self._read_code = False, True
            return self._kind in ("python", "shell")
        if sets and (setting := SETTING.match(word)):
            if macro and CODE_VARIABLE.fullmatch(setting[1]):
                self._add(i, _sets(macro, setting[1]))
        elif self._kind == "reader":
            if macro:
                self._add(i, _in_reader(macro, self._runner))
        elif self._in_text and not self._is_plain(word):
            self._add(i, _chooses(macro))
        elif self._is_program(word):
            if macro:
                self._add(i, _chooses(macro))
            if self._previous != "-m":
                return True
            if _MODULES_WITH_CODE.fullmatch(word):
                self._runner, self._kind = word, "reader"
                return False
            if not _MODULES_THAT_START.fullmatch(word):
                return True
            self._runner, self._kind = word, "launcher"
        elif self._kind is None:
            return self._start(word)
        elif _CODE_OPTION.fullmatch(word) and self._kind not in ("launcher", "other"):
            self._awaits_code = True
        elif macro:
            self._look_at_option(i, word, macro)
        else:
            return self._look_at_literal(word)
        return False

    def _is_plain(self, word: str) -> bool:
        """Whether a word of shell text, up to the program, is what it seems to be."""
        names = (*self._parameters, "program", "interpreter")
        is_constant = text_rules.is_constant(
            MACRO.sub(lambda macro: "x" if macro[1] in names else macro[0], word)
        )
        interprets = self._kind in ("python", "shell", "interpreter")
        return is_constant and (not interprets or text_rules.is_safe_option(word))

    def _look_at_option(self, i: int, word: str, macro: str) -> None:
        """Add the fault of a word with parameters before the program."""
        if self._kind == "other":
            self._add(i, _in_reader(macro, self._runner))
        elif self._kind == "launcher":
            if not self._is_number(word):
                self._add(i, _chooses(macro))
        else:
            self._add(i, _among_options(macro, self._runner))

    def _is_number(self, word: str) -> bool:
        """Whether a word is one value of a launcher's option that takes a number."""
        option, _, value = (
            word.rpartition("=") if word.startswith("-") else (self._previous, "", word)
        )
        whole = MACRO.fullmatch(value)
        is_single = whole is not None and not _ALL_PARAMETERS.fullmatch(whole[1])
        takes_number = _NUMBER.fullmatch(option) or (
            option in ("-n", "-np") and self._runner in _WITH_N
        )
        return is_single and bool(takes_number)

    def _look_at_literal(self, word: str) -> bool:
        """Note what another word starts; return whether only arguments follow."""
        kind, is_after_option = _KIND_OF.get(_name(word)), self._previous.startswith("-")
        if self._kind == "launcher":
            if kind is not None:
                return self._start(word)
            if not (word.startswith("-") or is_after_option or _SUBCOMMAND.fullmatch(word)):
                return self._start(word)
        elif kind not in (None, "reader", "launcher") and not is_after_option:
            return self._start(word)
        return self._read_code and word == "--"

    def _start(self, word: str) -> bool:
        """Note the command that a word starts; return whether it is a file of the project."""
        self._runner = _name(word)
        self._kind = _KIND_OF.get(self._runner, "other")
        return self._kind == "other" and (self._with_scripts or _is_file(word))

    def _add(self, i: int, fault: str) -> None:
        self.places.append(CodePlace(i, fault))

    def _value_in(self, word: str) -> str:
        return self._value_in_text(word) if self._in_text else _value_in(word, self._parameters)

    def _value_in_text(self, word: str) -> str:
        own = word if text_rules.has_argument(word) else ""
        return _value_in(word, self._parameters) or own

    def _is_program(self, word: str) -> bool:
        """Whether a word is the program, so that arguments follow."""
        kind, is_ours = self._kind, word.strip() == "${program}"
        if kind is None:
            return bool(self._value_in(word)) or is_ours
        if kind == "other" and self._in_text:
            return False
        takes_module = kind in ("python", "interpreter") or self._runner in _WITH_MODULES
        if self._previous == "-m" and takes_module:
            return True
        if word.startswith(("-", "+")) or _WITH_WORD.get(kind, _NEVER).fullmatch(self._previous):
            return False
        if is_ours or _PROGRAM_FILE.fullmatch(PurePosixPath(word).suffix):
            return " " not in word.strip()
        return kind in ("python", "shell") and not self._value_in(word)

    def _look_at_code(self, i: int, macro: str) -> None:
        """Add the faults of a word that is code, with the parameters' macro `macro`, if any."""
        if self._in_text:
            self._add(i, _in_other_code(macro, self._runner))
            return
        if self._kind != "shell":
            if macro:
                self._add(i, _in_other_code(macro, self._runner))
            return
        # Also those that the text reads as "$@".
        value = macro or next(filter(None, map(self._value_in, self._words[i + 1 :])), "")
        try:
            text = shell_text.parse(self._words[i], lambda name: _is_quoted(name, self._parameters))
        except UserError as error:
            if value:
                self._add(i, f"{value} {error}; {_AS_ARGUMENTS}")
            return
        self.texts.append(i)
        if value and (
            part := text_rules.unsafe_part(text, self._value_in_text, self._starts_program)
        ):
            self._add(i, _in_text(value, part, self._runner))

    def _starts_program(self, words: Sequence[str]) -> bool:
        """Whether a command in shell text starts a program that gets parameters as arguments."""
        inner = _Walk(words, self._parameters, in_text=True)
        return inner.reaches_program and not inner.places


def _value_in(word: str, parameters: Collection[str]) -> str:
    """Return the first macro in a word that becomes values or names, "" if there is none."""
    return next((m[0] for m in MACRO.finditer(word) if is_value(m[1], parameters)), "")


def _name(word: str) -> str:
    """Return a command's name without folder and version."""
    if word == "${interpreter}":
        return "python"
    return _VERSION.sub("", PurePosixPath(word).name).lower() or word


def _is_file(word: str) -> bool:
    """Whether the first word of a command names a file of the project."""
    is_path = "/" in word and not word.startswith(("/", "~", "$"))
    return is_path or bool(_PROGRAM_FILE.fullmatch(PurePosixPath(word).suffix))


_AS_ARGUMENTS = (
    'give the parameters to a program as arguments, command: [bash, "${program}", "${args}"], or '
    "read them in the program: colabctl.task().params, or the file ${args_json_file}"
)


def _in_text(macro: str, part: str, shell: str) -> str:
    return (
        f"{macro} is in shell text with {part!r:.70}, and {shell} could read it as code there; "
        f"{_AS_ARGUMENTS}"
    )


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
        f"{macro} is where {runner} reads its own options, which can be code; move it behind "
        'the program: [python, train.py, "${args}"]'
    )


def _in_other_code(macro: str, runner: str) -> str:
    how = f"write a program, and give it {macro} as an argument"
    if runner.startswith("py"):
        how = f'read sys.argv[1] there, and give it as an argument: [python, -c, "...", "{macro}"]'
    return f"{macro} is in code that {runner} reads, and others can write task files; {how}"


def _in_reader(macro: str, runner: str) -> str:
    return (
        f"{runner} could run {macro} as code, and others can write task files; write a program, "
        "and give it the value as an argument"
    )
