"""Writes a task's parameters as Python, for a cell below the parameters cell."""

import keyword
import math
from collections.abc import Mapping
from typing import Any

from colabctl.errors import UserError
from colabctl.notebook.reading import Notebook


def parameters_source(params: Mapping[str, Any], origin: str) -> str:
    """Return the source of the cell that assigns a task's parameters.

    Its first line names their `origin`, such as "task t000012 of sweep first". Raises UserError for
    a name that Python cannot assign, and for a value that JSON cannot hold.
    """
    lines = [f"# Inserted by colabctl: {' '.join(origin.split())}"]
    lines += [f"{_name(name)} = {_literal(name, value)}" for name, value in params.items()]
    return "\n".join(lines)


def preview(notebook: Notebook, params: Mapping[str, Any], origin: str) -> str:
    """Return a description of how the notebook will run, for a dry run."""
    if notebook.parameters is None:
        return f"{notebook.name} loops over its tasks; each worker runs it once"
    return (
        f"{notebook.name} runs once for each task, with this cell inserted after cell "
        f"{notebook.parameters.number}:\n{parameters_source(params, origin)}"
    )


def _name(name: str) -> str:
    # Names come from task files, which others can write. Anything else here would run as code.
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UserError(
            f"parameter {name!r:.80} is not a Python name, so the notebook does not run; "
            "check who changed the sweep's task files, then declare the sweep again"
        )
    return name


def _literal(name: str, value: Any) -> str:
    match value:
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case None | bool() | int() | float() | str():
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(_literal(name, item) for item in value)}]"
        case Mapping():
            items = (f"{key!r}: {_literal(name, item)}" for key, item in value.items())
            return f"{{{', '.join(items)}}}"
    raise UserError(
        f"parameter {name} holds a {type(value).__name__}, which cannot be written in a notebook; "
        "use numbers, texts, lists and maps"
    )
