"""Says whether parameters in the text of a shell are certainly data: a list of what is allowed.

A shell has too many ways to read data as code to list them. So each command of a text with
parameters must be one that is known here, or start a program.
"""

import re
from collections.abc import Callable

from colabctl.search.language.commands.shell_text import MACRO, ShellText

_HARMLESS = frozenset(["echo", "mkdir", "true", ":", "sleep"])
# With constant words only.
_CONSTANT = frozenset(
    ["ulimit", "umask", "wait", "pwd", "date", "hostname", "cat", "head", "tail", "grep", "wc"]
)
_ENVIRONMENTS = re.compile(r"(conda|mamba) (de)?activate|module (un)?(load|purge)")
_SET = re.compile(r"-[eux]+o?|-o|pipefail")
_FORMAT = re.compile(r"(?!-)([^%$]|%s)*")
SETTING = re.compile(r"([A-Za-z_]\w*)=")
_VARIABLE = re.compile(r"\$(?!_\b)(\w+|[@*?#]|\{(?!_\})((envvar:)?\w+|[@*])\})")
_ARGUMENT = re.compile(r"\$(\{?\d|\{?[@*])")
# Files that are not files: what another command writes to them is read from them.
_STREAM = re.compile(r"(.*/)?(dev|proc|stdin|fd)(/.*)?|-")
_STREAM_NUMBER = re.compile(r"&[\d-]")
_TARGET = re.compile(r"[\w./~-]*(\b(log|out)|\.(log|txt|out|err|csv|tsv))")
# Variables that a shell reads as code or as numbers, or that choose what programs run.
CODE_VARIABLE = re.compile(
    r"OPTIND|S?RANDOM|SECONDS|LINENO|HIST\w*|SAVEHIST|COLUMNS|LINES|FUNCNEST|ERRNO|E?[UG]ID|PPID|"
    r"TTYIDLE|KEYTIMEOUT|LISTMAX|SHLVL|BAUD|DIRSTACK\w*|TMOUT|IGNOREEOF|LOGCHECK|OPTARG|REPLY|"
    r"(READ)?NULLCMD|argv|aliases|functions|commands|options|parameters|modules|status|pipestatus|"
    r"signals|_|IFS|ENV|HOME|ZDOTDIR|R?PS\d|CC|CXX|FCEDIT|MATPLOTLIBRC|PYTHON(?!HASHSEED)\w*|"
    r"\w*(PATH|FLAGS|OPTS|OPTIONS|PAGER|EDITOR|SHELL|COMMAND|PRELOAD)|"
    r"(PERL|RUBY|R?PROMPT|MAIL|EPOCH|LESS|TERM)\w*|"
    r"_?(BASH|LD|DYLD|NODE|NPM|R|JULIA|GIT|LUA|PIP|UV|CONDA|JAVA|JDK|XDG|COMP)_\w*",
    re.IGNORECASE,
)


# Variables that let an interpreter read more than its program.
_READ_AT_START = re.compile(r"PYTHON(INSPECT|STARTUP)|(BASH_)?ENV|ZDOTDIR|IFS")
# Options with which an interpreter reads nothing but its program: none as `bash -s`, `python -i`.
_OPTION = re.compile(
    r"-[uOBEIPqvxl]+|-[WX].*|-m|--(vanilla|no-[\w-]+|project(=.*)?|threads=\w+|startup-file=no)"
)


def is_safe_option(word: str) -> bool:
    """Whether an interpreter with an option, or a word that is none, still reads no commands."""
    return not word.startswith("-") or bool(_OPTION.fullmatch(word))


def has_argument(word: str) -> bool:
    """Whether a word has one of the shell's own arguments, such as $1 or "$@"."""
    return bool(_ARGUMENT.search(word))


def unsafe_part(
    text: ShellText, value_in: Callable[[str], str], starts_program: Callable[[list[str]], bool]
) -> str:
    """Return the first part of a text that is not allowed next to parameters, "" if all are.

    Args:
        text: the text's commands and the targets of its redirections.
        value_in: returns the parameter in a word, "" for none.
        starts_program: whether the words of a command start a program and give it the parameters
            as arguments.
    """
    everything = [*text.targets, *(word for words in text.commands for word in words)]
    for word in everything:
        rest = MACRO.sub(
            lambda macro: "" if value_in(macro[0]) and not has_argument(macro[0]) else macro[0],
            word,
        )
        if "$" in _VARIABLE.sub("", rest):
            return word
    constant = "\n".join(MACRO.sub("", word) for word in everything)
    for target in text.targets:
        if not (_STREAM_NUMBER.fullmatch(target) or _is_only_written(target, constant)):
            return f"> {target}"
    for words in text.commands:
        if not (_is_known(words, value_in, constant) or starts_program(words)):
            return " ".join(words)
        for word in words:
            setting = SETTING.match(word)
            if setting is None and word != "export":
                break
            if setting and not _may_be_set(setting[1], word, value_in(word), constant):
                return word
    return ""


def _is_only_written(file: str, constant: str) -> bool:
    """Whether a file is named once in a text, and is none that programs read as code."""
    if file == "/dev/null":
        return True
    name = re.escape(file.rpartition("/")[2])
    uses = re.findall(rf"(?<![\w.-]){name}(?![\w.-])", constant)
    return bool(_TARGET.fullmatch(file)) and len(uses) == 1


def _may_be_set(variable: str, word: str, value: str, constant: str) -> bool:
    """Whether a word may set a variable; to a parameter, only if no shell and no word reads it."""
    if not value:
        return not (_READ_AT_START.fullmatch(variable) or _STREAM.fullmatch(word))
    uses = re.findall(rf"\b{variable}\b", constant)
    return len(uses) == 1 and not CODE_VARIABLE.fullmatch(variable)


def _is_known(words: list[str], value_in: Callable[[str], str], constant: str) -> bool:
    """Whether a command is known to read its words as data, or has no parameters in them."""
    name, others = words[0], words[1:]
    if name == "printf":
        return bool(others and _FORMAT.fullmatch(others[0]))
    if name == "export":
        words = others
    if all(map(SETTING.match, words)):
        return name == "export" or not any(map(value_in, words))
    return name in _HARMLESS or (
        not any(map(value_in, words)) and _is_known_without(name, others, constant)
    )


def _is_known_without(name: str, others: list[str], constant: str) -> bool:
    """Whether a command without parameters cannot make code of those of other commands."""
    match name:
        case "set":
            return all(map(_SET.fullmatch, others))
        case "tee":
            files = (word for word in others if not word.startswith("-"))
            return all(_is_only_written(file, constant) for file in files)
        case "source" | "." | "cd":
            return all(map(is_constant, others))
    is_environment = _ENVIRONMENTS.fullmatch(" ".join((name, *others[:1])))
    return name in _CONSTANT or bool(is_environment)


def is_constant(word: str) -> bool:
    """Whether a shell reads a word, up to the program, as it is written."""
    plain = re.fullmatch(r"(\$\{?(HOME|PWD)\}?/)?[\w./:@%+,~= -]+", word, re.ASCII)
    return bool(plain) and not _STREAM.fullmatch(word)
