"""Where tasks find the copies of data that their worker has staged on this machine."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError

VARIABLE = "COLABCTL_STAGED"
"""The environment variable with all of them, as JSON: {name: {"source": ..., "path": ...}}.

COLABCTL_STAGED_<NAME> holds the path of one, for programs in any language.
"""


@dataclass(frozen=True)
class StagedCopy:
    """A copy on this machine: its name in the sweep's `stage`, its source and where it is.

    `source` is a path from the project's root. With `is_linked`, tasks find the copy there too.
    """

    name: str
    source: str
    path: Path
    is_linked: bool


def staged_paths() -> dict[str, Path]:
    """Return the copies by their names in the sweep's `stage`."""
    return {name: Path(entry["path"]) for name, entry in _entries().items()}


def staged_path(what: "str | os.PathLike[str]") -> Path:
    """Return the copy of something, by its name or its path from the project's folder.

    Raises UserError if the sweep does not stage it.
    """
    asked, entries = os.fspath(what), _entries()
    for name, entry in entries.items():
        if asked in (name, entry["source"]):
            return Path(entry["path"])
    names = ", ".join(entries) or "nothing"
    raise UserError(
        f"{asked} is not staged: this sweep stages {names}; add it to stage: in the sweep file"
    )


def _entries() -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = json.loads(os.environ.get(VARIABLE) or "{}")
    return entries
