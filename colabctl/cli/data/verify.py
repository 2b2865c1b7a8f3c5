"""The command that checks raw data."""

from typing import Annotated

import typer

from colabctl.cli.data.drive import FolderId, verify_on_drive
from colabctl.cli.data.folders import Protectable, chosen_folders
from colabctl.cli.options import Json, Root, open_project, print_json, tell
from colabctl.cli.terminal import counted, one_line, plain
from colabctl.errors import UserError


def verify(
    path: Protectable = None,
    drive: Annotated[
        bool,
        typer.Option(
            "--drive",
            help="Compare with the checksums of Google Drive's server, without a download.",
        ),
    ] = False,
    folder_id: FolderId = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Check that raw data has not changed; exit 3 if it has."""
    from colabctl.project import raw

    layout, config = open_project(root)
    if drive:
        folders = chosen_folders(layout, config.read_only, path)
        verify_on_drive(layout, folders, folder_id, as_json=as_json)
        return
    if folder_id:
        raise UserError("--folder-id is for --drive; add --drive")
    reports = []
    clean = True
    for folder in chosen_folders(layout, config.read_only, path):
        check = raw.verify(layout, folder)
        clean = clean and check.clean
        name = layout.relative(folder)
        kinds = ("changed", "missing", "added", "unreadable")
        differences = {kind: getattr(check, kind) for kind in kinds}
        reports.append({"folder": name, "checked": check.checked, **differences})
        if not as_json:
            for kind, files in differences.items():
                for file in files:
                    print(plain(one_line(f"{kind}: {name}/{file}")))
            if check.clean:
                print(plain(one_line(f"{name}: {counted(check.checked, 'file')}, all unchanged")))
    if as_json:
        print_json(reports)
    if not clean:
        tell(
            "the data differs from its recorded checksums; bring the originals back, or accept "
            "the changes with colabctl protect --accept-changes"
        )
        raise typer.Exit(3)
