"""Freezes a sweep's code: its program, all that the program needs, and what `code:` adds."""

import errno
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from colabctl.code.analysis.closure import CODE, LARGEST, Closure, Start, closure
from colabctl.code.analysis.modules import Root
from colabctl.code.analysis.packaging import source_folders
from colabctl.code.analysis.text_files import TextFiles, within_limits
from colabctl.code.analysis.tree import Tree
from colabctl.code.command import find_in_command, started
from colabctl.code.frozen import MOST_BYTES, MOST_FILES, Code, parse
from colabctl.code.named_files import named_files
from colabctl.code.notes import link_message, linked_imports, notes_of
from colabctl.code.places import Places
from colabctl.code.program import NoProgramError, Program, find
from colabctl.code.signature import check_defined
from colabctl.errors import UserError, nearest

_MOST_SCRIPTS = 500  # in a folder
_NO_ARGUMENTS = ("${env}", "${interpreter}", "${program}")


@dataclass(frozen=True)
class Asked:
    """What a sweep file says about its code.

    Attributes:
        program, command, cwd: the keys of that name.
        code: files, folders and patterns to freeze besides what is found.
        words: values of parameters, some of which may name files.
    """

    program: str | None = None
    command: tuple[str, ...] | None = None
    code: tuple[str, ...] = ()
    cwd: str | None = None
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frozen:
    """The code of a sweep, and how its tasks are started in it.

    Attributes:
        program: the program's path from the code's root, with `:function`; None for a loop.
        command: the command, with the program's name replaced; None for the default.
        cwd: the current folder of tasks, a POSIX path from the code's root.
        import_path: the folders that Python imports from, POSIX paths from the code's root.
        notes: for the author.
    """

    code: Code
    program: str | None = None
    command: tuple[str, ...] | None = None
    cwd: str = "."
    import_path: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)


def freeze(asked: Asked, places: Places, has_interpreter: Callable[[str], bool]) -> Frozen:
    """Freeze what a sweep runs.

    `has_interpreter` says whether a file is of a known language. Raises NoProgramError if the
    program does not exist, and UserError for a program or command that cannot run, a missing file
    of `code:`, and for too many or too large files.
    """
    asked, notes = _with_agents_script(asked, places)
    program = _program(asked, places)
    if program is None:
        if asked.code:
            raise UserError("code: has no effect without `program:`; remove it, or name a program")
        return Frozen(Code({}))
    tree = program.tree
    cwd = _cwd(asked, program)
    is_started = not program.function and (
        asked.command is not None or not program.file.endswith(".ipynb")
    )
    start = None
    if is_started:
        start = started(asked.command, program, cwd, has_interpreter)
    texts = TextFiles(tree, places.never)
    bases = [program.base, cwd, posixpath.dirname(program.file), ""]
    extra = list(dict.fromkeys(named_files(asked.code, bases, tree, places.never)))
    beginning = Start(
        program.file,
        tuple(path for path in extra if _suffix(path) in CODE),
        (*(asked.command or ()), *asked.words),
        cwd,
        _roots(program, cwd),
    )
    reached = closure(tree, texts, beginning)
    if program.file in reached.faulty and _runs_python(program, asked):
        fault = reached.faulty[program.file]
        raise UserError(f"program: {program.file} is not valid Python: {fault}")
    files = _read(tree, reached, extra)
    if program.function:
        if not program.file.endswith(".py"):
            raise UserError(
                f"program: {program.file} is not a Python file, so it has no function "
                f"{program.function}"
            )
        parsed = parse(program.file, files[program.file])
        check_defined(program.file, program.function, parsed)
    command = start.command if start is not None else asked.command
    folders = dict.fromkeys(root.folder for root in beginning.roots if root.sure)
    folders |= dict.fromkeys(reached.used)
    folders.setdefault("")
    return Frozen(
        Code(files, tree.root),
        f"{program.file}:{program.function}" if program.function else program.file,
        command,
        cwd or ".",
        tuple(folder or "." for folder in folders),
        (
            *notes,
            *program.notes,
            *(start.notes if start is not None else ()),
            *notes_of(reached, files, program.file, tree),
            *linked_imports(reached, [root.folder for root in beginning.roots], tree),
        ),
    )


def texts_in(values: Any) -> Iterator[str]:
    """Yield the texts in the values of parameters, some of which may name files."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping | list):
        for each in values.values() if isinstance(values, Mapping) else values:
            yield from texts_in(each)


def _program(asked: Asked, places: Places) -> Program | None:
    """Return the program that `program:` names, else the one in the command; None for neither."""
    if asked.program is None:
        if asked.command is None:
            return None
        return find_in_command(asked.command, places, asked.cwd)
    try:
        return find(asked.program, places, asked.cwd)
    except NoProgramError as error:
        if asked.command is None or any("${program}" in word for word in asked.command):
            raise
        try:
            return find_in_command(asked.command, places, asked.cwd)
        except NoProgramError:
            raise error from None


def _with_agents_script(asked: Asked, places: Places) -> tuple[Asked, tuple[str, ...]]:
    """Return what a sweep file says, with a program and a note if a script gives it to W&B's agent.

    Such a file needs no program in W&B. The script declares the sweep and calls the agent, which
    gives it the parameters, so it gets no arguments.
    """
    script = None
    if asked.program is None and asked.command is None and places.file is not None:
        script = _agents_script(places, places.file.name)
    if script is None or places.file is None:
        return asked, ()
    note = (
        f"{places.file.name} names no program; took {script}, which gives it to wandb.agent, and "
        "starts without arguments; if it needs some, add `program:` and `command:`"
    )
    return replace(asked, program=script, command=_NO_ARGUMENTS), (note,)


def _agents_script(places: Places, sweep_file: str) -> str | None:
    """Return the script near the sweep file that gives it to W&B's agent, or None."""
    for root, folders in places.scopes():
        tree = Tree(root)
        for folder in folders:
            inside = tree.relative(str(folder)) or ""
            for name in sorted(tree.entries(inside))[:_MOST_SCRIPTS]:
                path = posixpath.join(inside, name)
                if name.endswith(".py") and tree.is_file(path) and tree.size(path) <= LARGEST:
                    source = tree.read(path, LARGEST)
                    if b"wandb.agent(" in source and sweep_file.encode() in source:
                        return path
    return None


def _runs_python(program: Program, asked: Asked) -> bool:
    """Whether it is this Python's language that the program is run as."""
    return program.file.endswith(".py") and "python2" not in " ".join(asked.command or ())


def _cwd(asked: Asked, program: Program) -> str:
    """Return the current folder of tasks: that of `cwd:`, else where the program's name starts."""
    if asked.cwd is None:
        return program.base
    folder = program.tree.relative(asked.cwd)
    if folder is None:
        raise UserError(f"cwd: {asked.cwd} is outside the project; give a folder in it")
    if not program.tree.is_folder(folder):
        if message := link_message(folder, program.tree):
            raise UserError(f"cwd: {asked.cwd}: {message}")
        names = program.tree.entries(posixpath.dirname(folder))
        near = nearest(posixpath.basename(folder), [name for name in names if names[name]])
        hint = f"; did you mean {posixpath.join(posixpath.dirname(folder), near)}?" if near else ""
        raise UserError(f"cwd: there is no folder {asked.cwd} in {program.tree.root}{hint}")
    return folder


def _roots(program: Program, cwd: str) -> tuple[Root, ...]:
    """Return the folders that Python imports from: those that it has by itself come first."""
    own = cwd if program.module else posixpath.dirname(program.file)
    assumed = dict.fromkeys([cwd, "", *source_folders(program.tree)])
    return (Root(own), *(Root(each, sure=False) for each in assumed if each != own))


def _read(tree: Tree, reached: Closure, extra: Sequence[str]) -> dict[str, bytes]:
    """Return the content of all files, as it is at this moment."""
    code = [path for path in reached.files if _suffix(path) in CODE]
    others = [path for path in reached.files if _suffix(path) not in CODE]
    texts = within_limits({path: tree.size(path) for path in others})
    files: dict[str, bytes] = {}
    left = MOST_BYTES
    for path in dict.fromkeys([*code, *texts, *extra]):
        try:
            files[path] = tree.read(path, min(left, MOST_BYTES))
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            raise _too_many(path) from None
        left -= len(files[path])
        if left < 0 or len(files) > MOST_FILES:
            raise _too_many(path)
    return files


def _too_many(path: str) -> UserError:
    return UserError(
        f"code: more than {MOST_FILES:,} files or {MOST_BYTES // 1_000_000} MB (at {path}); "
        "freeze only code, and read data from the project"
    )


def _suffix(path: str) -> str:
    return posixpath.splitext(path)[1].casefold()
