"""The commands that create a project or a demo, and manage members."""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import (
    Json,
    Root,
    Yes,
    confirm,
    open_project,
    print_json,
    remember_member,
    tell,
    working_member,
)
from colabctl.cli.terminal import can_ask, counted, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from colabctl.project.layout import Layout
    from colabctl.project.member_records import Person


def init(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder of the project.", show_default="the current folder"
        ),
    ] = Path(),
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Name of the project.",
            show_default="the name of the folder",
        ),
    ] = None,
    member: Annotated[
        list[str] | None,
        typer.Option(
            "--member",
            metavar="NAME",
            help="Name of a member; can be repeated.",
            show_default="your login name",
        ),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="NAME", help="Who owns the shared folder.", show_default="not set"
        ),
    ] = None,
    adopt: Annotated[
        list[str] | None,
        typer.Option(
            "--adopt",
            metavar="KEY=DIR",
            help="Use a folder that is there, such as notebooks=nbs; can be repeated. The keys are "
            "those of `paths` in colabctl.yaml. `none` creates the usual folders.",
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Name each file and folder that is created.")
    ] = False,
) -> None:
    """Create a project in a folder; safe to repeat, nothing is overwritten.

    Files that are there stay as they are. Where a folder looks like one that would be created, such
    as nbs like notebooks, nothing is done before you have decided with --adopt.
    """
    from colabctl.project.adopt import adopted
    from colabctl.project.config import load
    from colabctl.project.create import create
    from colabctl.project.current_member import login_name
    from colabctl.project.layout import Layout, Paths, check_member
    from colabctl.project.members import earlier_members, members
    from colabctl.project.notebooks.wheel import place_wheel
    from colabctl.project.root import absolute, is_project
    from colabctl.sharedfs.links import description

    root = absolute(folder)
    for each in member or ():
        if "," in each:
            raise UserError(f"--member {each}: repeat the option, once for each member")
    paths = adopted(root, adopt or ())
    config = load(root, {}) if is_project(root) else None
    if config is None and not adopt:
        _suggest(root)
    layout = config.layout if config else Layout(root, Paths.moved(paths))
    present = members(layout, config) if config else ()
    earlier = () if config else earlier_members(layout)
    names = [*earlier, *(member or ([] if present or earlier else [login_name()]))]
    changes = create(root, name, owner, names, paths)
    new = (*changes.new, *place_wheel(layout).new)
    for line in _summary(root, new, verbose=verbose):
        tell(line)
    for path in changes.shared:
        shared = one_line(path.relative_to(root).as_posix())
        tell(f"{shared}: your group may write in it now, as in the project")
    for link in changes.linked:
        tell(f"note: {one_line(description(link, root))}; create folders there yourself")
    if not new:
        tell("nothing to create; everything exists already")
    if config is None:
        _tell_what_was_there(layout, earlier)
    if names and not (member or earlier):
        tell(
            f"{names[0]} is the first member (your login name); "
            "add others: colabctl member add NAME"
        )
    if names and not (present or names[1:]):
        remember_member(root, check_member(names[0]))
    if config is None:
        raw = one_line(layout.relative(layout.raw))
        tell(f"next: copy your data into {raw}, then run colabctl protect; see: colabctl guide")
    print(root)


def _summary(root: Path, new: Sequence[Path], *, verbose: bool) -> "Iterator[str]":
    """Yield a line for each path that was created, or for each at the top of the project."""
    inside: dict[str, int] = {}
    for path in new:
        name = path.relative_to(root).as_posix() if path != root else str(path)
        if verbose or path == root:
            yield f"created {name}"
        else:
            top, _, below = name.partition("/")
            inside[top] = inside.get(top, 0) + bool(below)
    for top, number in inside.items():
        pieces = counted(number, "file or folder", "files and folders")
        if root / top not in new:
            yield f"created {pieces} in {top}"
        else:
            yield f"created {top}, with {pieces}" if number else f"created {top}"


def _suggest(root: Path) -> None:
    """Raise UserError, with the command to run, if folders look like those of a project."""
    from colabctl.project.adopt import NOTHING, suggestions

    choices = suggestions(root)
    if not choices:
        return
    pairs = (each.partition("=") for each in choices)
    alike = ", ".join(f"{name} ({key})" for key, _, name in pairs)
    command = ["colabctl", *sys.argv[1:]]
    use = shlex.join([*command, *(word for each in choices for word in ("--adopt", each))])
    raise UserError(
        f"{root} has folders that a project can use: {alike}. Nothing was created. To use them "
        f"(leave out what does not fit), run: {use}; to create the usual folders too, run: "
        f"{shlex.join([*command, '--adopt', NOTHING])}"
    )


def _tell_what_was_there(layout: "Layout", members: Sequence[str]) -> None:
    if members:
        tell(
            f"colabctl.yaml was missing and has been written again; the members are as before: "
            f"{', '.join(members)}. Set again what else was in it, such as secrets"
        )
    with suppress(OSError):
        number = sum(path.suffix == ".ipynb" for path in layout.root.iterdir())
        if number:
            tell(
                f"note: {counted(number, 'notebook')} in the project's folder itself; to keep each "
                f"member's notebooks apart, move yours to {layout.relative(layout.notebooks)}/<you>"
            )


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the project.")] = Path(
        "colabctl-demo"
    ),
    trials: Annotated[
        int,
        typer.Option("--trials", min=1, metavar="N", help="Trials for each model and data set."),
    ] = 10,
) -> None:
    """Create a project and run a real sweep in it with two workers, in under a minute."""
    from colabctl.demo import run
    from colabctl.project.root import absolute

    run(absolute(folder), trials)


def me(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Your name.", show_default="show it")
    ] = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Set or show which member you are in this project.

    This machine remembers it, outside the shared folder; --member and COLABCTL_MEMBER override it.
    """
    from colabctl.project.current_member import check_known, remember
    from colabctl.project.members import people
    from colabctl.sharedfs.faults import describe

    layout, config = open_project(root)
    if name is not None:
        member = check_known(name, people(layout, config))
        try:
            remember(layout.root, member)
        except OSError as error:
            raise UserError(
                f"cannot remember this ({describe(error)}); use --member "
                f"{shlex.quote(member)} or COLABCTL_MEMBER={shlex.quote(member)}"
            ) from None
        tell(f"you are {member} in this project on this machine")
        variable = os.environ.get("COLABCTL_MEMBER")
        if variable and variable != member:
            tell(f"note: COLABCTL_MEMBER={variable} overrides this while it is set")
    member = working_member(config, None) if name is None else member
    if as_json:
        print_json({"member": member})
    else:
        print(plain(one_line(member)))


def member_add(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name of the new member; it becomes a folder's name, and may have spaces.",
        ),
    ],
    root: Root = None,
) -> None:
    """Add a member, with folders and a starter notebook; one who has retired comes back."""
    from colabctl.project.members import add, members
    from colabctl.project.notebooks.wheel import place_wheel

    layout, config = open_project(root)
    if "," in name:
        raise UserError(f"{name}: run the command once for each member")
    before = members(layout, config)
    changes = add(layout, name)
    _note_template(layout)
    for path in (*changes.new, *place_wheel(layout).new):
        tell(f"created {layout.relative(path)}")
    new = set(members(layout, config)) - set(before)
    tell(f"{name} is now a member" if new else f"{name} is already a member")


def member_rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Name of the member.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The new name.")],
    keep_folders: Annotated[
        bool,
        typer.Option("--keep-folders", help="Leave the folders with the old name where they are."),
    ] = False,
    root: Root = None,
) -> None:
    """Give a member a new name, and rename their folders.

    Journals, results and sweeps keep the old name inside, and are shown with the new one. The old
    name still works: for `colabctl me`, --member and in notebooks.
    """
    from colabctl.project.members import rename

    layout, _ = open_project(root)
    done = rename(layout, old, new, keep_folders=keep_folders)
    _note_template(layout)
    for source, target in done.moved:
        tell(f"renamed {one_line(layout.relative(source))} to {one_line(target.name)}")
    for path in done.changes.new:
        tell(f"created {layout.relative(path)}")
    for path, reason in done.unmoved:
        tell(f"note: {one_line(layout.relative(path))} stays as it is ({one_line(reason)})")
    if done.in_config:
        tell(
            "note: colabctl.yaml has the old name, which continues to work; to tidy up, write "
            f"{json.dumps(new, ensure_ascii=False)} there"
        )
    tell(f"{one_line(old)} is now called {one_line(new)}; both names count as one member")


def _note_template(layout: "Layout") -> None:
    from colabctl.project.notebooks.starter import template_fault

    if fault := template_fault(layout):
        tell(f"note: {one_line(fault)}")


def member_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the member.")],
) -> None:
    """Say which command takes a member off the list."""
    raise UserError(
        "no member is removed, as results have their name; for one who has left, run: "
        f"colabctl member retire {shlex.quote(name)}"
    )


def member_retire(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the member.")],
    yes: Yes = False,
    root: Root = None,
) -> None:
    """Take a member who has left off the list; their folders and results stay.

    `colabctl member add NAME` brings them back. Access to the shared folder is separate: take it
    away where the folder is shared.
    """
    from colabctl.project.members import member_named, members, people, retire

    layout, config = open_project(root)
    member = member_named(name, people(layout, config))
    if member is not None and not yes:
        if members(layout, config) == (member,):
            raise UserError(f"{member} is the only member; to retire them nevertheless, add --yes")
        if can_ask():
            confirm(f"Take {one_line(member)} off the list of members?", yes=yes)
    person = retire(layout, name)
    if person.is_retired:
        tell(f"{one_line(person.name)} has retired already")
        return
    tell(
        f"{one_line(person.name)} has retired; folders and results stay, and so does access to the "
        f"shared folder. To come back: colabctl member add {shlex.quote(person.name)}"
    )


def member_list(
    everyone: Annotated[
        bool,
        typer.Option(
            "--all", help="With --json: objects, with former names, and who has retired too."
        ),
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """List the members of the project; --json gives the names of those who are in it now."""
    from colabctl.project.members import people

    layout, config = open_project(root)
    present = people(layout, config)
    if as_json and everyone:
        print_json(
            [
                {"name": each.name, "former": list(each.former), "retired": each.is_retired}
                for each in present
            ]
        )
    elif as_json:
        print_json([each.name for each in present if not each.is_retired])
    else:
        lines = (one_line(_in_words(each)) for each in present)
        print(plain("\n".join(lines)) or "no members yet; add one: colabctl member add NAME")


def _in_words(person: "Person") -> str:
    notes = [f"was {', '.join(person.former)}"] if person.former else []
    notes += ["retired"] if person.is_retired else []
    return f"{person.name} ({'; '.join(notes)})" if notes else person.name
