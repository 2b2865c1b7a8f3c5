"""Says of each file of a project whether it travels between mirrors, and how.

This is the one list of what travels. A file is one of these:

- `once`: written once, and at most longer later: declared sweeps, journals, what tasks printed,
  records of members. The longer form wins where it starts with the shorter one.
- `edited`: what people change: notebooks, colabctl.yaml, code, notes. Both forms are kept where two
  sides changed it.
- `data`: raw data, results, checkpoints and the files of tasks: what may be large comes on demand.
- `stays`: secrets, caches, locks, environments, and what programs leave behind.
"""

import re
from pathlib import PurePosixPath
from typing import Literal

from colabctl.code.analysis.exclusions import is_dropping, is_secret
from colabctl.project.layout import Layout

Travel = Literal["once", "edited", "data", "stays"]

PROJECT = ".colabctl/project.json"
"""The record that tells the projects of two stores apart."""

SCRATCH = ".colabctl/incoming"
"""Files that have not arrived completely, in the mirror."""

_DECLARED = frozenset({"plan.json", "sweep.yaml", "tasks", "code", "journal", "claims"})
_RECORDS = frozenset({"members", "archive", "project.json"})
_TEMPORARY = re.compile(r"\..+\.tmp|.+\.partial|\.colabctl-part-.*|claims\.lock")


def travel_of(name: str, layout: Layout) -> Travel:
    """Return how the file with a name, a POSIX path from the project's folder, travels."""
    parts = PurePosixPath(name).parts
    if not is_safe(name):
        return "stays"
    if parts[0] == ".colabctl":
        is_record = len(parts) > 1 and (parts[1] in _RECORDS or parts[1].endswith(".whl"))
        return "once" if is_record and not _TEMPORARY.fullmatch(parts[-1]) else "stays"
    if parts[0] == layout.sweeps.name and len(parts) > 2:
        return _of_sweep(parts[2:])
    if _stays(name, parts):
        return "stays"
    return "data" if _is_data(name, layout) else "edited"


def is_safe(name: str) -> bool:
    """Whether a name from a store can only lead to a file below the project's folder."""
    return (
        name.isprintable()
        and not any(each in name for each in ("\\", ":"))
        and all(part not in ("", ".", "..") for part in name.split("/"))
    )


def _of_sweep(parts: tuple[str, ...]) -> Travel:
    if _TEMPORARY.fullmatch(parts[-1]):
        return "stays"
    if parts[0] in _DECLARED or (parts[0].startswith("extension-") and len(parts) > 1):
        return "once"
    if parts[0] == "runs":
        return "once" if len(parts) > 3 and parts[2] == "output" else "data"
    return "stays" if _stays("/".join(parts), parts) else "edited"


def _stays(name: str, parts: tuple[str, ...]) -> bool:
    return (
        any(each.startswith(".") or is_dropping(each) for each in parts)
        or is_secret(name)
        or _TEMPORARY.fullmatch(parts[-1]) is not None
    )


def _is_data(name: str, layout: Layout) -> bool:
    folders = (layout.data, layout.results, layout.checkpoints, layout.raw, layout.interim,
               layout.processed)  # fmt: skip
    tops = {layout.relative(folder) for folder in folders}
    if name.endswith((".manifest.json", ".SHA256SUMS", ".READ-ONLY.txt")):
        owner = name.rpartition(".")[0].removesuffix(".manifest")
        return not any(owner.startswith(top) for top in tops)
    return any(name.startswith(f"{top}/") for top in tops)


def may_have_travellers(folder: str) -> bool:
    """Whether files below a folder may travel; its name is a POSIX path, "" for the project's."""
    parts = PurePosixPath(folder).parts
    if not parts or parts[0] == "sweeps":
        return True
    if parts[0] == ".colabctl":
        return len(parts) == 1 or parts[1] in _RECORDS
    return not any(each.startswith(".") or is_dropping(each) for each in parts)


def is_plan(name: str) -> bool:
    """Whether a file says that a sweep is declared, or extended: it travels after the others."""
    parts = PurePosixPath(name).parts
    if len(parts) == 4 and parts[0] == "sweeps" and parts[3] == "extension.json":
        return True
    return len(parts) == 3 and parts[0] == "sweeps" and parts[2] == "plan.json"
