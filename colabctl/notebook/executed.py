"""A notebook that is being run, as the document that may be kept of it."""

import html
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from colabctl.notebook import nodes
from colabctl.notebook.reading import INJECTED, TAG, Notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

FAILED = "colabctl-failed"  # the tag of the cell that failed
_BANNER = "colabctl-banner"


@dataclass
class Executed:
    """The document of one run.

    node     its cells get their outputs while it runs
    numbers  for each of its cells the number in the notebook as it was declared; None for the
             cell that was put in
    body     index of the first cell that runs for each task; those before it may be shared
    """

    node: "NotebookNode"
    numbers: tuple[int | None, ...] = field(repr=False)
    body: int

    def where(self, index: int) -> str:
        """Return how to call a cell in a message."""
        number = self.numbers[index]
        return "the cell with the parameters" if number is None else f"cell {number}"

    def encoded(self, revised: Callable[[Any], Any] = lambda node: node) -> bytes:
        """Return the file's content, of what `revised` makes of the whole document."""
        # Texts are left whole, and not cut into lines as nbformat does: they may be long. Half a
        # character, which a program may print, cannot be written as it is.
        text = json.dumps(revised(self.node), indent=1, ensure_ascii=False)
        return f"{text}\n".encode(errors="backslashreplace")

    def mark(self, about: Mapping[str, Any], what: str | None, index: int | None) -> None:
        """Tell in the document what became of the run; its cells are not to be run after that.

        about  what the file's metadata is to say of the task
        what   why it did not go well, in one line of text; it stands at the top
        index  of the cell in which it ended, if `what` is given; it stands above that cell too
        """
        self.node.metadata["colabctl"] = dict(about)
        if what is None:
            return
        whose = f"Task {about['task']} failed" if "task" in about else "Failed"
        cells, said, link = self.node.cells, html.escape(f"{whose}: {what}", quote=False), ""
        if index is not None:
            link = f'<br><a href="#{FAILED}">Go to {self.where(index)}.</a>'
            _tag(cells[index], FAILED)
            cells.insert(index, _banner("here", f'<span id="{FAILED}">{said}</span>'))
        cells.insert(0, _banner("top", f"{said}{link}"))


def prepare(notebook: Notebook, source: str | None) -> Executed:
    """Return the document to run; `source` is put in after the parameters cell."""
    node = deepcopy(notebook.node)
    cells: list[NotebookNode] = []
    numbers: list[int | None] = []
    body = 0
    for index, cell in enumerate(node.cells):
        tags = cell.metadata.get("tags", [])
        if INJECTED in tags or _BANNER in tags:
            continue  # put in by papermill, or by us, in an earlier run
        if FAILED in tags:
            tags.remove(FAILED)
        is_parameters = notebook.parameters is not None and index == notebook.parameters.index
        if is_parameters:
            body = len(cells)
        cells.append(cell)
        numbers.append(index + 1)
        if is_parameters and source is not None:
            _tag(cell, TAG)
            cells.append(nodes.code(INJECTED, source, INJECTED))
            numbers.append(None)
    node.cells = cells
    return Executed(node, tuple(numbers), body)


def _tag(cell: "NotebookNode", tag: str) -> None:
    tags = cell.metadata.setdefault("tags", [])
    if tag not in tags:
        tags.append(tag)


def _banner(name: str, text: str) -> "NotebookNode":
    return nodes.markdown(
        f"{_BANNER}-{name}",
        '<div style="border-left: 6px solid #b00020; padding: 0.5em 1em; color: #b00020">'
        f"{text}</div>",
        _BANNER,
    )
