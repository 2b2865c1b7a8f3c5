"""The program as a whole: its commands in the order in which people meet them."""

from typing import Annotated

import typer

from colabctl.cli import (
    control,
    demo,
    doctor,
    notebook,
    project,
    results,
    status,
    sweep,
    trust,
    work,
)
from colabctl.version import VERSION

app = typer.Typer(
    name="colabctl",
    help="Share one machine-learning project in a Drive folder; every notebook works on one sweep.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(VERSION)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


member = typer.Typer(no_args_is_help=True, help="Add and list the members of the project.")
member.command("add")(project.member_add)
member.command("list")(project.member_list)

notebooks = typer.Typer(no_args_is_help=True, help="Write notebooks to begin with.")
notebooks.command("new")(notebook.new)

app.command()(demo.demo)
app.command()(project.init)
app.command()(project.me)
app.add_typer(member, name="member")
app.command()(project.protect)
app.command()(project.verify)
app.command(cls=sweep.SweepCommand)(sweep.sweep)
app.add_typer(notebooks, name="notebook")
app.command()(notebook.workers)
app.command()(work.work)
app.command()(trust.trust)
app.command()(status.status)
app.command()(results.results)
app.command()(control.pause)
app.command()(control.resume)
app.command()(control.stop)
app.command()(control.retry)
app.command()(doctor.doctor)
