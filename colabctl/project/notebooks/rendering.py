"""Renders generated notebooks in the file format of Jupyter and Colab."""

import inspect
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from colabctl.sharedfs.ids import drive_id

ENDING = ".ipynb"
_LINT_COMMENT = re.compile(r"  # (noqa|type: ignore).*")


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook; code that begins with `#@title` is folded under that title."""

    id: str
    """1-64 of the characters a-z, A-Z, 0-9, "-" and "_"."""
    source: str
    kind: Literal["code", "markdown"] = "code"


def render(name: str, cells: Iterable[Cell]) -> bytes:
    """Return a Python notebook of format 4.5 with the title `name`."""
    import nbformat  # noqa: PLC0415 - slow, and only needed here

    notebook = {
        "cells": [as_json(cell) for cell in cells],
        "metadata": {
            "colab": {"name": f"{name}{ENDING}", "provenance": []},
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    nbformat.validate(notebook)
    return f"{json.dumps(notebook, indent=1, ensure_ascii=False)}\n".encode()


def as_json(cell: Cell) -> dict[str, Any]:
    """Return a cell as a notebook's file holds it."""
    parts: dict[str, Any] = {"cell_type": cell.kind, "id": cell.id, "metadata": {}}
    if cell.source.startswith("#@title"):
        parts["metadata"] = {"cellView": "form", "jupyter": {"source_hidden": True}}
    if cell.kind == "code":
        parts |= {"execution_count": None, "outputs": []}
    return {**parts, "source": cell.source.strip().splitlines(keepends=True)}


def colab_link(path: Path) -> str | None:
    """Return the URL that opens a notebook in Colab; None if its Drive id is unknown."""
    id_ = drive_id(path)
    return None if id_ is None else f"https://colab.research.google.com/drive/{id_}"


def import_lines(module: ModuleType) -> str:
    """Return the import lines of a module."""
    lines = inspect.getsource(module).splitlines()
    return "\n".join(line for line in lines if line.startswith(("import ", "from ")))


def source_of(*parts: Callable[..., object]) -> str:
    """Return the source code of functions and classes, without comments for linters."""
    texts = (inspect.getsource(part).strip() for part in parts)
    return "\n\n".join(_LINT_COMMENT.sub("", text) for text in texts)


def constants(**values: str) -> str:
    """Return Python lines that assign these texts to their names."""
    return "\n".join(f"{name} = {quoted(value)}" for name, value in values.items())


def quoted(text: str) -> str:
    """Return `text` as a Python literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)
