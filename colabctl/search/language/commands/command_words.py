"""Reads the key `command` of a sweep file and finds its mistakes before any task runs."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.search.language.commands import hydra
from colabctl.search.language.commands.code_places import code_places
from colabctl.search.language.commands.command import (
    ENVIRONMENT,
    MACROS,
    SEVERAL,
    argument,
    unfit,
)
from colabctl.search.language.commands.shell_text import MACRO
from colabctl.search.language.fields import Fields
from colabctl.search.language.problems import Problems, listed
from colabctl.search.space.discrete import Categorical, Constant, WeightedCategorical
from colabctl.search.space.space import Leaf, Space
from colabctl.yamlfile.problems import shown

_SHELL = re.compile(r"[;&|<>`]")
_PLAIN_WORD = re.compile(r"[A-Za-z_./-][\w./=+-]*", re.ASCII)
_YAML_WORDS = frozenset(["yes", "no", "on", "off", "true", "false", "null", "-"])
_INTERPRETERS = re.compile(
    r"(ba|z|da|k|fi)?sh|cmd|pwsh|powershell|python[\d.]*|node|perl|ruby|julia|Rscript"
)
_CODE_OPTION = re.compile(r"-[a-z]*c|-e|--eval|--command|-Command|/[cC]")
_OPTION = re.compile(r"--?[A-Za-z]")
_IN_BRACKETS = re.compile(
    r"(?:--?[\w-]+=)?(\{\{\s*(\w+)\s*\}\}|\{\s*(\w+)\s*\}|"
    r"\$\(\s*(\w+)\s*\)|\$\[\s*(\w+)\s*\]|\$(\w+)|<(\w+)>|%(\w+)%|\$\{(\w+))"
)
_VARIABLE = re.compile(r"(?:env|envvars?|env_?var|environ|environment)[:.]\s*(\w+)", re.IGNORECASE)
_SHELL_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")


def read_command(top: Fields, space: Space) -> tuple[str, ...] | None:
    """Return the words of `command`; record the problems of those, and of values, that can't run.

    Numbers and truth values become text, as in W&B.
    """
    command = top.content.get("command")
    if command is None:
        program = top.content.get("program")
        if isinstance(program, str) and ":" not in program and not program.endswith(".ipynb"):
            check_values("args", space, top.problems)
        return None
    if not isinstance(command, list) or not command:
        top.problem("command", _not_a_list(command))
        return None
    words = []
    for i, word in enumerate(command):
        if isinstance(word, str | int | float) and "\0" not in str(word):
            words.append(str(word))
        else:
            top.problems.add(("command", i), _not_a_word(word))
    if len(words) == len(command):
        _Reader(words, space, top.problems).read()
    return tuple(words)


def _not_a_list(command: Any) -> str:
    meant = ["python", "train.py", "${args}"]
    if isinstance(command, str) and command.strip():
        try:
            words = shlex.split(command)
        except ValueError:  # a quote is left open
            words = command.split()
        meant = ["bash", "-c", command.strip()] if _SHELL.search(command) else words
    return f"must be a list of words; write [{', '.join(map(_in_yaml, meant))}]"


def _in_yaml(word: str) -> str:
    plain = _PLAIN_WORD.fullmatch(word) and word.lower() not in _YAML_WORDS
    return word if plain else json.dumps(word, ensure_ascii=False)


def _not_a_word(word: Any) -> str:
    match word:
        case None:
            return 'is empty; remove it, or write "null" in quotes for that word'
        case dict():
            words = [str(part) for item in word.items() for part in item if part is not None]
            return f"must be a word, not a map; write each as a word: {listed_words(words)}"
    return f"must be a word, not {shown(word)}"


def listed_words(words: Sequence[str]) -> str:
    """Return words for a message, in quotes: "--lr", "0.1"."""
    return ", ".join(map(shown, words))


@dataclass(frozen=True)
class _Reader:
    """The words of a command, for a space of parameters."""

    words: Sequence[str]
    space: Space
    problems: Problems

    def read(self) -> None:
        for i, word in enumerate(self.words):
            is_code = self._code_runner(i) is not None
            for name in (match[1] for match in MACRO.finditer(word)):
                self._check_macro(i, name, is_code=is_code)
            if not is_code:
                self._check_brackets(i)
                self._note_several(i)
        for place in code_places(self.words, self.space.every_name, with_scripts=True):
            self._add(place.index, place.fault)
        macros = {match[1] for word in self.words for match in MACRO.finditer(word)}
        for macro in SEVERAL:
            if macro in macros:
                check_values(macro, self.space, self.problems)

    def _code_runner(self, i: int) -> str | None:
        """Return the shell or interpreter that runs a word as code, as in `bash -c`, or None."""
        if i < 2 or not _CODE_OPTION.fullmatch(self.words[i - 1]):
            return None
        before = (PurePath(word).name for word in self.words[: i - 1])
        runners = (w for w in before if w == "${interpreter}" or _INTERPRETERS.fullmatch(w))
        return next(runners, None)

    def _check_macro(self, i: int, name: str, *, is_code: bool) -> None:
        written = f"${{{name}}}" + "}" * name.startswith("{")
        if name in MACROS or name in self.space.by_name:
            return
        if name.startswith(ENVIRONMENT):
            if not name.removeprefix(ENVIRONMENT).strip():
                self._add(i, f"{written} needs the name of a variable, as in ${{envvar:HOME}}")
            return
        if name in self.space.every_name:
            message = (
                f"{written} is a parameter of some branches only; use ${{args}}, which has the "
                "parameters of each task"
            )
            self._add(i, message)
        elif is_code:
            meant = nearest(name, MACROS, cutoff=0.8)
            hint = f"; did you mean ${{{meant}}}?" if meant else ""
            self._note(i, f"{written} is left to {self._code_runner(i)}{hint}")
        elif meant := self._meant(name):
            self._add(i, f"{written} is not a macro; did you mean ${{{meant}}}?")
        elif self._must_be_known(self.words[i], name):
            parameters = listed(sorted(self.space.every_name))
            message = (
                f"{written} is neither a macro nor a parameter ({parameters}); the macros are in "
                "`colabctl guide sweep-file`"
            )
            self._add(i, message)
        else:
            self._note_literal(i, written, name)

    def _meant(self, name: str) -> str | None:
        """Return the macro or parameter that a name may be meant as."""
        plain = name.strip("{} $")
        names = (*MACROS, *self.space.every_name)
        if variable := _VARIABLE.fullmatch(plain):
            return f"{ENVIRONMENT}{variable[1]}"
        if plain in names:
            return plain
        if _SHELL_NAME.fullmatch(name):
            return nearest(name, names, cutoff=1)
        return nearest(plain, names, cutoff=0.7) if plain.isidentifier() else None

    @staticmethod
    def _must_be_known(word: str, name: str) -> bool:
        """Return whether `word` makes sense only if `name` is a macro or a parameter.

        Hydra reads ${...} in a word such as run=${model} itself, and capitals name a variable.
        """
        is_ours = word.startswith("-") or MACRO.fullmatch(word)
        return bool(is_ours) and name.isidentifier() and not _SHELL_NAME.fullmatch(name)

    def _note_literal(self, i: int, written: str, name: str) -> None:
        hint = ""
        if _SHELL_NAME.fullmatch(name):
            hint = f"; for the environment variable, write ${{{ENVIRONMENT}{name}}}"
        self._note(i, f"{written} is not a macro and stays as it is{hint}")

    def _check_brackets(self, i: int) -> None:
        """Look for $args, {args} and the like, which are no macros."""
        match = _IN_BRACKETS.fullmatch(self.words[i])
        if not match or MACRO.search(self.words[i]):
            return
        written, name = match[1], next(filter(None, match.groups()[1:]))
        with_dollar = written.startswith("$")
        names = (*MACROS, *self.space.every_name) if with_dollar else MACROS
        is_variable = with_dollar and _SHELL_NAME.fullmatch(name)
        meant = nearest(name, names, cutoff=1 if is_variable else 0.8)
        if meant:
            self._add(i, f"{written} is not a macro; did you mean ${{{meant}}}?")
        elif is_variable:
            self._note_literal(i, written, name)

    def _note_several(self, i: int) -> None:
        word = self.words[i]
        try:
            parts = shlex.split(word)
        except ValueError:
            parts = word.split()
        macros = [match[1] for match in MACRO.finditer(word)]
        if len(parts) < 2:
            if not MACRO.fullmatch(word) and any(macro in SEVERAL for macro in macros):
                self._note(i, f"{shown(word)} becomes a single argument, with all parameters")
            return
        first = next((j for j, other in enumerate(self.words) if other != "${env}"), 0)
        several = (
            i == first
            or any(macro in SEVERAL for macro in macros)
            or any(_OPTION.match(part) for part in parts[1:])
            or (_OPTION.match(parts[0]) and "=" not in parts[0])
        )
        if several:
            separate = listed_words(parts)
            text = f"{shown(word)} arrives as one argument; write a word for each: {separate}"
            self._note(i, text)

    def _add(self, i: int, message: str) -> None:
        self.problems.add(("command", i), message)

    def _note(self, i: int, text: str) -> None:
        self.problems.note_at(("command", i), text)


def check_values(macro: str, space: Space, problems: Problems) -> None:
    """Record the parameters whose values or names a macro of `SEVERAL` cannot write."""
    is_hydra = macro.endswith("_hydra")
    for name, value in _texts(space):
        path = ("parameters", name)
        try:
            faults = [unfit(word) for word in argument(macro, name, value)]
        except UserError as error:
            faults = [str(error)]
        for fault in filter(None, faults):
            problems.add(path, fault)
        if is_hydra and value == "???":
            problems.note_at(path, "Hydra reads ??? as a missing value, even in quotes")
    if is_hydra:
        _check_names(space, problems)


def hydra_notes(command: Sequence[str] | None, space: Space) -> tuple[str, ...]:
    """Return a note on the values that Hydra misreads in `${args_no_hyphens}`; W&B writes them so.

    Hydra takes a null for the text "None", and cannot read maps and many texts.
    """
    if not any("${args_no_hyphens}" in word for word in command or ()):
        return ()
    misread = {name: None for name, value in _texts(space, with_null=True) if not _same(value)}
    if not misread:
        return ()
    note = (
        f"{listed(misread)}: Hydra misreads a value that ${{args_no_hyphens}} writes as W&B does; "
        "with ${args_override_hydra}, the value arrives unchanged"
    )
    return (note,)


def _same(value: Any) -> bool:
    """Return whether Hydra reads a value as it is from the text that W&B writes."""
    match value:
        case None | dict():
            return False
        case str():
            return hydra.in_hydra(value) == value
        case list():
            return all(_same(item) for item in value)
    return True


def _texts(space: Space, *, with_null: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield each listed value that is not a number, with the name of its parameter."""
    kinds = str | list | dict | (type(None) if with_null else str)
    for path, parameter in space.walk():
        match parameter:
            case Leaf(_, Constant(value)):
                values: Sequence[Any] = (value,)
            case Leaf(_, Categorical(values) | WeightedCategorical(values, _)):
                pass
            case _:
                continue
        yield from ((path[0], value) for value in values if isinstance(value, kinds))


def _check_names(space: Space, problems: Problems) -> None:
    """Record the names that Hydra's grammar has no form for, or reads as a config group."""
    for (name, *below), _ in space.walk():
        path = ("parameters", name)
        if not hydra.NAME.fullmatch(name):
            message = f"Hydra has no way to write the name {shown(name)} on the command line"
            problems.add(path, message, key=True)
        elif "/" in name:
            dots = name.replace("/", ".")
            text = f"Hydra takes this name for a config group; for a nested key, write {dots}"
            problems.note_at(path, text)
        for key in below:
            try:
                hydra.in_hydra({key: None})
            except UserError as error:
                problems.add(path, str(error))
