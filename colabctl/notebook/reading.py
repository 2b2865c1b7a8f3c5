"""Reads a notebook, and tells which of the two kinds of program it is."""

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from colabctl.errors import UserError
from colabctl.notebook import nodes
from colabctl.notebook.cells import CodeCell, code_cell, loops_over_tasks

if TYPE_CHECKING:
    from nbformat import NotebookNode

Kind = Literal["parameters", "loop"]
TAG = "parameters"
INJECTED = "injected-parameters"  # as papermill tags it

# Colab has no tags, so a first line counts too: `# parameters`, `#@title Parameters {...}`.
_MARK = re.compile(r"\s*#\s*(@title\s+)?parameters\s*:?\s*(\{.*\})?\s*(\n|$)", re.IGNORECASE)
# The languages of kernels, by the start of their name, for notebooks without a language.
_KERNELS = {"ir": "R", "julia": "Julia", "bash": "Bash", "deno": "JavaScript", "swift": "Swift"}
_SAVE_AGAIN = "open it in Jupyter or Colab and save it"


@dataclass(frozen=True)
class Notebook:
    """A Python notebook that can be the program of a sweep.

    Attributes:
        name: the name for messages.
        kind: "parameters" runs once for each task; "loop" runs once and claims its tasks.
        node: nbformat's node, of format 4.5, without outputs; copy it before you change it.
        code: its code cells, without those that papermill inserted.
        parameters: the cell after which a task's parameters are inserted; None for a loop.
    """

    name: str
    kind: Kind
    node: "NotebookNode" = field(repr=False)
    code: tuple[CodeCell, ...] = field(repr=False)
    parameters: CodeCell | None


def read(content: bytes, name: str) -> Notebook:
    """Read a notebook's file.

    Raises UserError if it is not a notebook of format 4 in Python, or is of neither kind or both.
    """
    node = _node(content, name)
    _check_language(node.metadata, name)
    code = tuple(
        code_cell(index, cell.source, frozenset(cell.metadata.get("tags", ())))
        for index, cell in enumerate(node.cells)
        if cell.cell_type == "code" and INJECTED not in cell.metadata.get("tags", ())
    )
    if not any(cell.source.strip() for cell in code):
        raise UserError(f"{name} has no code; add the cells that a task should run")
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    marked = [cell for cell in code if TAG in cell.tags or _MARK.match(cell.source)]
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
        raise UserError(
            f"{name} has no parameters cell; write `# parameters` as the first line of the cell "
            "that assigns them (or tag it `parameters` in Jupyter), or loop over them: "
            "for task in sweep.tasks()"
        )
    return Notebook(
        name, "loop" if loops else "parameters", node, code, marked[0] if marked else None
    )


def _node(content: bytes, name: str) -> "NotebookNode":
    try:
        text = content.decode("utf-8-sig")
        parts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{name} is not a notebook: it is not JSON ({error}); {_SAVE_AGAIN}"
        ) from None
    version = parts.get("nbformat") if isinstance(parts, dict) else None
    if not isinstance(version, int):
        raise UserError(f"{name} is not a notebook: it has no nbformat; {_SAVE_AGAIN}")
    if version < 4:
        raise UserError(
            f"{name} is a notebook of format {version}, but format 4 is needed; {_SAVE_AGAIN}, "
            f"or run: jupyter nbconvert --to notebook --inplace {name}"
        )
    if version > 4:
        raise UserError(
            f"{name} is a notebook of format {version}, which this colabctl does not know; "
            "save it in format 4"
        )
    try:
        return nodes.notebook(text)
    except ValueError as error:
        raise UserError(f"{name} is a damaged notebook ({error}); {_SAVE_AGAIN}") from None


def _check_language(metadata: Any, name: str) -> None:
    kernel = metadata.get("kernelspec", {})
    spec = str(kernel.get("name", ""))
    languages = (language for name, language in _KERNELS.items() if spec.lower().startswith(name))
    default = next(languages, "python")
    info = metadata.get("language_info", {})
    language = str(info.get("name") or kernel.get("language") or default)
    if "python" not in language.lower():
        raise UserError(
            f"{name} is written in {language} (kernel {spec or 'unknown'}), but only Python "
            "notebooks can run; move the code to a script and set `command:`"
        )


def _how_marked(cell: CodeCell) -> str:
    return "tag parameters" if TAG in cell.tags else cell.source.strip().partition("\n")[0]
