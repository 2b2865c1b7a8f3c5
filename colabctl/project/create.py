"""Creates a project's folder, or completes one."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project import members as people
from colabctl.project.adopt import check_case
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout, Paths, check_member
from colabctl.project.root import absolute, is_project
from colabctl.project.scaffold import Changes, create_missing, folders
from colabctl.project.template import paths_line, render
from colabctl.sharedfs.links import way_out
from colabctl.sharedfs.names import check_label
from colabctl.sharedfs.rights import pass_on_group, share_as_git_does, share_existing


def create(
    root: Path,
    name: str | None = None,
    owner: str | None = None,
    members: Sequence[str] = (),
    paths: Mapping[str, str] | None = None,
) -> Changes:
    """Make `root` a project, or complete an existing one; existing files stay unchanged.

    `name` is the folder's name if None, and `paths` are those of folders that are elsewhere. In an
    existing project, new `members` are added, and `name` and `owner` are ignored.

    Raises UserError, before anything is created, for an invalid name, for a file, folder or link in
    the way, for a folder inside another project, for `paths` other than those of an existing
    project and for a configuration that cannot be read; also if the folder cannot be written.
    Folders of data may be links that lead out of the project: nothing is created behind them.
    """
    root = absolute(root)
    name = check_label(name or root.name or "project", "project name")
    owner = check_label(owner, "owner") if owner else None
    names = _distinct(check_member(member) for member in members)
    if is_project(root):
        config = load(root, {})
        if paths:
            _check_paths(config, paths)
        return _complete(config, names)
    for above in root.parents:
        if is_project(above):
            raise UserError(f"{root} is inside the project {above}; choose a folder outside it")
    return _create(Layout(root, Paths.moved(paths or {})), name, owner, names, paths)


def _check_paths(config: Config, paths: Mapping[str, str]) -> None:
    """Raise UserError, which says what to write, if a project has not adopted these paths."""
    if any(getattr(config.paths, key) != path for key, path in paths.items()):
        own = {
            each.name: getattr(config.paths, each.name)
            for each in fields(Paths)
            if getattr(config.paths, each.name) != getattr(Paths, each.name)
        }
        raise UserError(
            f"{config.root} is a project already, and colabctl does not change colabctl.yaml; to "
            f"use these folders, write in it: {paths_line(own | dict(paths))}"
        )


def _create(
    layout: Layout,
    name: str,
    owner: str | None,
    names: Sequence[str],
    paths: Mapping[str, str] | None,
) -> Changes:
    check_case(layout.root, layout.paths)
    share_as_git_does(layout.root)
    pass_on_group(layout.root)
    linked = _linked_data(layout)
    shared = _shared(layout, linked)
    pieces = folders(path for path in layout.folders() if path not in linked)
    for member in names:
        pieces |= people.pieces(layout, name, member)
    # Last, so that after an interruption the folder is not a project yet.
    pieces[layout.config] = render(name, owner, names, paths).encode()
    return replace(
        create_missing(pieces, layout.root),
        linked=tuple(dict.fromkeys(linked.values())),
        shared=shared,
    )


def _complete(config: Config, names: Sequence[str]) -> Changes:
    layout = config.layout
    present = people.members(layout, config)
    linked = _linked_data(layout)
    shared = _shared(layout, linked)
    pieces = folders(path for path in layout.folders() if path not in linked)
    for member in present:
        pieces |= people.pieces(layout, config.name, member)
    everyone = people.people(layout, config)
    for member in names:
        if people.person_named(member, everyone) is None:
            pieces |= people.newcomer(layout, config.name, member)
    changes = create_missing(pieces, layout.root)
    for member in names:
        if people.member_named(member, everyone) != member:
            people.add(layout, member)  # who has retired, or has another name now
    existing = (*changes.existing, layout.config)
    return Changes(changes.new, existing, tuple(dict.fromkeys(linked.values())), shared)


def _shared(layout: Layout, linked: Collection[Path]) -> tuple[Path, ...]:
    """Share the folders that exist with the group of the project's folder; return those changed."""
    own = [path for path in layout.folders() if path != layout.root and path not in linked]
    return tuple(path for path in own if share_existing(path, layout.root))


def _linked_data(layout: Layout) -> dict[Path, Path]:
    """Return the folders of data that are elsewhere, each with the link that leads there.

    Data is often on a larger disk, and colabctl itself only reads it.
    """
    data = (layout.data, layout.raw, layout.interim, layout.processed)
    links = {folder: way_out(folder, layout.root) for folder in data}
    return {folder: link for folder, link in links.items() if link is not None}


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return `names` without those that repeat an earlier one, ignoring case."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.casefold(), name)
    return tuple(first.values())
