"""The command that checks raw data."""

import typer

from colabctl.cli.data.folders import Protectable, chosen_folders
from colabctl.cli.options import Json, Root, open_project, print_json, tell
from colabctl.cli.terminal import counted, one_line, plain


def verify(path: Protectable = None, root: Root = None, as_json: Json = False) -> None:
    """Check that raw data has not changed; exit 3 if it has."""
    from colabctl.project import raw

    layout, config = open_project(root)
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
