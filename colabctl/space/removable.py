"""Finds the files that can be deleted without a loss, and says why.

Raw data, final results, journals, plans and what a running sweep has are never among them, and
neither are copies and conflicts, in which someone may have their only version. What final results
and restored raw data have replaced may be the only version too, so it is found as kinds of its own,
which are deleted only by their names.
"""

import re
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from colabctl.checkpoints.places import superseded
from colabctl.ledger import task_name
from colabctl.project.layout import EARLIER, Layout
from colabctl.project.raw.listing import REPLACED
from colabctl.sharedfs.files import is_abandoned
from colabctl.space.files import File
from colabctl.space.owners import Owners
from colabctl.space.sweeps import SweepUse

Kind = Literal["checkpoints", "notebooks", "archived", "leftovers", "earlier", "bad"]
KINDS: tuple[Kind, ...] = get_args(Kind)

BY_NAME: frozenset[Kind] = frozenset({"earlier", "bad"})
"""The kinds of which a person decides: they are deleted only if they are named."""

REASONS: dict[Kind, str] = {
    "checkpoints": "older saves; the last two stay",
    "notebooks": "executed notebooks of finished sweeps",
    "archived": "files of the tasks of archived sweeps; results and logs stay",
    "leftovers": "half-written files of processes that have ended; caches of Python and Jupyter",
    "earlier": "what other final results have replaced",
    "bad": "damaged files that data restore has replaced",
}
"""Why each kind of file can be deleted."""

_AUTOSAVED = "-checkpoint."  # what Jupyter adds to the name of a file
_EXECUTED = "executed.ipynb"
_OUTPUT = "output"  # the folder with what tasks printed, which `log` shows
_ATTEMPT = re.compile(r"\d{6,}-\d+-.+")


@dataclass(frozen=True)
class Removable:
    """A file that can be deleted.

    Attributes:
        member: whose it is, None if nothing says so.
        sweep: the name of the sweep's folder if it is part of one.

    """

    kind: Kind
    file: File
    member: str | None
    sweep: str | None

    @property
    def group(self) -> str:
        """Under what it is listed: its task, else its folder."""
        parts = self.file.path.split("/")
        for part in parts[:-1] if self.sweep is not None else ():
            if _ATTEMPT.fullmatch(part):
                return f"{task_name(int(part.partition('-')[0]))} of {self.sweep}"
        return f"{'/'.join(parts[:-1])}/" if parts[:-1] else "the project's folder"

    def refusal(self, use: SweepUse | None) -> str:
        """Return why it may not go any more, now that its sweep is used like this; "" if it may."""
        if use is None:
            return "its sweep cannot be read"
        if use.in_use:
            return use.in_use
        if self.kind == "archived" and not use.is_archived:
            return "its sweep is not archived any more"
        if self.kind == "notebooks" and not use.is_finished:
            return "its sweep is not finished any more"
        return ""


def removable(
    layout: Layout,
    files: Collection[File],
    uses: Iterable[SweepUse],
    owners: Owners,
    read_only: Iterable[str],
) -> list[Removable]:
    """Return the files that can be deleted, the largest first.

    Args:
        layout: the project.
        files: all of its files.
        uses: how its sweeps are used.
        owners: tells whose the files are.
        read_only: the folders that must not change.

    """
    sweeps = {folder: use for use in uses for folder in use.folders}
    old = _superseded(layout, files, sweeps)
    guarded = [f"{folder}/" for folder in (layout.paths.raw, *read_only)]
    guarded.append(f"{layout.relative(layout.final)}/")
    earlier = f"{layout.relative(layout.final)}/{EARLIER}/"
    paths = {file.path for file in files}
    items = []
    for file in files:
        if file.names > 1:  # another name keeps the content
            continue
        if file.path.startswith(tuple(guarded)):
            if kind := _replaced(file, earlier, paths):
                items.append(Removable(kind, file, owners.place(file.folder).member, None))
            continue
        sweep = _sweep_of(file)
        use = sweeps.get(sweep) if sweep is not None else None
        if sweep is not None and (use is None or use.in_use):
            continue  # what is not known to be unused is not touched
        kind = "leftovers" if _is_cache(file, paths) else _kind(file, use, old)
        if kind is not None:
            member = owners.place(file.folder).member
            items.append(Removable(kind, file, member, sweep))
    return sorted(items, key=lambda each: (-each.file.size, each.file.path))


def _sweep_of(file: File) -> str | None:
    parts = file.path.split("/", 2)
    return parts[1] if parts[0] == "sweeps" and len(parts) > 2 else None


def _replaced(file: File, earlier: str, paths: Collection[str]) -> Kind | None:
    """Return the kind of a file that another one has replaced; None for any other."""
    if file.path.startswith(earlier):
        return "earlier"
    original = file.path.rpartition(".bad-")[0]
    return "bad" if REPLACED.fullmatch(file.name) and original in paths else None


def _is_cache(file: File, paths: Collection[str]) -> bool:
    """Whether Python or Jupyter writes a file again: from a program, or from a notebook."""
    folder, _, inside = file.folder.rpartition("/")
    if inside == "__pycache__":
        return file.name.endswith(".pyc")
    original = file.name.replace(_AUTOSAVED, ".")
    at = f"{folder}/{original}" if folder else original
    # Where its notebook is gone, it may be the only version.
    return inside == ".ipynb_checkpoints" and _AUTOSAVED in file.name and at in paths


def _kind(file: File, use: SweepUse | None, old: Collection[str]) -> Kind | None:
    if is_abandoned(file.name, file.mtime_ns / 1e9, time.time()):
        return "leftovers"
    if use is not None:
        parts = file.path.split("/")
        if parts[2] != "runs" or len(parts) < 5 or parts[4] == _OUTPUT:
            return None
        if use.is_archived:
            return "archived"
        is_own = len(parts) == 5 or _ATTEMPT.fullmatch(parts[-2]) is not None
        if use.is_finished and file.name == _EXECUTED and is_own:
            return "notebooks"
    return "checkpoints" if file.path in old else None


def _superseded(
    layout: Layout, files: Iterable[File], sweeps: dict[str, SweepUse]
) -> frozenset[str]:
    """Return the paths of files that belong to saves which later ones have replaced."""
    places = [layout.checkpoints]
    places += [
        layout.sweeps / folder / "runs"
        for folder, use in sweeps.items()
        if not (use.in_use or use.is_archived)
    ]
    old = {
        path.relative_to(layout.root).as_posix()
        for place in places
        if not _leads_elsewhere(place, layout.root)
        for path in superseded(place)
    }
    if not old:
        return frozenset()
    return frozenset(file.path for file in files if not old.isdisjoint(_self_and_above(file.path)))


def _leads_elsewhere(folder: Path, root: Path) -> bool:
    """Whether a link is on the way from the project to a folder."""
    return any(each.is_symlink() for each in (folder, *folder.parents) if each != root
               and each.is_relative_to(root))  # fmt: skip


def _self_and_above(path: str) -> Iterator[str]:
    while path:
        yield path
        path = path.rpartition("/")[0]
