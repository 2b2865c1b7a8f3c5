"""A notebook's file as what runs of it: its language, and the sources and tags of its cells."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from colabctl.errors import UserError

CellKind = Literal["code", "markdown", "raw"]

_SAVE_AGAIN = "open it in Jupyter or Colab and save it"
_NOT_RUN = ("outputs", "attachments")  # parts of a cell that may be large
# The languages of kernels, by the start of their name, for notebooks without a language.
_KERNELS = {"ir": "R", "julia": "Julia", "bash": "Bash", "deno": "JavaScript", "swift": "Swift"}
_PYTHON = {"name": "python3", "display_name": "Python 3", "language": "python"}


@dataclass(frozen=True)
class Cell:
    """A cell: its kind, its text and its tags."""

    kind: CellKind
    source: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Document:
    """What runs of a notebook.

    Attributes:
        cells: all of its cells.
        language: the language of its code, such as "python" or "R".
        kernel: the name of its kernel; "" if it is not known.
    """

    cells: tuple[Cell, ...]
    language: str = "python"
    kernel: str = ""

    @property
    def is_python(self) -> bool:
        """Whether the code is Python."""
        return "python" in self.language.lower()


def decode(content: bytes, name: str) -> Document:
    """Read a notebook's file, of format 4 or older.

    Only what runs has to be valid: outputs, ids and most metadata may be missing, damaged or
    unknown. Raises UserError, with the `name`, for a file that is not a notebook.
    """
    parts = parse(content, name, _without_outputs)
    cells = parts.get("cells")
    if cells is None and isinstance(parts.get("worksheets"), list):  # format 3 and older
        cells = [cell for sheet in parts["worksheets"] for cell in _mapping(sheet).get("cells", ())]
    if not isinstance(cells, list):
        raise UserError(f"{name} is not a notebook: it has no cells; {_SAVE_AGAIN}")
    try:
        decoded = tuple(_cell(number, cell) for number, cell in enumerate(cells, 1))
    except ValueError as error:
        raise UserError(f"{name} is a damaged notebook ({error}); {_SAVE_AGAIN}") from None
    language, kernel = _language(_mapping(parts.get("metadata")))
    return Document(decoded, language, kernel)


def parse(
    content: bytes, name: str, hook: Callable[[dict[str, Any]], Any] | None = None
) -> dict[str, Any]:
    """Return a notebook's file as JSON; `hook` sees each object, the inner ones first.

    Raises UserError, with the `name`, for a file that is not JSON or of a format after 4.
    """
    try:
        parts = json.loads(content.decode("utf-8-sig"), object_hook=hook)
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{name} is not a notebook: it is not JSON ({error}); {_SAVE_AGAIN}"
        ) from None
    parts = parts if isinstance(parts, dict) else {}
    version = parts.get("nbformat")
    if isinstance(version, int) and version > 4:
        raise UserError(
            f"{name} is a notebook of format {version}, which this colabctl does not know; "
            "save it in format 4"
        )
    return parts


def encode(document: Document) -> bytes:
    """Return a notebook's file of format 4.5 with these cells, and nothing else."""
    spec = dict(_PYTHON)
    if not document.is_python:
        name = document.kernel or document.language
        spec = {"name": name, "display_name": name, "language": document.language}
    parts = {
        "cells": [_parts(number, cell) for number, cell in enumerate(document.cells, 1)],
        "metadata": {"kernelspec": spec, "language_info": {"name": spec["language"]}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    text = json.dumps(parts, indent=1, ensure_ascii=False)
    return f"{text}\n".encode(errors="backslashreplace")  # a lone surrogate, as JSON escapes it


def normal_form(content: bytes) -> bytes:
    """Return a notebook's file with what runs of it only; other content is returned unchanged.

    To run a notebook by hand changes its outputs, counts, ids and metadata, and may add an empty
    cell at its end. None of this changes the result.
    """
    try:
        document = decode(content, "")
    except UserError:
        return content
    cells = list(document.cells)
    while cells and not cells[-1].source.strip():
        cells.pop()
    return encode(Document(tuple(cells), document.language, document.kernel))


def cell_id(number: int) -> str:
    """Return the id of a cell by its number, from 1, so that it stays when the file is saved."""
    return f"cell-{number}"


def _without_outputs(parts: dict[str, Any]) -> dict[str, Any]:
    """Drop what is large as soon as a cell is read."""
    if "cell_type" in parts:
        for name in _NOT_RUN:
            parts.pop(name, None)
    return parts


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _cell(number: int, value: Any) -> Cell:
    parts = _mapping(value)
    kind, source = parts.get("cell_type"), parts.get("source", parts.get("input"))
    if not isinstance(kind, str):
        raise ValueError(f"cell {number} has no cell_type")  # noqa: TRY004 - the file is wrong
    lines = source if isinstance(source, list) else ["" if source is None else source]
    if not all(isinstance(line, str) for line in lines):
        raise ValueError(f"the source of cell {number} is not text")
    text = "".join(lines)
    if kind == "heading":  # format 3
        kind, text = "markdown", f"# {text}"
    tags = _mapping(parts.get("metadata")).get("tags")
    names = [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []
    node_kind: CellKind = "code" if kind == "code" else "markdown" if kind == "markdown" else "raw"
    return Cell(node_kind, text, tuple(dict.fromkeys(names)))


def _parts(number: int, cell: Cell) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": cell_id(number),
        "metadata": {"tags": list(cell.tags)} if cell.tags else {},
        "source": cell.source.splitlines(keepends=True),
    }
    return {**parts, "execution_count": None, "outputs": []} if cell.kind == "code" else parts


def _language(metadata: Mapping[str, Any]) -> tuple[str, str]:
    """Return a notebook's language, and the name of its kernel."""
    kernelspec = _mapping(metadata.get("kernelspec"))
    kernel = str(kernelspec.get("name") or "")
    default = next(
        (name for start, name in _KERNELS.items() if kernel.lower().startswith(start)), "python"
    )
    info = _mapping(metadata.get("language_info"))
    return str(info.get("name") or kernelspec.get("language") or default), kernel
