"""The command that shows all of it on real data."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to make the project in.")
    ] = Path("colabctl-demo"),
    trials: Annotated[
        int,
        typer.Option("--trials", min=1, metavar="N", help="Trials of each model on each data set."),
    ] = 10,
) -> None:
    """Make a project and run a real sweep in it with two workers, in under a minute."""
    from colabctl.demo import run

    run(folder.expanduser().absolute(), trials)
