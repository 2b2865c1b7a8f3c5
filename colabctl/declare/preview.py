"""Reads a sweep file and finds its program: what declaring it would freeze, without writing it."""

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from colabctl.code import frozen, signature
from colabctl.code.freeze import Asked, Frozen, freeze, texts_in
from colabctl.code.frozen import Code
from colabctl.code.named_files import MissingFileError
from colabctl.code.places import Places
from colabctl.errors import UserError
from colabctl.ledger import Kind, TaskLine
from colabctl.notebook import parameters, reading
from colabctl.notebook.reading import Notebook
from colabctl.project.layout import Layout
from colabctl.search import Declaration, Expansion, expand, read
from colabctl.search.language.commands.command import interpreter_of, refuse_code
from colabctl.search.language.commands.command_words import hydra_notes
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.names import check_name

# Characters in JSON that YAML refuses, or reads as the end of a line.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Draft:
    """A sweep file, read and checked, with the options of the command line.

    Attributes:
        content: the bytes of sweep.yaml.

    """

    declaration: Declaration
    expansion: Expansion
    content: bytes

    def tasks(self, some: range | None = None) -> Iterator[TaskLine]:
        """Yield all tasks, in order, or `some` without gaps."""
        for task in self.expansion.tasks(some):
            yield TaskLine(task.index, task.cell, task.trial, task.params)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the author."""
        return (*self.declaration.notes, *self.expansion.notes)


def draft(
    content: bytes | Mapping[str, Any],
    source: str,
    *,
    trials: int | None = None,
    run_cap: int | None = None,
) -> Draft:
    """Read a declaration from a file's bytes or from Python values.

    Raises a UserError that lists every problem.
    """
    declaration = read(content, source)
    expansion = expand(declaration, trials=trials, run_cap=run_cap)
    if not isinstance(content, bytes):
        # JSON is YAML in which strings and numbers cannot be confused.
        text = json.dumps(declaration.content, indent=1, ensure_ascii=False)
        content = _NOT_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text).encode()
    return Draft(declaration, expansion, content)


@dataclass(frozen=True)
class Preview:
    """The program of a draft: what is frozen, its kind, notes for the author, its notebook."""

    frozen: Frozen
    kind: Kind
    notes: tuple[str, ...] = ()
    notebook: Notebook | None = None
    source: str | None = None
    """The path in the frozen code of the file with the scheduler's functions."""

    @property
    def code(self) -> Code:
        """The frozen code."""
        return self.frozen.code

    @property
    def how(self) -> tuple[str, ...]:
        """A note on how a notebook is run."""
        if self.notebook is None:
            return ()
        name = self.notebook.name
        if self.kind == "loop":
            return (f"{name} loops over its tasks: each worker runs it once",)
        return (f"{name} has a parameters cell: it runs once for each task",)


def places_in(layout: Layout, file: Path | None, here: Path | None) -> Places:
    """Return where a sweep's program is looked up in a project."""
    if file is not None:
        check_inside(file.absolute(), layout.root)
    own = (layout.data, layout.results, layout.checkpoints, layout.sweeps, layout.records)
    never = tuple(layout.relative(folder) for folder in (*own, layout.worker_notebooks))
    return Places(layout.root, here or layout.root, file and file.absolute(), never)


def preview(draft: Draft, name: str, places: Places) -> Preview:
    """Check a sweep's name and program, and write nothing.

    Raises UserError for a name that is not allowed, a program that cannot be frozen or run, and a
    notebook that does not use the parameters; NoProgramError if the program is not found.
    """
    check_name(name, "sweep")
    if draft.declaration.scheduler is not None:
        return _scheduled(draft, places)
    return _preview(draft, places)


def _preview(draft: Draft, places: Places, more: tuple[str, ...] = ()) -> Preview:
    """Return the preview of a draft that needs `more` files than it names."""
    declaration = draft.declaration
    files = (*declaration.code, *more)
    keys = (declaration.program, declaration.command, files, declaration.cwd)
    asked = Asked(*keys, tuple(texts_in(declaration.content.get("parameters"))))
    result = freeze(asked, places, lambda file: interpreter_of(file) is not None)
    no_timeout = ("task_timeout has no effect in a loop: its tasks cannot be interrupted",)
    loop_notes = no_timeout if declaration.task_timeout else ()
    if result.program is None:
        return Preview(result, "loop", loop_notes)
    if ":" in result.program:
        return Preview(result, _kind_of_function(draft, result.program, result.code), result.notes)
    if result.program.endswith(".ipynb") and declaration.command is None:
        book = reading.read(result.code.files[result.program], result.program)
        names = sorted({name for cell in draft.expansion.cells for name in cell.space.every_name})
        notes = (*parameters.check(book, names, warm=not declaration.kernels.fresh), *result.notes)
        if book.kind == "loop":
            return Preview(result, "loop", (*notes, *loop_notes), book)
        return Preview(result, "notebook", notes, book)
    refuse_code(result.command or (), declaration.parameters.every_name)
    notes = (
        hydra_notes(declaration.command, declaration.parameters) if _uses_hydra(result.code) else ()
    )
    return Preview(result, "program", (*notes, *result.notes))


def _scheduled(draft: Draft, places: Places) -> Preview:
    """Return the preview of a sweep whose scheduler's functions are frozen with its program."""
    scheduler = draft.declaration.scheduler
    assert scheduler is not None
    if draft.declaration.program is None:
        raise UserError("method: custom needs a program: for its tasks to run")
    try:
        result = _preview(draft, places, (scheduler.source,))
    except MissingFileError as error:
        if error.name != scheduler.source:
            raise
        raise UserError(f"{scheduler.place}: {error.reason}") from None
    program = (result.frozen.program or "").partition(":")[0]
    bases = (posixpath.dirname(program), result.frozen.cwd, "")
    paths = [posixpath.normpath(posixpath.join(base, scheduler.source)) for base in bases]
    source = next((path for path in paths if path in result.code.files), None)
    if source is None:
        raise UserError(f"{scheduler.place}: {scheduler.source} is not a file; name one")
    tree = frozen.parse(source, result.code.files[source])
    for name in filter(None, (scheduler.optimizer, scheduler.search_space)):
        signature.check_function_of_one(f"scheduler: {source}", name, tree)
    return replace(result, source=source)


def _uses_hydra(code: frozen.Code) -> bool:
    """Return whether frozen Python code imports Hydra."""
    return any(
        path.endswith(".py") and re.search(rb"^\s*(?:import|from)\s+hydra\b", content, re.MULTILINE)
        for path, content in code.files.items()
    )


def _kind_of_function(draft: Draft, program: str, code: frozen.Code) -> Kind:
    """Check that tasks can call the function of `program`, and return its kind."""
    file = program.partition(":")[0]
    tree = frozen.parse(file, code.files[file])
    if draft.declaration.method == "optuna" and draft.declaration.scheduler is None:
        signature.check_objective(program, tree)
        return "objective"
    if draft.declaration.scheduler is not None:
        return "function"  # its parameters are known once they are chosen
    uses_wandb = any(b"wandb" in source for source in code.files.values())
    signature.check_function(program, tree, draft.expansion.parameters, uses_wandb=uses_wandb)
    return "function"
