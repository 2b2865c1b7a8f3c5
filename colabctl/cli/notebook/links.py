"""How the commands about notebooks print one, and the content of the file that a user names."""

from pathlib import Path
from typing import TYPE_CHECKING

from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.project.layout import Layout

_LARGEST = 1 << 30  # bytes of a notebook, most of which are outputs


def content_of(notebook: Path) -> bytes:
    """Return the content of a notebook's file.

    Raises UserError if there is none, and if a link leads out of the project that it is in.
    """
    from colabctl.project.root import check_in_project
    from colabctl.sharedfs.files import read_file

    check_in_project(notebook)
    try:
        return read_file(notebook, _LARGEST)
    except OSError as error:
        raise UserError(f"{notebook}: {error.strerror}; give the path of a notebook") from None


def line(layout: "Layout", path: Path) -> str:
    """Return a notebook's path, and a link that opens it in Colab if its Drive id is known."""
    from colabctl.project.notebooks.rendering import colab_link

    link = colab_link(path)
    return f"{layout.relative(path)}  {link}" if link else layout.relative(path)
