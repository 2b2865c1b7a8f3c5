"""The commands that lay out a project and guard its raw data."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Json, Root, answer, open_project, talk
from colabctl.cli.terminal import counted, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.layout import Layout


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Folder to lay out.")] = Path(),
    name: Annotated[
        str | None, typer.Option("--name", help="What the project is called; else its folder.")
    ] = None,
    member: Annotated[
        list[str] | None, typer.Option("--member", help="A member; may be given several times.")
    ] = None,
    owner: Annotated[
        str | None, typer.Option("--owner", help="Who owns the shared folder.")
    ] = None,
) -> None:
    """Lay out a project in a folder; safe to repeat, nothing is overwritten."""
    from colabctl.project.create import create
    from colabctl.project.layout import Layout
    from colabctl.project.wheel import place_wheel

    changes = create(folder, name, owner, member or [])
    root = folder.expanduser().absolute()
    new = (*changes.new, *place_wheel(Layout(root)).new)
    for path in new:
        talk(f"made {path.relative_to(root).as_posix() if path != root else path}")
    if not new:
        talk("everything is there already")
    print(root)


def member_add(
    name: Annotated[str, typer.Argument(help="Name of the new member.")], root: Root = None
) -> None:
    """Add a member: folders of their own and a starter notebook."""
    from colabctl.project.members import add
    from colabctl.project.wheel import place_wheel

    layout, _ = open_project(root)
    changes = add(layout, name)
    for path in (*changes.new, *place_wheel(layout).new):
        talk(f"made {layout.relative(path)}")
    talk(f"{name} is a member" if changes.new else f"{name} was a member already")


def member_list(root: Root = None, as_json: Json = False) -> None:
    """List the members."""
    from colabctl.project.members import members

    layout, config = open_project(root)
    names = members(layout, config)
    if as_json:
        answer(list(names))
    else:
        print(
            plain("\n".join(map(one_line, names)))
            or "no members yet; add one: colabctl member add NAME"
        )


_MOST_LISTED = 20  # names of files on the screen

Protectable = Annotated[
    Path | None, typer.Argument(metavar="[PATH]", help="Folder; else all read-only ones.")
]


def protect(
    path: Protectable = None,
    accept_changes: Annotated[
        bool, typer.Option("--accept-changes", help="Record changed files as they are now.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Record checksums of the raw data and mark it read-only."""
    from colabctl.project import raw

    layout, config = open_project(root)
    reports = []
    for folder in _folders(layout, config.read_only, path):
        done = raw.protect(layout, folder, accept_changes=accept_changes)
        reports.append(
            {
                "folder": layout.relative(folder),
                "files": done.files,
                "bytes": done.bytes,
                "added": done.added,
                "accepted": done.accepted,
                "missing": done.missing,
            }
        )
        talk(
            f"{one_line(layout.relative(folder))}: {counted(done.files, 'file')}, "
            f"{done.bytes:,} bytes recorded, {len(done.added)} new"
        )
        _list("missing, still recorded", done.missing)
        if accept_changes:
            _list("added", done.added)
            _list("accepted as changed", done.changed)
            _list("accepted as missing", done.dropped)
        if done.writable:
            talk(
                f"  {counted(len(done.writable), 'file')} still writable (a Drive has no "
                "permissions; root ignores them); colabctl verify detects changes"
            )
    if as_json:
        answer(reports)


def _list(title: str, names: tuple[str, ...]) -> None:
    """List the first names; `--json` lists them all."""
    for name in names[:_MOST_LISTED]:
        talk(f"  {title}: {one_line(name)}")
    if len(names) > _MOST_LISTED:
        talk(f"  {title}: {len(names) - _MOST_LISTED:,} more, which --json lists")


def verify(path: Protectable = None, root: Root = None, as_json: Json = False) -> None:
    """Prove that the raw data is unchanged; exit 3 if it is not."""
    from colabctl.project import raw

    layout, config = open_project(root)
    reports = []
    clean = True
    for folder in _folders(layout, config.read_only, path):
        found = raw.verify(layout, folder)
        clean = clean and found.clean
        kinds = {
            "changed": found.changed,
            "missing": found.missing,
            "added": found.added,
            "unreadable": found.unreadable,
        }
        reports.append({"folder": layout.relative(folder), "checked": found.checked, **kinds})
        if not as_json:
            for kind, names in kinds.items():
                for name in names:
                    print(plain(one_line(f"{kind}: {layout.relative(folder)}/{name}")))
            if found.clean:
                checked = f"{counted(found.checked, 'file')}, all unchanged"
                print(plain(one_line(f"{layout.relative(folder)}: {checked}")))
    if as_json:
        answer(reports)
    if not clean:
        talk(
            "the data is not what was recorded; bring the originals back, or accept what is new "
            "with colabctl protect"
        )
        raise typer.Exit(3)


def _folders(layout: "Layout", read_only: tuple[str, ...], path: Path | None) -> list[Path]:
    if path is None:
        return [layout.root / folder for folder in read_only]
    beside = Path.cwd() / path  # as typed in a shell, else as a folder of the project
    folder = beside if beside.is_dir() else layout.root / path
    if not folder.is_dir():
        raise UserError(f"{path} is no folder, neither here nor in the project {layout.root}")
    return [folder]
