"""The commands that steer whole sweeps, or a worker; each writes one event to a ledger."""

from pathlib import Path
from typing import Annotated

import typer

from colabctl.cli.options import Member, Root, Sweeps, Yes, open_project, tell, working_member
from colabctl.cli.terminal import command_line, one_line
from colabctl.errors import UserError


def pause(sweeps: Sweeps, member: Member = None, root: Root = None) -> None:
    """Pause sweeps: running tasks finish, and workers wait."""
    for sweep in _order(sweeps, "pause", member, root):
        tell(f"{sweep} is paused; running tasks finish. Resume it: {command_line('resume', sweep)}")


def resume(sweeps: Sweeps, member: Member = None, root: Root = None) -> None:
    """Continue sweeps that are paused, stopped, or ended by a target, budget or patience.

    To set another budget or patience, change the file: `colabctl sweep FILE --extend`.
    """
    beyond = set[str]()
    for sweep in _order(sweeps, "resume", member, root, beyond):
        how = " beyond what had ended it, for good" if sweep in beyond else ""
        next_step = f"if it has no workers, start one: {command_line('work', sweep)}"
        tell(f"{sweep} continues{how}; {next_step}")


def stop(
    sweeps: Sweeps,
    worker: Annotated[
        str | None,
        typer.Option(
            "--worker",
            metavar="NAME",
            help="Instead, let this worker exit; its name or a part of it.",
            show_default=False,
        ),
    ] = None,
    cancel_jobs: Annotated[
        bool,
        typer.Option(
            "--cancel-jobs",
            help="Also cancel your workers that wait in a cluster's queue, after showing them.",
        ),
    ] = False,
    yes: Yes = False,
    member: Member = None,
    root: Root = None,
) -> None:
    """Stop sweeps: running tasks finish, then the workers exit."""
    if worker is not None:
        if cancel_jobs:
            raise UserError("--worker lets one worker exit; use --cancel-jobs without it")
        _dismiss(sweeps, worker, member, root)
        return
    for sweep in _order(sweeps, "stop", member, root):
        tell(
            f"{sweep} is stopped; running tasks finish. Resume it: {command_line('resume', sweep)}"
        )
    if cancel_jobs:
        from colabctl.cli.engines import cancel_pending

        cancel_pending(open_project(root)[0], sweeps, yes=yes)


def _dismiss(sweeps: list[str], worker: str, member: str | None, root: Path | None) -> None:
    from colabctl.work.control import dismiss
    from colabctl.work.open_sweep import OpenSweep

    if len(sweeps) > 1:
        raise UserError("--worker is for a worker of one sweep; give only that one")
    layout, config = open_project(root)
    who = working_member(config, member)
    name = dismiss(OpenSweep.named(layout, sweeps[0]), who, worker)
    tell(
        f"{name} finishes the tasks that it runs, and exits; if it is gone: "
        f"{command_line('retry', sweeps[0], '--worker', name)}"
    )


def _order(
    sweeps: list[str],
    kind: str,
    member: str | None,
    root: Path | None,
    beyond: set[str] | None = None,
) -> list[str]:
    """Record an order for each sweep, none if one cannot be opened.

    Returns the names of the sweeps for which it was recorded, and says why of the others. Those
    that a resume continues beyond what had ended them are added to `beyond`.
    """
    from colabctl.work.control import continues_beyond, order
    from colabctl.work.open_sweep import OpenSweep

    layout, config = open_project(root)
    open_sweeps = [OpenSweep.named(layout, sweep) for sweep in dict.fromkeys(sweeps)]
    who = working_member(config, member)
    ordered = []
    for sweep in open_sweeps:
        name = sweep.plan.sweep
        if beyond is not None:
            sweep.ledger.refresh()
            beyond.update([name] if continues_beyond(sweep.ledger.state) else ())
        if why := order(sweep, who, kind):
            tell(one_line(f"{name} {why}"))
        else:
            ordered.append(name)
    return ordered
