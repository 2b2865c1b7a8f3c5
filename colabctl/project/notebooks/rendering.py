"""Writes the notebooks that colabctl makes for people, in the form that Jupyter and Colab read."""

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
_REMARK = re.compile(r"  # (noqa|type: ignore).*")


@dataclass(frozen=True)
class Cell:
    """A cell of a notebook; code that begins with `#@title` shows that, and its text on demand.

    id  1 to 64 of a-z, A-Z, 0-9, "-" and "_"
    """

    id: str
    source: str
    kind: Literal["code", "markdown"] = "code"


def render(name: str, cells: Iterable[Cell]) -> bytes:
    """Return a Python notebook of format 4.5, called `name` without its ending."""
    import nbformat  # noqa: PLC0415 - only those who make a notebook wait for it

    notebook = {
        "cells": [_form(cell) for cell in cells],
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


def _form(cell: Cell) -> dict[str, Any]:
    """Return the JSON of a cell."""
    form: dict[str, Any] = {"cell_type": cell.kind, "id": cell.id, "metadata": {}}
    if cell.source.startswith("#@title"):
        form["metadata"] = {"cellView": "form", "jupyter": {"source_hidden": True}}
    if cell.kind == "code":
        form |= {"execution_count": None, "outputs": []}
    return {**form, "source": cell.source.strip().splitlines(keepends=True)}


def colab_link(path: Path) -> str | None:
    """Return the address at which Colab opens a notebook; None where the mount tells no id."""
    found = drive_id(path)
    return None if found is None else f"https://colab.research.google.com/drive/{found}"


def imports(module: ModuleType) -> str:
    """Return the lines by which a module imports what its functions need."""
    lines = inspect.getsource(module).splitlines()
    return "\n".join(line for line in lines if line.startswith(("import ", "from ")))


def written(*parts: Callable[..., object]) -> str:
    """Return the text of functions and classes, without remarks for whoever checks this package."""
    texts = (inspect.getsource(part).strip() for part in parts)
    return "\n\n".join(_REMARK.sub("", text) for text in texts)


def constants(**values: str) -> str:
    """Return the lines of Python that give names these texts."""
    return "\n".join(f"{name} = {quoted(value)}" for name, value in values.items())


def quoted(text: str) -> str:
    """Return `text` as Python writes it, in double quotes."""
    return json.dumps(text, ensure_ascii=False)
