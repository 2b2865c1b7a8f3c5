"""The command that creates a notebook for a member."""

from pathlib import Path
from typing import Annotated

import typer

from colabctl.cli.notebook.links import line
from colabctl.cli.options import Member, Root, open_project, working_member


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the notebook.")],
    template: Annotated[
        Path | None,
        typer.Option(
            "--template",
            metavar="FILE",
            help="Notebook whose cells to copy.",
            show_default="template.ipynb in the notebooks folder, if it is there",
        ),
    ] = None,
    member: Member = None,
    root: Root = None,
) -> None:
    """Create a notebook that opens the project, in your own notebooks folder.

    From a template it takes the cells without their outputs, and replaces {{project}}, {{member}}
    and {{name}} in them. Nothing is run, and no file is overwritten.
    """
    from colabctl.project.notebooks.starter import read_template, write_starter
    from colabctl.project.notebooks.wheel import place_wheel
    from colabctl.project.root import check_in_project

    layout, config = open_project(root)
    who = working_member(config, member)
    if template is not None:
        check_in_project(template)
    path = write_starter(layout, who, name, read_template(template) if template else None)
    place_wheel(layout)
    print(line(layout, path))
