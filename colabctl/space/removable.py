"""Finds the files that could go without a loss, and says why.

Raw data, final results, journals, plans and what a running sweep has are never among them, and
neither are copies and conflicts, in which someone may have their only version.
"""

import re
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from colabctl.checkpoints.places import superseded
from colabctl.project.layout import Layout
from colabctl.sharedfs.files import is_abandoned
from colabctl.space.files import File
from colabctl.space.owners import Owners
from colabctl.space.sweeps import SweepUse

Kind = Literal["checkpoints", "notebooks", "archived", "leftovers"]
KINDS: tuple[Kind, ...] = get_args(Kind)

REASONS: dict[Kind, str] = {
    "checkpoints": "older saves; the last two stay",
    "notebooks": "executed notebooks of finished sweeps",
    "archived": "files of the tasks of archived sweeps; results and logs stay",
    "leftovers": "half-written files of processes that have ended",
}
"""Why each kind of file could go."""

_EXECUTED = "executed.ipynb"
_OUTPUT = "output"  # the folder with what tasks printed, which `log` shows
_ATTEMPT = re.compile(r"\d{6,}-\d+-.+")


@dataclass(frozen=True)
class Removable:
    """A file that could go.

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
        """The folder under which it is listed, where there are many."""
        parts = self.file.path.split("/")
        return "/".join(parts[:-1][:4] if self.sweep is not None else parts[:-1])

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
    """Return the files that could go, the largest first.

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
    items = []
    for file in files:
        if file.path.startswith(tuple(guarded)) or file.names > 1:  # another name keeps the content
            continue
        sweep = _sweep_of(file)
        use = sweeps.get(sweep) if sweep is not None else None
        if sweep is not None and (use is None or use.in_use):
            continue  # what is not known to be unused is not touched
        kind = _kind(file, use, old)
        if kind is not None:
            member = owners.place(file.folder).member
            items.append(Removable(kind, file, member, sweep))
    return sorted(items, key=lambda each: (-each.file.size, each.file.path))


def _sweep_of(file: File) -> str | None:
    parts = file.path.split("/", 2)
    return parts[1] if parts[0] == "sweeps" and len(parts) > 2 else None


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
