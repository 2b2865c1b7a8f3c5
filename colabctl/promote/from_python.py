"""Promotes for the Python interface, which asks no one: it replaces only what it is asked to."""

import os
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.config import Config
from colabctl.project.layout import EARLIER
from colabctl.promote.content import listed
from colabctl.promote.difference import difference
from colabctl.promote.promote import (
    Candidate,
    from_path,
    from_result,
    is_promoted,
    located,
    present,
    promote,
)
from colabctl.promote.tasks import chosen, refreshed
from colabctl.work.open_sweep import OpenSweep


def promote_path(
    config: Config,
    member: str,
    path: str | os.PathLike[str],
    name: str | None,
    note: str | None,
    *,
    replace: bool,
) -> Path:
    """Promote a file or folder, and return its path in results/final."""
    source = located(config.layout, path) or Path(path)
    return _promote(config, member, from_path(config.layout, source, name), note, replace=replace)


def promote_task(
    config: Config,
    member: str,
    sweep: OpenSweep,
    task: str | None,
    *,
    best: bool,
    metric: str | None,
    goal: str | None,
    where: str | None,
    name: str | None,
    note: str | None,
    replace: bool,
) -> Path:
    """Promote a task of a sweep, or its best one, and return its path in results/final."""
    refreshed(sweep)
    result, by = chosen(sweep, task, best=best, metric=metric, goal=goal, where=where)
    return _promote(config, member, from_result(sweep, result, name, by), note, replace=replace)


def _promote(
    config: Config, member: str, candidate: Candidate, note: str | None, *, replace: bool
) -> Path:
    layout = config.layout
    replaced = present(layout, candidate.name)
    if is_promoted(layout, candidate, replaced, note):
        return replaced[0].path
    if replaced and not replace:
        origin = replaced[0].origin
        missing = difference(layout, replaced, candidate).missing
        lacks = f"; the new one lacks {listed(list(missing))}" if missing else ""
        raise UserError(
            f"{layout.relative(layout.final / candidate.name)} exists"
            f"{f', {origin}' if origin else ''}{lacks}; give another name=, or replace=True: the "
            f"one that is there is kept in {layout.relative(layout.final / EARLIER)}"
        )
    return promote(config, candidate, member=member, environ=os.environ, note=note).path
