"""Reads `stage:` of a sweep file: what each worker copies to its own disk first."""

import re
from collections.abc import Mapping

from colabctl.search.language.fields import Fields
from colabctl.yamlfile.problems import shown

_NAME = re.compile("[A-Za-z][A-Za-z0-9_]*")
_EXAMPLE = "as in data/raw/images.zip"


def read_stage(top: Fields) -> Mapping[str, str]:
    """Return the paths to stage, from the project's root, by their names; record problems."""
    value = top.content.get("stage")
    if value is None:
        return {}
    if isinstance(value, dict):
        fields = Fields(value, ("stage",), top.problems)
        for name in value:
            if not _NAME.fullmatch(str(name)):
                message = "is not a name; use letters, digits and _, and start with a letter"
                top.problems.add(("stage", name), message, key=True)
        named = [(str(name), fields.text(name)) for name in value]
    else:
        named = [(name_for(path), path) for path in top.texts("stage") or ()]
    staged: dict[str, str] = {}
    variables: dict[str, str] = {}
    for name, path in named:
        if path is None:
            continue
        if fault := _fault(path):
            top.problem("stage", f"{shown(path)} {fault}")
            continue
        other = variables.setdefault(name.upper(), path)
        if other is not path:
            message = (
                f"{shown(other)} and {shown(path)} would both be called {name}; name them, as in "
                f"{{{name}: {other}, {name}_2: {path}}}"
            )
            top.problem("stage", message)
        staged[name] = path.rstrip("/")
    return staged


def name_for(path: str) -> str:
    """Return the name of a path that has none: its last part without the ending."""
    last = path.rstrip("/").rpartition("/")[2]
    name = re.sub("[^A-Za-z0-9]+", "_", last.lstrip(".").partition(".")[0]).strip("_")
    return name if _NAME.fullmatch(name) else f"data_{name}".rstrip("_")


def _fault(path: str) -> str | None:
    """Return why a path cannot be one from the project's root; None if it can."""
    parts = path.rstrip("/").split("/")
    if path.startswith(("/", "\\", "~")) or re.match("[A-Za-z]:", path):
        return f"is not in the project; give its path from the project's folder, {_EXAMPLE}"
    if ".." in parts:
        return f"leads out of the project; give its path from the project's folder, {_EXAMPLE}"
    if "\\" in path or not path.isprintable() or not all(part not in ("", ".") for part in parts):
        return f"is not written as a path; separate folders by a single /, {_EXAMPLE}"
    return None
