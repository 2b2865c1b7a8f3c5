"""Writes a task's parameters as Python, to be put in after the parameters cell."""

import keyword
import math
from collections.abc import Mapping
from typing import Any

from colabctl.errors import UserError
from colabctl.notebook.reading import Notebook


def injected(params: Mapping[str, Any], origin: str) -> str:
    """Return the source of the cell that assigns a task's parameters.

    origin  what its first line says of it, such as "task t000012 of sweep first"
    Raises UserError for a name that Python cannot assign, and for a value that cannot be written;
    JSON's values all can.
    """
    lines = [f"# Put in by colabctl: {' '.join(origin.split())}"]
    lines += [f"{_name(name)} = {_literal(name, value)}" for name, value in params.items()]
    return "\n".join(lines)


def shown(notebook: Notebook, params: Mapping[str, Any], origin: str) -> str:
    """Return what a person who tries a sweep out is to see: how the notebook will be run."""
    if notebook.parameters is None:
        return f"{notebook.name} loops over its tasks; each worker runs it once"
    return (
        f"{notebook.name} runs once for each task, with this cell put in after cell "
        f"{notebook.parameters.number}:\n{injected(params, origin)}"
    )


def _name(name: str) -> str:
    # Names come from task files, which others can write, and what is no name would be run.
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UserError(
            f"parameter {name!r:.80} is no Python name, so nothing is put into the notebook; "
            "look who has written the sweep's task files, and declare it anew"
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
            items = (
                f"{_literal(name, key)}: {_literal(name, item)}" for key, item in value.items()
            )
            return f"{{{', '.join(items)}}}"
    raise UserError(
        f"parameter {name} holds a {type(value).__name__}, which cannot be put into a notebook; "
        "give numbers, texts, lists and maps"
    )
