"""Share one machine-learning project in a Drive folder; every notebook works on one sweep."""

from typing import TYPE_CHECKING

# Here and not later: importing a module makes its name an attribute of the package, and
# colabctl.task is to be the function below.
from colabctl.task import Task, from_environment
from colabctl.version import VERSION as __version__  # noqa: N811 - the usual name

if TYPE_CHECKING:
    import os

    from colabctl.api import Project

__all__ = ["__version__", "open", "task"]


def open(  # noqa: A001 - colabctl.open() reads as it should, like gzip.open()
    root: "str | os.PathLike[str] | None" = None, member: str | None = None
) -> "Project":
    """Open the project: at `root`, or found from $COLABCTL_ROOT, the current folder, the Drive.

    In Colab the Drive is mounted first if need be. Raises UserError if there is no project.
    """
    from colabctl.api import open_project  # noqa: PLC0415 - `import colabctl` stays light

    return open_project(root, member)


def task() -> Task:
    """Return the task that this program was started for by `colabctl work`.

    Raises UserError in a program that was started by hand.
    """
    return from_environment()
