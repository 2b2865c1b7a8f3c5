"""Creates a project's folder, or completes one."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project import members as people
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout, check_member
from colabctl.project.root import absolute, is_project
from colabctl.project.scaffold import Changes, create_missing, folders
from colabctl.project.template import render
from colabctl.sharedfs.names import check_label
from colabctl.sharedfs.rights import share_as_git_does


def create(
    root: Path, name: str | None = None, owner: str | None = None, members: Sequence[str] = ()
) -> Changes:
    """Make `root` a project, or complete an existing one; existing files stay unchanged.

    `name` is the folder's name if None. In an existing project, new `members` are added, and
    `name` and `owner` are ignored. Raises UserError, before anything is created, for an invalid
    name, for a file or folder in the way, for a folder inside another project and for a
    configuration that cannot be read; also if the folder cannot be written.
    """
    root = absolute(root)
    name = check_label(name or root.name or "project", "project name")
    owner = check_label(owner, "owner") if owner else None
    names = _distinct(check_member(member) for member in members)
    if is_project(root):
        return _complete(load(root, {}), names)
    for above in root.parents:
        if is_project(above):
            raise UserError(f"{root} is inside the project {above}; choose a folder outside it")
    return _create(Layout(root), name, owner, names)


def _create(layout: Layout, name: str, owner: str | None, names: Sequence[str]) -> Changes:
    share_as_git_does(layout.root)
    pieces = folders(layout.folders())
    for member in names:
        pieces |= people.pieces(layout, name, member)
    # Last, so that after an interruption the folder is not a project yet.
    pieces[layout.config] = render(name, owner, names).encode()
    return create_missing(pieces)


def _complete(config: Config, names: Sequence[str]) -> Changes:
    layout = config.layout
    present = people.members(layout, config)
    pieces = folders(layout.folders())
    for member in present:
        pieces |= people.pieces(layout, config.name, member)
    for member in _distinct([*present, *names])[len(present) :]:
        pieces |= people.newcomer(layout, config.name, member)
    changes = create_missing(pieces)
    return Changes(changes.new, (*changes.existing, layout.config))


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` without those that repeat an earlier one, ignoring case."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.casefold(), name)
    return tuple(first.values())
