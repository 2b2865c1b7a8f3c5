"""The folders of raw data that a command is for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.layout import Layout

Protectable = Annotated[
    Path | None,
    typer.Argument(metavar="DIR", help="Folder of raw data.", show_default="all read-only folders"),
]


def chosen_folders(layout: "Layout", read_only: tuple[str, ...], path: Path | None) -> list[Path]:
    """Return the folder that was named, else all read-only folders.

    Raises UserError if it is not a folder.
    """
    if path is None:
        return [layout.root / folder for folder in read_only]
    here = Path.cwd() / path  # from the current folder, else from the project's
    folder = here if here.is_dir() else layout.root / path
    if not folder.is_dir():
        raise UserError(f"{path} is not a folder, here or in the project {layout.root}")
    return [folder]
