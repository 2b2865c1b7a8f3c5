"""The command that shows all of it on real data."""

from pathlib import Path
from typing import Annotated

import typer


def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where to make the project.")
    ] = Path("colabctl-demo"),
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="Trials of each model on each data set.")
    ] = 10,
) -> None:
    """Make a whole project and run a real sweep in it, with two workers, in under a minute."""
    from colabctl.demo import run

    run(folder.expanduser().absolute(), trials)
