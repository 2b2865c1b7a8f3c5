"""All commands, in the groups that `--help` shows."""

from typing import Annotated

import typer

from colabctl.cli import doctor, export, guide, project, sweep, trust, try_task, work
from colabctl.cli.data import protect, restore, space, stage, verify
from colabctl.cli.notebook import diff, merge, new, prepare, workers
from colabctl.cli.plain_values import Commands
from colabctl.cli.see import compare, failures, log, report, results, status
from colabctl.cli.share import mirror, promote, share
from colabctl.cli.steer import archive, extend, orders, tasks
from colabctl.version import VERSION

_START = """\
colabctl shares a machine-learning project in a Google Drive folder.
Every notebook, laptop or server that sees the folder can work on its sweeps.

  colabctl demo                create a project and run a real sweep, in under a minute
  colabctl init                turn the current folder into a project
  colabctl sweep sweep.yaml    declare a sweep; then run it: colabctl work

Read more:

  colabctl guide               the documentation, page by page
  colabctl --help              all commands
"""

app = typer.Typer(
    name="colabctl",
    cls=Commands,
    help="Share a machine-learning project in a Drive folder; every notebook can be a worker.",
    epilog="Documentation: colabctl guide",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(requested: bool) -> None:
    if requested:
        print(VERSION)
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if not (version or context.invoked_subcommand):
        print(_START, end="")


member = typer.Typer(
    cls=Commands, no_args_is_help=True, help="Add, rename, retire or list members of the project."
)
member.command("add")(project.member_add)
member.command("rename")(project.member_rename)
member.command("retire")(project.member_retire)
member.command("list")(project.member_list)
member.command("remove", hidden=True)(project.member_remove)
member.command("delete", hidden=True)(project.member_remove)

notebooks = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    help="Create, compare and merge notebooks, and prepare yours for a sweep.",
)
notebooks.command("new")(new.new)
notebooks.command("diff")(diff.diff)
notebooks.command("merge")(merge.merge)
notebooks.command("prepare")(prepare.prepare)

remote = typer.Typer(
    cls=Commands,
    invoke_without_command=True,
    help="Show the project's store, put the project into one, or forget it.",
)
remote.callback()(mirror.remote_show)
remote.command("add")(mirror.remote_add)
remote.command("remove")(mirror.remote_remove)

app.command(rich_help_panel="Project")(project.init)
app.command(rich_help_panel="Project")(project.demo)
app.command(rich_help_panel="Project")(project.me)
app.add_typer(member, name="member", rich_help_panel="Project")
app.command(rich_help_panel="Data")(protect.protect)
app.command(rich_help_panel="Data")(verify.verify)
app.command(rich_help_panel="Data")(restore.restore)
app.command(rich_help_panel="Data")(stage.stage)
app.command(rich_help_panel="Data")(space.space)
app.command(rich_help_panel="Sweeps")(sweep.sweep)
app.command(rich_help_panel="Sweeps")(extend.extend)
app.command(rich_help_panel="Sweeps")(export.export)
app.add_typer(notebooks, name="notebook", rich_help_panel="Sweeps")
app.command(rich_help_panel="Sweeps")(workers.workers)
app.command(rich_help_panel="Sweeps")(trust.trust)
app.command(rich_help_panel="Work")(work.work)
app.command("try", rich_help_panel="Work")(try_task.try_task)
app.command(rich_help_panel="See")(status.status)
app.command(rich_help_panel="See")(failures.failures)
app.command(rich_help_panel="See")(log.log)
app.command(rich_help_panel="See")(results.results)
app.command(rich_help_panel="See")(report.report)
app.command(rich_help_panel="See")(compare.compare)
app.command(rich_help_panel="See")(guide.guide)
app.command(rich_help_panel="See")(doctor.doctor)
app.command(rich_help_panel="Steer")(orders.pause)
app.command(rich_help_panel="Steer")(orders.resume)
app.command(rich_help_panel="Steer")(orders.stop)
app.command(rich_help_panel="Steer")(tasks.cancel)
app.command(rich_help_panel="Steer")(tasks.retry)
app.command(rich_help_panel="Steer")(tasks.discard)
app.command(rich_help_panel="Steer")(archive.archive)
app.command(rich_help_panel="Share")(promote.promote)
app.command(rich_help_panel="Share")(share.share)
app.command(rich_help_panel="Share")(mirror.clone)
app.add_typer(remote, name="remote", rich_help_panel="Share")
app.command(rich_help_panel="Share")(mirror.sync)
