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

# Colab has no tags, so a first line must do: `# parameters`, `#@title Parameters {run: "auto"}`.
_MARK = re.compile(r"\s*#\s*(@title\s+)?parameters\s*:?\s*(\{.*\})?\s*(\n|$)", re.IGNORECASE)
# Kernels that are known by their name alone, where a notebook tells no language.
_KERNELS = {"ir": "R", "julia": "Julia", "bash": "Bash", "deno": "JavaScript", "swift": "Swift"}
_SAVE_ANEW = "open it in Jupyter or Colab and save it"


@dataclass(frozen=True)
class Notebook:
    """A Python notebook that can be a sweep's program.

    name        as people know it, for messages
    kind        parameters: it runs once for each task; loop: it runs once and claims its tasks
    node        nbformat's node, of format 4.5, without outputs; whoever changes it copies it first
    code        its code cells, without those that papermill has put in
    parameters  the cell after which a task's parameters are put in; None for a loop
    """

    name: str
    kind: Kind
    node: "NotebookNode" = field(repr=False)
    code: tuple[CodeCell, ...] = field(repr=False)
    parameters: CodeCell | None


def read(content: bytes, name: str) -> Notebook:
    """Read a notebook's file.

    Raises UserError for what is no notebook of format 4, holds no Python, and for one that is of
    neither kind or of both.
    """
    node = _node(content, name)
    _check_language(node.metadata, name)
    code = tuple(
        code_cell(index, cell.source, frozenset(cell.metadata.get("tags", ())))
        for index, cell in enumerate(node.cells)
        if cell.cell_type == "code" and INJECTED not in cell.metadata.get("tags", ())
    )
    if not any(cell.source.strip() for cell in code):
        raise UserError(f"{name} has no code; write the cells that a task should run")
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    marked = [cell for cell in code if TAG in cell.tags or _MARK.match(cell.source)]
    loops = [cell for cell in code if loops_over_tasks(cell.tree) is not None]
    if len(marked) > 1:
        both = " and ".join(f"cell {cell.number} ({_how_marked(cell)})" for cell in marked)
        raise UserError(f"{name} has {len(marked)} parameters cells: {both}; keep one")
    if marked and loops:
        raise UserError(
            f"{name} has a parameters cell (cell {marked[0].number}) and a loop over its tasks "
            f"(cell {loops[0].number}); keep the cell to have it run once for each task, or the "
            "loop to have it run once"
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
    except (ValueError, RecursionError) as wrong:
        raise UserError(f"{name} is no notebook: it is not JSON ({wrong}); {_SAVE_ANEW}") from None
    version = parts.get("nbformat") if isinstance(parts, dict) else None
    if not isinstance(version, int):
        raise UserError(f"{name} is no notebook: it tells no format; {_SAVE_ANEW}")
    if version < 4:
        raise UserError(
            f"{name} is a notebook of format {version}, and format 4 is needed; {_SAVE_ANEW}, "
            f"or run: jupyter nbconvert --to notebook --inplace {name}"
        )
    if version > 4:
        raise UserError(
            f"{name} is a notebook of format {version}, which this colabctl does not know; "
            "save it in format 4"
        )
    try:
        return nodes.notebook(text)
    except ValueError as wrong:
        raise UserError(f"{name} is a damaged notebook ({wrong}); {_SAVE_ANEW}") from None


def _check_language(metadata: Any, name: str) -> None:
    kernel = metadata.get("kernelspec", {})
    spec = str(kernel.get("name", ""))
    known = next((_KERNELS[each] for each in _KERNELS if spec.lower().startswith(each)), "python")
    language = str(metadata.get("language_info", {}).get("name") or kernel.get("language") or known)
    if "python" not in language.lower():
        raise UserError(
            f"{name} is written in {language} (kernel {spec or 'unknown'}), and only Python "
            "notebooks can be run; put the work into a script and give its `command:`"
        )


def _how_marked(cell: CodeCell) -> str:
    return "tag parameters" if TAG in cell.tags else cell.source.strip().partition("\n")[0]
