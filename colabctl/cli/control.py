"""The commands that steer a sweep: each is one event in its ledger."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from colabctl.cli.options import Member, Root, Sweep, open_project, tell, working_member
from colabctl.cli.terminal import counted


def pause(sweep: Sweep, member: Member = None, root: Root = None) -> None:
    """Start no new tasks; running tasks finish, and workers wait."""
    _order(sweep, "pause", member, root)
    tell(f"{sweep} pauses once its running tasks are done; go on: {_typed('resume', sweep)}")


def resume(sweep: Sweep, member: Member = None, root: Root = None) -> None:
    """Continue a sweep that was paused or stopped."""
    _order(sweep, "resume", member, root)
    tell(f"{sweep} goes on where there are workers: {_typed('work', sweep)}")


def stop(sweep: Sweep, member: Member = None, root: Root = None) -> None:
    """Start no new tasks; running tasks finish, then the workers exit."""
    _order(sweep, "stop", member, root)
    again = _typed("resume", sweep)
    tell(f"{sweep} stops once its running tasks are done; take it up again: {again}")


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
    member: Member = None,
    root: Root = None,
) -> None:
    """Run failed tasks again, with the same parameters."""
    from colabctl.project.sweeps import find_sweep
    from colabctl.work.control import retry_failed
    from colabctl.work.open_sweep import OpenSweep

    layout, config = open_project(root)
    who = working_member(config, member)
    again = retry_failed(OpenSweep.at(layout.root, find_sweep(layout, sweep)), who, task)
    are = "is" if again == 1 else "are"
    tell(
        f"{counted(again, 'failed task')} of {sweep} {are} open again"
        if again
        else "no task has failed"
    )


def _order(sweep: str, kind: str, member: str | None, root: Path | None) -> None:
    from colabctl.project.sweeps import find_sweep
    from colabctl.work.control import order
    from colabctl.work.open_sweep import OpenSweep

    layout, config = open_project(root)
    opened = OpenSweep.at(layout.root, find_sweep(layout, sweep))
    order(opened, working_member(config, member), kind)


def _typed(command: str, sweep: str) -> str:
    return shlex.join(["colabctl", command, sweep])
