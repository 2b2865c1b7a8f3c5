"""Expands the macros of W&B's `command` list into the arguments of one program run."""

import json
import os
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from colabctl.errors import UserError
from colabctl.search.language.commands import code_places
from colabctl.search.language.commands.hydra import in_hydra
from colabctl.search.language.commands.shell_text import MACRO, quoted
from colabctl.yamlfile.problems import shown

DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")

# Drive does not keep the executable bit, so scripts always run through their interpreter.
_INTERPRETERS = {
    ".py": sys.executable,
    ".sh": "bash",
    ".r": "Rscript",
    ".jl": "julia",
    ".js": "node",
    ".pl": "perl",
    ".rb": "ruby",
}
_CLEAN = {
    "Rscript": ("--vanilla",),
    "R": ("--vanilla",),
    "julia": ("--startup-file=no",),
    "octave": ("--norc",),
    "octave-cli": ("--norc",),
}
"""The options with which an interpreter reads no file that configures it."""
ENVIRONMENT = "envvar:"
SEVERAL = (
    "args",
    "args_no_equals",
    "args_no_hyphens",
    "args_no_boolean_flags",
    "args_append_hydra",
    "args_override_hydra",
)
"""The macros that become one argument, or more, for each parameter."""
MACROS = ("env", "interpreter", "program", *SEVERAL, "args_json", "args_json_file")

LONGEST_ARGUMENT = 131_071
"""Bytes of one argument on Linux (MAX_ARG_STRLEN, execve(2))."""


def interpreter_of(program: str) -> str | None:
    """Return the interpreter of a program by its file extension; None if it is unknown."""
    return _INTERPRETERS.get(Path(program).suffix.lower())


def expand(
    command: Sequence[str],
    program: Path,
    params: Mapping[str, Any],
    json_file: Path,
    environ: Mapping[str, str] = os.environ,
) -> list[str]:
    """Return the arguments that `command` expands to, as in W&B's agent.

    Two things differ: a parameter's own macro, `${lr}`, expands to its value, as W&B documents,
    while its agent leaves it as it is; and Hydra's macros write each value in Hydra's grammar. Two
    protect the member who runs it: in the text of a shell, as in `bash -c "... ${lr}"`, parameters
    are in quotes, and interpreters get the options of `_CLEAN`.

    `${envvar:NAME}` expands to the name itself if the variable is not set, and what is not a macro
    stays as it is. Writes `json_file` only for `${args_json_file}`. Raises UserError for an
    argument that no program can be given.
    """
    macros = _Macros(program, params, json_file, environ)
    shell_words = code_places.shell_words(command, params)
    arguments: list[str] = []
    cleans = True  # until the interpreter
    for i, item in enumerate(command):
        if i in shell_words:
            arguments.append(macros.in_text(item, code_places.quotes_in(item, params)))
        else:
            arguments += macros.as_words(item)
        cleans = cleans and item != "${program}"
        if cleans and (item == "${interpreter}" or not MACRO.fullmatch(item)):
            name = PurePath(arguments[-1]).name
            arguments += _options(name, command[i + 1 :])
            cleans = name not in _CLEAN
    for text in arguments:
        if fault := unfit(text):
            raise UserError(f"command: {fault}")
    return arguments


@dataclass(frozen=True)
class _Macros:
    """What the macros of a command become in one task."""

    program: Path
    params: Mapping[str, Any]
    json_file: Path
    environ: Mapping[str, str]

    def as_words(self, item: str) -> list[str]:
        """Return the arguments that a word of a command becomes."""
        whole = MACRO.fullmatch(item)
        words = self._words(whole[1]) if whole else None
        return [self.in_text(item, {})] if words is None else words

    def in_text(self, text: str, quotes: Mapping[int, str]) -> str:
        """Return a text with its macros expanded; `quotes` are around those at these positions."""

        def expanded(match: re.Match[str]) -> str:
            words = self._words(match[1])
            if words is not None and match.start() in quotes:
                words = [quoted(word, quotes[match.start()]) for word in words]
            return match[0] if words is None else " ".join(words)

        return MACRO.sub(expanded, text)

    def _words(self, name: str) -> list[str] | None:
        """Return the arguments that a macro becomes; None for a name that is not a macro."""
        if name.startswith(ENVIRONMENT):
            variable = name.removeprefix(ENVIRONMENT)
            return [self.environ.get(variable, variable)]
        match name:
            case "env":
                return [] if os.name == "nt" else ["/usr/bin/env"]
            case "interpreter":
                return [_interpreter(self.program)]
            case "program":
                return [str(self.program)]
            case "args_json":
                return [json.dumps(self.params)]
            case "args_json_file":
                self.json_file.write_text(json.dumps(self.params), encoding="utf-8")
                return [str(self.json_file)]
            case _ if name in SEVERAL:
                return [word for item in self.params.items() for word in argument(name, *item)]
        return [str(self.params[name])] if name in self.params else None


def refuse_code(command: Sequence[str], params: Collection[str]) -> None:
    """Raise UserError if a command would let parameters of these names be code."""
    for place in code_places.code_places(command, params):
        raise UserError(f"command: {place.fault}")


def _options(name: str, others: Sequence[str]) -> tuple[str, ...]:
    """Return the options that let an interpreter start clean, unless the command has them."""
    if name == "R" and others[:1] == ["CMD"]:
        return ()
    return tuple(option for option in _CLEAN.get(name, ()) if option not in others)


def argument(macro: str, name: str, value: Any) -> list[str]:
    """Return the arguments that one parameter becomes in a macro of `SEVERAL`."""
    match macro:
        case "args_no_equals":
            return [f"--{name}", str(value)]
        case "args_no_hyphens":
            return [f"{name}={value}"]
        case "args_no_boolean_flags" if isinstance(value, bool):
            return [f"--{name}"] if value else []
        case "args_append_hydra" | "args_override_hydra":
            plus = "+" if macro == "args_append_hydra" else "++"
            return [f"{plus}{name}={in_hydra(value)}"]
    return [f"--{name}={value}"]


def unfit(text: str) -> str | None:
    """Return why no program can be given `text` as an argument, and what to do; None if it can."""
    size = len(text.encode(errors="surrogateescape"))
    if "\0" in text:
        fault = "contains a NUL character, which no argument can have"
    elif size > LONGEST_ARGUMENT:
        fault = f"is {size:,} bytes long, and the limit of an argument is {LONGEST_ARGUMENT:,}"
    else:
        return None
    return f"{shown(text[:40])} {fault}; pass the parameters in a file: ${{args_json_file}}"


def _interpreter(program: Path) -> str:
    interpreter = interpreter_of(program.name)
    if interpreter is None:
        raise UserError(
            f"program: no known interpreter for {program.name}; "
            'add how to run it, such as `command: ["./tool", "${program}", "${args}"]`'
        )
    return interpreter
