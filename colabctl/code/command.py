"""The command of a sweep: which program it starts, and how it starts the frozen copy."""

import posixpath
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from colabctl.code.analysis.closure import CODE
from colabctl.code.analysis.scripts import words_of
from colabctl.code.places import Places
from colabctl.code.program import NoProgramError, Program, find
from colabctl.errors import UserError

_PROGRAM = "${program}"
_INTERPRETER = "${interpreter}"
_START = ("${env}", _INTERPRETER)
_ENV = ("${env}", "env", "/usr/bin/env")
_SETTING = re.compile(r"[A-Za-z_]\w*=")
_PYTHON = re.compile(r"(python[\d.]*(\.exe)?|\$\{interpreter\})$")
_SHEBANG = re.compile(rb"#!.*\bpython[\d.]*\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Started:
    """How a program is started: its command, None for W&B's default, and notes."""

    command: tuple[str, ...] | None
    notes: tuple[str, ...] = ()


def find_in_command(command: Sequence[str], places: Places, cwd: str | None = None) -> Program:
    """Return the program that a command starts: a file, a module after -m, a console script.

    Raises NoProgramError if the command names none that exists.
    """
    words = list(_words(command))
    first = _first(words)
    missing: NoProgramError | None = None
    for i, word in enumerate(words):
        is_module = i > 0 and words[i - 1] == "-m"
        is_file = posixpath.splitext(word)[1].casefold() in CODE
        if word.startswith("-") or "${" in word or not (is_module or is_file or i == first):
            continue
        try:
            program = find(word, places, cwd)
        except NoProgramError as error:
            missing = missing or (error if is_file else None)
            continue
        if is_module or not program.module or i == first:
            return program
    if missing is not None:
        raise NoProgramError(str(missing).replace("program:", "command:", 1))
    raise NoProgramError(
        "command: names no program of the project; add `program:` with the file that it runs"
    )


def started(
    command: Sequence[str] | None,
    program: Program,
    cwd: str,
    has_interpreter: Callable[[str], bool],
) -> Started:
    """Return how the frozen copy of a program is started by a command, None for W&B's default.

    Drive keeps no mark of executable files, so a script that is started by its own name gets its
    interpreter. Raises UserError for a command that runs nothing, or that needs an interpreter
    that is not known.
    """
    start = _start_of(program)
    if command is None:
        words = None if start == (_PROGRAM,) else [*_START, *start, "${args}"]
        _check_interpreter([_INTERPRETER] if words is None else words, program, has_interpreter)
        return Started(_as_tuple(_with_python(words, program, has_interpreter)))
    words, notes = _replaced(command, program, start), []
    first = _first(words)
    if first is None or words[first:] == [_INTERPRETER]:
        raise UserError("command: starts no program; write [python, ${program}, ${args}]")
    word = words[first]
    if " " in word and not program.tree.is_file(program.tree.relative(word, cwd) or ""):
        raise UserError(
            f"command: {word!r:.100} is one word, and no program has that name; write a list with "
            f"an entry for each word: [{', '.join(words_of(word))}]"
        )
    if word == _PROGRAM or program.tree.is_file(program.tree.relative(word, cwd) or ""):
        name = program.file if word == _PROGRAM else word
        if word == _PROGRAM and has_interpreter(name):
            words.insert(first, _INTERPRETER)
        elif word != _PROGRAM and name.endswith((".sh", ".bash")):
            words.insert(first, "bash")
        if len(words) > len(command):
            notes.append(f"{name} is started by its interpreter: Drive marks no file executable")
    elif "${" not in word and shutil.which(word) is None:
        notes.append(f"command: {word} is not on this machine; the workers need it")
    _check_interpreter(words, program, has_interpreter)
    return Started(_as_tuple(_with_python(words, program, has_interpreter)), tuple(notes))


def _start_of(program: Program) -> tuple[str, ...]:
    """Return the words that start a program after its interpreter."""
    if program.call:
        top = program.call.partition(".")[0]
        call = f"import sys; from {program.module} import {top}; sys.exit({program.call}())"
        return ("-c", call)
    return ("-m", program.module) if program.module else (_PROGRAM,)


def _replaced(command: Sequence[str], program: Program, start: Sequence[str]) -> list[str]:
    """Return a command that names the frozen copy of the program instead of the program."""
    words: list[str] = []
    for word in command:
        after_m = bool(words) and words[-1] == "-m"
        is_it = word.strip() == _PROGRAM or _names(word, program)
        if after_m and is_it:
            words.append(program.module or word)
        elif is_it and (program.call or (program.module and word.strip() == _PROGRAM)):
            if _first(words) is None:
                words.append(_INTERPRETER)
            elif not _PYTHON.search(words[-1]):  # as in `uv run train`
                words.append("python")
            words += start
        elif is_it and not program.module:
            words.append(_PROGRAM)
        else:
            words.append(word)
    return words


def _names(word: str, program: Program) -> bool:
    """Whether a word is the program's path, from where it is started or from anywhere."""
    if "${" in word or word.startswith("-"):
        return False
    if program.call or program.module:
        return word in (program.module, program.name)
    inside = program.tree.relative(word, program.base)
    return inside == program.file or word == program.name


def _words(command: Sequence[str]) -> Iterator[str]:
    """Yield the words of a command, also those inside `bash -c "python train.py"`."""
    for word in command:
        yield from words_of(word) if " " in word.strip() else [word.strip()]


def _first(words: Sequence[str]) -> int | None:
    """Return the place of the word that is started, after env and settings such as A=1."""
    for i, word in enumerate(words):
        if word not in _ENV and not _SETTING.match(word) and word.strip():
            return i
    return None


def _check_interpreter(
    words: Sequence[str], program: Program, has_interpreter: Callable[[str], bool]
) -> None:
    if _INTERPRETER in words and not has_interpreter(program.file) and not _is_python(program):
        raise UserError(
            f"program: no interpreter is known for {program.file}; say how to run it, for example "
            '`command: ["bash", "${program}", "${args}"]`'
        )


def _with_python(
    words: Sequence[str] | None, program: Program, has_interpreter: Callable[[str], bool]
) -> Sequence[str] | None:
    """Return a command that names Python for a program that only says so in its first line."""
    if has_interpreter(program.file):
        return words
    words = [*_START, _PROGRAM, "${args}"] if words is None else words
    return ["python3" if word == _INTERPRETER else word for word in words]


def _is_python(program: Program) -> bool:
    return bool(_SHEBANG.match(program.tree.read(program.file, 1 << 20)[:200]))


def _as_tuple(words: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(words)
