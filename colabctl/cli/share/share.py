"""The command that gives people access to the project's folder on Google Drive."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from colabctl.cli.data.drive import FolderId
from colabctl.cli.options import Json, Root, Yes, confirm, open_project, print_json, tell
from colabctl.cli.terminal import counted, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.drive.account import Drive
    from colabctl.drive.sharing import Step


class Role(StrEnum):
    """What a person can do; Drive's page calls them viewer, commenter and editor."""

    reader = "reader"
    commenter = "commenter"
    writer = "writer"


def share(
    addresses: Annotated[
        list[str] | None,
        typer.Argument(metavar="ADDRESS", help="E-mail addresses.", show_default=False),
    ] = None,
    role: Annotated[
        Role,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="What they can do: writer (edit), commenter or reader (view).",
        ),
    ] = Role.writer,
    remove: Annotated[bool, typer.Option("--remove", help="Take their access away.")] = False,
    list_them: Annotated[bool, typer.Option("--list", help="List who has access.")] = False,
    group: Annotated[
        bool, typer.Option("--group", help="The addresses are those of Google groups.")
    ] = False,
    email: Annotated[
        bool, typer.Option("--email/--no-email", help="Let Google Drive write to them.")
    ] = True,
    yes: Yes = False,
    folder_id: FolderId = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Give people access to the project's folder on Google Drive, or list who has it.

    It shows the change and asks first. Addresses go to Google Drive only: colabctl writes none of
    them into the project.
    """
    from colabctl.drive.account import connect
    from colabctl.drive.locations import locate
    from colabctl.drive.sharing import check_address

    if list_them == bool(addresses):
        raise UserError("give addresses, such as colabctl share ana@example.org, or --list alone")
    for address in addresses or ():
        check_address(address)
    layout, config = open_project(root)
    drive = connect()
    folder = locate(drive, layout.root, layout.root, folder_id)
    if addresses:
        wanted = None if remove else role.value
        _share(drive, folder, config.name, addresses, wanted, (group, email, yes), as_json=as_json)
    else:
        _list(drive, folder, config.name, as_json=as_json)


def _share(
    drive: "Drive",
    folder: str,
    name: str,
    addresses: list[str],
    role: str | None,
    options: tuple[bool, bool, bool],
    *,
    as_json: bool,
) -> None:
    from colabctl.drive import grants, sharing

    group, email, yes = options
    planned = sharing.steps(grants.grants(drive, folder, name), addresses, role, name)
    tell(f"{one_line(name)} on Google Drive, as {one_line(drive.address)}")
    for step in planned:
        tell(f"  {_described(step)}")
    needed = [step for step in planned if step.needed]
    if any(step.grant and step.grant.id == drive.grant_id for step in needed):
        tell("  note: one of them is you")
    if needed:
        confirm("Change this on Google Drive?", yes=yes)
    kind: Literal["user", "group"] = "group" if group else "user"
    done = sharing.carry_out(drive, folder, name, needed, kind, email=email)
    refused = [(step, error) for step, error in done if error]
    for step, error in refused:
        tell(f"refused: {one_line(step.address)}: {one_line(str(error))}")
    if as_json:
        print_json(
            [
                {"address": step.address, "before": step.before, "after": step.after}
                for step in planned
            ]
        )
    tell(f"{counted(len(done) - len(refused), 'person', 'people')} changed")
    if refused:
        raise typer.Exit(1)
    if role is not None and needed:
        tell("if data/raw is protected on Google Drive, let them read it: colabctl protect --drive")


def _described(step: "Step") -> str:
    before, after = step.before or "no access", step.after or "no access"
    if not step.needed:
        return one_line(f"{step.address}: {before} already")
    return one_line(f"{step.address}: {before} -> {after}")


def _list(drive: "Drive", folder: str, name: str, *, as_json: bool) -> None:
    from colabctl.drive import grants

    present = grants.grants(drive, folder, name)
    rows = [(each.role, each.name, str(each.answer.get("displayName", ""))) for each in present]
    if as_json:
        print_json([{"role": role, "who": who, "name": full_name} for role, who, full_name in rows])
        return
    first, second = (max((len(row[column]) for row in rows), default=0) for column in (0, 1))
    for role, who, full_name in rows:
        print(plain(one_line(f"{role:<{first}}  {who:<{second}}  {full_name}".rstrip())))
