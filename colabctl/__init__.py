"""Share one machine-learning project in a Drive folder; every notebook works on one sweep."""

# ruff: noqa: E402 - an old Python and Ctrl-C are seen to before the imports that take a while

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a checkout runs without an installer that checks
    sys.exit(f"colabctl needs Python 3.11 or newer, but this is {sys.version.split()[0]}")

from colabctl import interrupts

interrupts.quit_if_command()

from typing import TYPE_CHECKING

# At the top, because importing the module sets colabctl.task, which must be the function below.
from colabctl.task import Task, from_environment
from colabctl.version import VERSION as __version__  # noqa: N811 - the usual name

if TYPE_CHECKING:
    import os

    from colabctl.api.project import Project

__all__ = ["__version__", "open", "task"]


def open(  # noqa: A001 - colabctl.open() reads as it should, like gzip.open()
    root: "str | os.PathLike[str] | None" = None, member: str | None = None
) -> "Project":
    """Open a project; in Colab, mount the Drive first if it is not mounted.

    Args:
        root: The project's folder. By default it is found from COLABCTL_ROOT, from the current
            folder upwards, or on the Drive.
        member: Who you are. By default COLABCTL_MEMBER, or the project's only member.

    Raises:
        UserError: There is no project, or you are not one of its members.

    """
    from colabctl.api.project import open_project  # noqa: PLC0415 - `import colabctl` stays light

    return open_project(root, member)


def task() -> Task:
    """Return the task for which `colabctl work` started this program.

    Raises:
        UserError: The program was not started by `colabctl work`.

    """
    return from_environment()
