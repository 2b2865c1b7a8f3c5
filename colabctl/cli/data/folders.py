"""The folders of raw data that a command is for, and lists of their files."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import tell
from colabctl.cli.terminal import one_line
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.layout import Layout

_MOST_LISTED = 20  # files that are listed on the screen

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


def tell_each(title: str, names: Collection[str], *, json: bool = True) -> None:
    """List the first names on stderr, and say how many more there are."""
    for name in list(names)[:_MOST_LISTED]:
        tell(f"  {title}: {one_line(name)}")
    if len(names) > _MOST_LISTED:
        where = ", which --json lists" if json else ""
        tell(f"  {title}: {len(names) - _MOST_LISTED:,} more{where}")
