"""Reads a notebook, and tells which of the two kinds of program it is."""

import re
from dataclasses import dataclass, field
from typing import Literal

from colabctl.errors import UserError
from colabctl.notebook.cells import CodeCell, code_cell, loops_over_tasks
from colabctl.notebook.document import Cell, Document, decode

Kind = Literal["parameters", "loop"]
TAG = "parameters"
INJECTED = "injected-parameters"  # as papermill tags it

# Colab has no tags, so a first line counts too: `# parameters`, `#@title Parameters {...}`.
_MARK = re.compile(r"\s*#\s*(@title\s+)?parameters\s*:?\s*(\{.*\})?\s*(\n|$)", re.IGNORECASE)


class NoParametersError(UserError):
    """A notebook has neither a parameters cell nor a loop over its tasks."""


@dataclass(frozen=True)
class Notebook:
    """A Python notebook that can be the program of a sweep.

    Attributes:
        name: the name for messages.
        kind: "parameters" runs once for each task; "loop" runs once and claims its tasks.
        cells: all of its cells.
        code: its code cells, without those that papermill inserted.
        parameters: the cell after which a task's parameters are inserted; None for a loop.
    """

    name: str
    kind: Kind
    cells: tuple[Cell, ...] = field(repr=False)
    code: tuple[CodeCell, ...] = field(repr=False)
    parameters: CodeCell | None


def read(content: bytes, name: str) -> Notebook:
    """Read a notebook's file.

    Raises UserError if it is not a notebook in Python, or is both kinds of program at once;
    NoParametersError if it is neither.
    """
    document = decode(content, name)
    code = code_cells(document, name)
    marked = [cell for cell in code if is_marked(cell)]
    loops = [cell for cell in code if loops_over_tasks(cell.tree)]
    if len(marked) > 1:
        both = " and ".join(f"cell {cell.number} ({_how_marked(cell)})" for cell in marked)
        raise UserError(f"{name} has {len(marked)} parameters cells: {both}; keep one")
    if marked and loops:
        raise UserError(
            f"{name} has a parameters cell (cell {marked[0].number}) and a loop over its tasks "
            f"(cell {loops[0].number}); keep the cell to run the notebook once for each task, or "
            "the loop to run it once"
        )
    if not marked and not loops:
        raise NoParametersError(
            f"{name} has no parameters cell; write `# parameters` as the first line of the cell "
            "that assigns them (or tag it `parameters` in Jupyter), or loop over them: "
            f"for task in sweep.tasks(). To get a proposal: colabctl notebook prepare {name}"
        )
    parameters = marked[0] if marked else None
    return Notebook(name, "loop" if loops else "parameters", document.cells, code, parameters)


def code_cells(document: Document, name: str) -> tuple[CodeCell, ...]:
    """Return a document's code cells, without those that papermill inserted.

    Raises UserError if they are not Python, or empty.
    """
    if not document.is_python:
        raise UserError(
            f"{name} is written in {document.language} (kernel {document.kernel or 'unknown'}), "
            "but only Python notebooks can run; move the code to a script and set `command:`"
        )
    code = tuple(
        code_cell(index, cell.source, frozenset(cell.tags))
        for index, cell in enumerate(document.cells)
        if cell.kind == "code" and INJECTED not in cell.tags
    )
    if not any(cell.source.strip() for cell in code):
        raise UserError(f"{name} has no code; add the cells that a task should run")
    return code


def is_marked(cell: CodeCell) -> bool:
    """Return whether a cell is marked as the one with the parameters."""
    return TAG in cell.tags or _MARK.match(cell.source) is not None


def _how_marked(cell: CodeCell) -> str:
    return "tag parameters" if TAG in cell.tags else cell.source.strip().partition("\n")[0]
