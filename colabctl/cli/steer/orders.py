"""The commands that steer a sweep; each writes one event to its ledger."""

from pathlib import Path
from typing import Annotated

import typer

from colabctl.cli.options import Member, Root, Sweep, open_project, tell, working_member
from colabctl.cli.terminal import command_line, counted
from colabctl.errors import UserError


def pause(sweep: Sweep, member: Member = None, root: Root = None) -> None:
    """Pause a sweep: running tasks finish, and workers wait."""
    _order(sweep, "pause", member, root)
    tell(f"{sweep} is paused; running tasks finish. Resume it: {command_line('resume', sweep)}")


def resume(sweep: Sweep, member: Member = None, root: Root = None) -> None:
    """Continue a paused or stopped sweep."""
    _order(sweep, "resume", member, root)
    tell(f"{sweep} continues; if it has no workers, start one: {command_line('work', sweep)}")


def stop(sweep: Sweep, member: Member = None, root: Root = None) -> None:
    """Stop a sweep: running tasks finish, then the workers exit."""
    _order(sweep, "stop", member, root)
    tell(f"{sweep} is stopped; running tasks finish. Resume it: {command_line('resume', sweep)}")


def retry(
    sweep: Sweep,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="Only this failed task, such as t000017; can be repeated.",
            show_default="all failed tasks",
        ),
    ] = None,
    worker: Annotated[
        str | None,
        typer.Option(
            "--worker",
            metavar="NAME",
            help="Instead, the tasks of this worker, which is gone; its name or a part of it.",
            show_default=False,
        ),
    ] = None,
    member: Member = None,
    root: Root = None,
) -> None:
    """Make failed tasks, or those of a lost worker, available again, with the same parameters."""
    from colabctl.work.control import retry_failed, retry_lost
    from colabctl.work.open_sweep import OpenSweep

    if task and worker:
        raise UserError("--task is for failed tasks and --worker for held ones; use only one")
    layout, config = open_project(root)
    who = working_member(config, member)
    if worker is not None:
        name, count = retry_lost(OpenSweep.named(layout, sweep), who, worker)
        tasks, are = counted(count, "task"), "is" if count == 1 else "are"
        tell(f"{tasks} of {name} {are} available again; run: {command_line('work', sweep)}")
        return
    count = retry_failed(OpenSweep.named(layout, sweep), who, task)
    are = "is" if count == 1 else "are"
    tell(
        f"{counted(count, 'failed task')} of {sweep} {are} available again; run: "
        f"{command_line('work', sweep)}"
        if count
        else "no task has failed"
    )


def _order(sweep: str, kind: str, member: str | None, root: Path | None) -> None:
    from colabctl.work.control import order
    from colabctl.work.open_sweep import OpenSweep

    layout, config = open_project(root)
    open_sweep = OpenSweep.named(layout, sweep)
    order(open_sweep, working_member(config, member), kind)
