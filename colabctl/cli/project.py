"""The commands that create a project or a demo, manage members."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from colabctl.cli.options import (
    Json,
    Root,
    open_project,
    print_json,
    remember_member,
    tell,
    working_member,
)
from colabctl.cli.terminal import one_line, plain
from colabctl.errors import UserError


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
) -> None:
    """Create a project in a folder; safe to repeat, nothing is overwritten."""
    from colabctl.project.config import load
    from colabctl.project.create import create
    from colabctl.project.current_member import login_name
    from colabctl.project.layout import Layout, check_member
    from colabctl.project.members import members
    from colabctl.project.notebooks.wheel import place_wheel
    from colabctl.project.root import absolute, is_project
    from colabctl.sharedfs.links import description

    root = absolute(folder)
    for each in member or ():
        if "," in each:
            raise UserError(f"--member {each}: repeat the option, once for each member")
    config = load(root, {}) if is_project(root) else None
    present = members(config.layout, config) if config else ()
    names = member or ([] if present else [login_name()])
    changes = create(root, name, owner, names)
    new = (*changes.new, *place_wheel(Layout(root)).new)
    for path in new:
        tell(f"created {path.relative_to(root).as_posix() if path != root else path}")
    for link in changes.linked:
        tell(f"note: {one_line(description(link, root))}; create folders there yourself")
    if not new:
        tell("nothing to create; everything exists already")
    if names and not member:
        tell(
            f"{names[0]} is the first member (your login name); "
            "add others: colabctl member add NAME"
        )
    if names and not (present or names[1:]):
        remember_member(root, check_member(names[0]))
    print(root)


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
    from colabctl.project.members import members
    from colabctl.sharedfs.faults import describe

    layout, config = open_project(root)
    if name is not None:
        member = check_known(name, members(layout, config))
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
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new member.")],
    root: Root = None,
) -> None:
    """Add a member, with folders and a starter notebook of their own."""
    from colabctl.project.members import add
    from colabctl.project.notebooks.wheel import place_wheel

    layout, _ = open_project(root)
    changes = add(layout, name)
    for path in (*changes.new, *place_wheel(layout).new):
        tell(f"created {layout.relative(path)}")
    tell(f"{name} is now a member" if changes.new else f"{name} is already a member")


def member_list(root: Root = None, as_json: Json = False) -> None:
    """List the members of the project."""
    from colabctl.project.members import members

    layout, config = open_project(root)
    names = members(layout, config)
    if as_json:
        print_json(list(names))
    else:
        print(
            plain("\n".join(map(one_line, names)))
            or "no members yet; add one: colabctl member add NAME"
        )
