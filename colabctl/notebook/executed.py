"""The document of one run of a notebook, which collects the outputs and may be kept."""

import html
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from colabctl.notebook import nodes
from colabctl.notebook.document import cell_id
from colabctl.notebook.reading import INJECTED, TAG, Notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

FAILED = "colabctl-failed"  # the tag of the cell that failed
_BANNER = "colabctl-banner"


@dataclass
class ExecutedNotebook:
    """The document of one run.

    Attributes:
        node: its cells get their outputs during the run.
        numbers: for each cell its number in the declared notebook; None for the inserted cell.
        body: index of the first cell that runs for each task; tasks may share the cells above it.
    """

    node: "NotebookNode"
    numbers: tuple[int | None, ...] = field(repr=False)
    body: int

    def where(self, index: int) -> str:
        """Return the name of a cell for messages."""
        number = self.numbers[index]
        return "the cell with the parameters" if number is None else f"cell {number}"

    def encode(self, transform: Callable[[Any], Any] = lambda node: node) -> bytes:
        """Return the content of the file, with `transform` applied to the document."""
        # Unlike nbformat, this does not split texts into lines: they may be long. A program may
        # print a lone surrogate, which UTF-8 does not allow.
        text = json.dumps(transform(self.node), indent=1, ensure_ascii=False)
        return f"{text}\n".encode(errors="backslashreplace")

    def mark(self, about: Mapping[str, Any], error: str | None, index: int | None) -> None:
        """Write the outcome of the run into the document, which must not run after this.

        `about` describes the task in the file's metadata. An `error` is shown in a banner at the
        top, and in another one above the failed cell if `index` says which.
        """
        self.node.metadata["colabctl"] = dict(about)
        if error is None:
            return
        whose = f"Task {about['task']} failed" if "task" in about else "Failed"
        cells, text, link = self.node.cells, html.escape(f"{whose}: {error}", quote=False), ""
        if index is not None:
            link = f'<br><a href="#{FAILED}">Go to {self.where(index)}.</a>'
            _tag(cells[index], FAILED)
            cells.insert(index, _banner("here", f'<span id="{FAILED}">{text}</span>'))
        cells.insert(0, _banner("top", f"{text}{link}"))


def prepare(notebook: Notebook, source: str | None) -> ExecutedNotebook:
    """Return the document to run, with `source` as a cell after the parameters cell."""
    cells: list[NotebookNode] = []
    numbers: list[int | None] = []
    body = 0
    for index, content in enumerate(notebook.cells):
        if INJECTED in content.tags or _BANNER in content.tags:
            continue  # inserted by papermill or colabctl in an earlier run
        tags = tuple(tag for tag in content.tags if tag != FAILED)
        cell = nodes.cell(cell_id(index + 1), replace(content, tags=tags))
        is_parameters = notebook.parameters is not None and index == notebook.parameters.index
        if is_parameters:
            body = len(cells)
        cells.append(cell)
        numbers.append(index + 1)
        if is_parameters and source is not None:
            _tag(cell, TAG)
            cells.append(nodes.code(INJECTED, source, INJECTED))
            numbers.append(None)
    return ExecutedNotebook(nodes.notebook(cells), tuple(numbers), body)


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
