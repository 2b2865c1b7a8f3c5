"""The members of a project, and the folders and the notebook of each."""

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError, nearest
from colabctl.project import member_records
from colabctl.project.config import Config, load
from colabctl.project.layout import Layout, check_member
from colabctl.project.member_records import Person
from colabctl.project.scaffold import Changes, create_missing, folders
from colabctl.sharedfs.faults import describe
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.refusals import fix, owner, refused


@dataclass(frozen=True)
class Renamed:
    """What `rename` has done.

    Attributes:
        moved: the folders that have been renamed, each with its new path
        unmoved: the folders that are still where they were, each with the reason
        changes: the paths that were created for the new name
        in_config: whether colabctl.yaml lists an earlier name

    """

    moved: tuple[tuple[Path, Path], ...]
    unmoved: tuple[tuple[Path, str], ...]
    changes: Changes
    in_config: bool


def people(layout: Layout, config: Config) -> tuple[Person, ...]:
    """Return everyone in the project: those in colabctl.yaml, then the others by name.

    Retired members are among them. Names that differ only in case are one person, and so are a name
    and the names before it. Records that cannot be read yet or are not valid are ignored.
    """
    return member_records.people_in(config.members, member_records.recorded(layout))


def members(layout: Layout, config: Config) -> tuple[str, ...]:
    """Return the names of the members, without those who have retired."""
    return tuple(each.name for each in people(layout, config) if not each.is_retired)


def person_named(name: str, among: Iterable[Person]) -> Person | None:
    """Return the person with this name now or earlier, whatever the case of its letters."""
    return next((person for person in among if name.casefold() in person.keys), None)


def member_named(name: str, among: Iterable[Person]) -> str | None:
    """Return the current name of the member called `name` now or earlier; None if there is none."""
    person = person_named(name, among)
    return None if person is None or person.is_retired else person.name


def add(layout: Layout, name: str) -> Changes:
    """Make `name` a member, with folders and a starter notebook; existing files stay unchanged.

    Someone who has retired comes back. Each change is a record of its own, so machines that change
    members at the same time never write to the same file. Raises UserError for an invalid name, for
    a former name of someone, and if the folder cannot be written.
    """
    config = load(layout.root, {})
    name = check_member(name)
    person = person_named(name, people(layout, config))
    if person is None:
        return create_missing(newcomer(layout, config.name, name), layout.root)
    if person.name.casefold() != name.casefold():
        raise UserError(
            f"{name} is a former name of {person.name}, whose results may have it; choose another "
            f"name, or give it back: colabctl member rename {_quoted(person.name)} {_quoted(name)}"
        )
    changes = create_missing(pieces(layout, config.name, person.name), layout.root)
    if person.is_retired:
        _record(layout, "return", person.name)
    return changes


def retire(layout: Layout, name: str) -> Person:
    """Record that a member has left, and return them as they were; nothing is moved or deleted.

    Raises UserError if there is no such member.
    """
    person = _known(layout, name)
    if not person.is_retired:
        _record(layout, "retire", person.name)
    return person


def rename(layout: Layout, old: str, new: str, *, keep_folders: bool = False) -> Renamed:
    """Give a member a new name; their folders are renamed too, unless `keep_folders`.

    What has the old name inside, such as journals and results, stays as it is and counts as theirs.
    A folder whose new name is taken stays where it is. A rename that was interrupted can be
    repeated. Raises UserError for an invalid name, for a name of another person, and, before
    anything is changed, if a folder cannot be renamed.
    """
    config = load(layout.root, {})
    new = check_member(new)
    person = _known(layout, old)
    if old == new == person.name:
        raise UserError(f"{new} has this name already; give the present name, then the new one")
    other = person_named(new, people(layout, config))
    if other is not None and other != person:
        is_now = (
            "is a member" if other.name.casefold() == new.casefold() else "is their former name"
        )
        raise UserError(
            f"{new} {is_now} ({other.name}), so {person.name} cannot have it; two members cannot "
            "become one: choose another name"
        )
    # After an interruption, the person has the new name already, but not all folders.
    before = check_member(old) if person.name == new else person.name
    pairs = list(zip(layout.member_folders(before), layout.member_folders(new), strict=True))
    pairs = [(source, target) for source, target in pairs if source != target]
    if not keep_folders:
        _check_movable(layout, [source for source, _ in pairs])
    created = pieces(layout, config.name, new)  # fails before anything is changed
    for _, target in pairs:
        if os.path.lexists(target) and not target.is_dir():
            raise UserError(f"{target} is in the way of {new}'s folder; move it away")
    if person.name != new:
        _record(layout, "rename", person.name, new)
        _check_counts(layout, person.name, new)
    moved, unmoved = _move(pairs, keep_folders=keep_folders)
    changes = create_missing(created, layout.root)
    listed = {name.casefold() for name in config.members}
    return Renamed(
        tuple(moved), tuple(unmoved), changes, bool((person.keys - {new.casefold()}) & listed)
    )


def pieces(layout: Layout, project: str, name: str) -> dict[Path, bytes | None]:
    """Return the folders and the notebook of a member of the project called `project`."""
    from colabctl.project.notebooks.starter import (  # noqa: PLC0415 - slow to import
        group_template,
        starter,
    )

    notebook = layout.start_notebook(name)
    return {
        **folders(layout.member_folders(name)),
        notebook: starter(project, name, notebook.stem, group_template(layout)),
    }


def newcomer(layout: Layout, project: str, name: str) -> dict[Path, bytes | None]:
    """Return the pieces of a member who is not in colabctl.yaml; the record comes last."""
    return {
        **folders([layout.member_records]),
        **pieces(layout, project, name),
        layout.member_record(name): member_records.joined(name),
    }


def earlier_members(layout: Layout) -> tuple[str, ...]:
    """Return the members of a project whose colabctl.yaml is gone.

    They have a record, or all the folders of a member.
    """
    everyone = member_records.people_in(_with_folders(layout), member_records.recorded(layout))
    return tuple(each.name for each in everyone if not each.is_retired)


def _with_folders(layout: Layout) -> Iterator[str]:
    with suppress(OSError):
        for name in sorted(os.listdir(layout.notebooks)):  # noqa: PTH208 - a Drive is slow
            with suppress(UserError):  # not the name of a member
                if all(folder.is_dir() for folder in layout.member_folders(name)):
                    yield name


def unknown(name: str, among: Sequence[Person]) -> UserError:
    """Return the error for a name that no member has."""
    names = [each.name for each in among if not each.is_retired]
    person = person_named(name, among)
    if person is not None:
        return UserError(
            f"{person.name} has retired from this project; to come back: colabctl member add "
            f"{_quoted(person.name)}"
        )
    close = nearest(name, names)
    hint = f"did you mean {close}? If not" if close else "to add them"
    return UserError(
        f"{name!r:.70} is not a member of this project (members: {', '.join(names) or 'none'}); "
        f"{hint}: colabctl member add {_quoted(name)}"
    )


def _quoted(name: str) -> str:
    return shlex.quote(name)


def _known(layout: Layout, name: str) -> Person:
    everyone = people(layout, load(layout.root, {}))
    person = person_named(name, everyone)
    if person is None:
        raise unknown(name, everyone)
    return person


def _record(layout: Layout, kind: member_records.Kind, name: str, to: str = "") -> None:
    try:
        member_records.write(layout, kind, name, to)
    except OSError as error:
        raise UserError(f"cannot record this: {describe(error)}") from None


def _check_counts(layout: Layout, old: str, new: str) -> None:
    """Raise UserError if another machine has recorded another new name at the same moment."""
    now = _known(layout, old).name
    if now != new:
        raise UserError(
            f"{old} was given another name at the same moment: {now} counts; if that is not right: "
            f"colabctl member rename {_quoted(now)} {_quoted(new)}"
        )


def _check_movable(layout: Layout, sources: Iterable[Path]) -> None:
    for folder in sources:
        check_inside(folder.parent, layout.root)
        barred = refused(folder.parent) if folder.exists() else None
        if barred is not None:
            raise UserError(
                f"cannot rename {folder}: {barred} belongs to {owner(barred)}; {fix(barred)}; or "
                "leave the folders where they are: --keep-folders"
            )


def _move(
    pairs: Iterable[tuple[Path, Path]], *, keep_folders: bool
) -> tuple[list[tuple[Path, Path]], list[tuple[Path, str]]]:
    moved: list[tuple[Path, Path]] = []
    unmoved: list[tuple[Path, str]] = []
    for source, target in pairs:
        if not os.path.lexists(source):
            continue
        is_taken = os.path.lexists(target) and not _is_same(source, target)
        if keep_folders or is_taken:
            unmoved.append(
                (source, "--keep-folders" if keep_folders else f"{target.name} is there")
            )
            continue
        try:
            source.rename(target)
        except OSError as error:
            unmoved.append((source, describe(error)))
        else:
            moved.append((source, target))
    return moved, unmoved


def _is_same(source: Path, target: Path) -> bool:
    """Whether two names are of one folder, as on a file system that ignores case."""
    try:
        return source.samefile(target)
    except OSError:  # a link that leads nowhere
        return False
