"""The command that compares two notebooks, cell by cell."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from colabctl.cli.notebook.links import content_of
from colabctl.cli.notebook.shown_difference import counts, lines, show
from colabctl.cli.options import Json, print_json


def diff(
    old: Annotated[Path, typer.Argument(metavar="A", help="A notebook.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="Another version of it.")],
    everything: Annotated[
        bool,
        typer.Option(
            "--all", help="Also compare the text of outputs, ids, execution counts and metadata."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare two notebooks, cell by cell; exit 3 if they differ.

    Lines of A start with -, lines of B with +. Outputs are described in a few words. Exit code 0
    means that the notebooks are the same; 1 is for an error, unlike with diff.
    """
    from colabctl.notebook.versions.differences import compare
    from colabctl.notebook.versions.saved import read_saved

    before, after = (read_saved(content_of(path), str(path)) for path in (old, new))
    difference = compare(before, after, everything=everything)
    if as_json:
        print_json(
            {
                "a": str(old),
                "b": str(new),
                "same": difference.is_same,
                "cells": [asdict(cell) for cell in difference.cells if not cell.is_same],
                "metadata": difference.lines,
            }
        )
    else:
        show(iter([("-", str(old)), ("+", str(new)), ("", counts(difference))]))
        if not difference.is_same:
            show(lines(difference))
    if not difference.is_same:
        raise typer.Exit(3)
