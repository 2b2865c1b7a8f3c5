"""The command that records raw data and makes it read-only."""

from typing import Annotated

import typer

from colabctl.cli.data.drive import FolderId, protect_on_drive
from colabctl.cli.data.folders import Protectable, chosen_folders
from colabctl.cli.options import Json, Root, Yes, open_project, print_json, tell
from colabctl.cli.terminal import counted, one_line
from colabctl.errors import UserError

_MOST_LISTED = 20  # files that are listed on the screen


def protect(
    path: Protectable = None,
    accept_changes: Annotated[
        bool,
        typer.Option(
            "--accept-changes",
            help="Record changed and missing files as they are now.",
        ),
    ] = False,
    follow_links: Annotated[
        bool,
        typer.Option(
            "--follow-links",
            help="Also protect a folder behind a link that leads out of the project.",
        ),
    ] = False,
    drive: Annotated[
        bool,
        typer.Option(
            "--drive",
            help="Make it read-only on Google Drive itself, for all members; asks first.",
        ),
    ] = False,
    undo: Annotated[bool, typer.Option("--undo", help="Undo --drive.")] = False,
    yes: Yes = False,
    folder_id: FolderId = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Record the checksums of raw data and make it read-only."""
    from colabctl.project import raw

    layout, config = open_project(root)
    if drive:
        folders = chosen_folders(layout, config.read_only, path)
        protect_on_drive(layout, folders, folder_id, undo=undo, yes=yes, as_json=as_json)
        return
    if undo or folder_id:
        raise UserError("--undo and --folder-id are for --drive; add --drive")
    always = [(layout.root / name).resolve() for name in config.read_only]
    reports = []
    for folder in chosen_folders(layout, config.read_only, path):
        done = raw.protect(layout, folder, accept_changes=accept_changes, follow_links=follow_links)
        name = layout.relative(folder)
        keys = ("files", "bytes", "added", "accepted", "missing")
        reports.append({"folder": name, **{key: getattr(done, key) for key in keys}})
        tell(
            f"{one_line(name)}: {counted(done.files, 'file')}, {done.bytes:,} bytes recorded, "
            f"{len(done.added)} new"
        )
        _list("missing, still recorded", done.missing)
        if accept_changes:
            _list("added", done.added)
            _list("accepted as changed", done.changed)
            _list("accepted as missing", done.dropped)
        if done.writable:
            tell(
                f"  {counted(len(done.writable), 'file')} still writable (a Drive has no "
                "permissions; root ignores them); colabctl verify detects changes"
            )
        if path and folder.resolve() not in always:
            name = one_line(layout.relative(folder))
            tell(
                f"  colabctl verify checks it only if you name it; to check it always, add {name} "
                "to read_only in colabctl.yaml"
            )
    if as_json:
        print_json(reports)


def _list(title: str, names: tuple[str, ...]) -> None:
    """List the first names, and say how many more there are."""
    for name in names[:_MOST_LISTED]:
        tell(f"  {title}: {one_line(name)}")
    if len(names) > _MOST_LISTED:
        tell(f"  {title}: {len(names) - _MOST_LISTED:,} more, which --json lists")
