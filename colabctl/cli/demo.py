"""The command that runs a demo project on real data."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the project.")] = Path(
        "colabctl-demo"
    ),
    trials: Annotated[
        int,
        typer.Option("--trials", min=1, metavar="N", help="Trials for each model and data set."),
    ] = 10,
) -> None:
    """Create a project and run a real sweep in it with two workers, in under a minute."""
    from colabctl.demo import run
    from colabctl.project.root import absolute

    run(absolute(folder), trials)
