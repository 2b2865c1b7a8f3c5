"""Lays out the folder of a project, or what is missing of one."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project import members as people
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout, check_member
from colabctl.project.root import is_project
from colabctl.project.scaffold import Created, folders, lay
from colabctl.project.template import render
from colabctl.sharedfs.names import check_label


def create(
    root: Path, name: str | None = None, owner: str | None = None, members: Sequence[str] = ()
) -> Created:
    """Make `root` a project, or add to one what it lacks; what is there stays as it is.

    `name` is that of the folder if None. In a project that is there already, new `members` are
    added and `name` and `owner` stay what they were. Raises UserError before anything is made:
    for a name that will not do, for something in the way, for a folder inside another project,
    for a configuration that cannot be read; and where the folder cannot be written.
    """
    root = root.expanduser().absolute()
    name = check_label(name or root.name or "project", "project name")
    owner = check_label(owner, "owner") if owner else None
    wanted = _distinct(check_member(member) for member in members)
    if is_project(root):
        return _complete(load(root, {}), wanted)
    for above in root.parents:
        if is_project(above):
            raise UserError(f"{root} lies inside the project {above}; choose a folder outside it")
    return _begin(Layout(root), name, owner, wanted)


def _begin(layout: Layout, name: str, owner: str | None, wanted: Sequence[str]) -> Created:
    pieces = folders(layout.folders())
    for member in wanted:
        pieces |= people.pieces(layout, name, member)
    # Last, so that a folder in which this was interrupted is no project yet.
    pieces[layout.config] = render(name, owner, wanted).encode()
    return lay(pieces)


def _complete(config: Config, wanted: Sequence[str]) -> Created:
    layout = config.layout
    present = people.members(layout, config)
    pieces = folders(layout.folders())
    for member in present:
        pieces |= people.pieces(layout, config.name, member)
    for member in _distinct([*present, *wanted])[len(present) :]:
        pieces |= people.newcomer(layout, config.name, member)
    created = lay(pieces)
    return Created(created.made, (*created.kept, layout.config))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` without those that differ from an earlier one in case only."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.casefold(), name)
    return tuple(first.values())
