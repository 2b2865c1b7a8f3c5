"""The command that puts sweeps away, or brings them back."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Member, Root, Yes, confirm, open_project, tell, working_member
from colabctl.cli.terminal import command_line, counted, one_line, plain

if TYPE_CHECKING:
    from colabctl.project.layout import Layout, SweepLayout


def _complete(incomplete: str) -> list[str]:
    """Return the sweeps whose names start with `incomplete`, archived ones too."""
    from colabctl.errors import UserError
    from colabctl.sweeps import every_sweep

    try:
        layout, _ = open_project(None, carry=False)
        return [each.name for each in every_sweep(layout) if each.name.startswith(incomplete)]
    except (UserError, OSError):
        return []


def archive(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP",
            help="Names of sweeps.",
            show_default="list the archived sweeps",
            autocompletion=_complete,
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Bring archived sweeps back.")] = False,
    yes: Yes = False,
    member: Member = None,
    root: Root = None,
) -> None:
    """Put sweeps away: lists and `work` leave them out. Their files stay as they are."""
    from colabctl.project.archive import write_record
    from colabctl.sharedfs.links import check_inside
    from colabctl.sweeps import find_sweep, plan_of

    layout, config = open_project(root)
    if not sweeps:
        _list(layout)
        return
    layouts = [find_sweep(layout, name) for name in dict.fromkeys(sweeps)]
    who = working_member(config, member)
    check_inside(layout.archive, layout.root)  # before workers are stopped
    changing = [each for each in layouts if (each.archived_at is None) != undo]
    if not undo:
        stop_running(layout, who, changing, yes=yes)
    for each in layouts:
        if each not in changing:
            tell(f"{each.name} is {'not archived' if undo else 'archived already'}")
            continue
        plan = plan_of(each)
        write_record(
            layout,
            plan.declared_as or plan.sweep,
            plan.run_digest,
            member=who,
            now=time.time(),
            archived=not undo,
        )
        if undo:
            tell(f"{each.name} is back; see it: {command_line('status', each.name)}")
        else:
            back = command_line("archive", "--undo", each.name)
            tell(f"{each.name} is archived, and its files stay. Bring it back: {back}")


def stop_running(
    layout: "Layout", member: str, sweeps: "Sequence[SweepLayout]", *, yes: bool
) -> None:
    """Stop the workers of sweeps that are to be archived, after a question.

    Raises UserError if no one can be asked.
    """
    from colabctl.work.control import order
    from colabctl.work.open_sweep import OpenSweep

    running = []
    for each in sweeps:
        sweep = OpenSweep.at(layout.root, each)
        sweep.ledger.refresh()
        state, now = sweep.ledger.state, sweep.ledger.clock.now()
        workers = len(state.live_workers(now))
        if workers and state.finished < state.total:
            running.append(sweep)
            held = sum(len(indices) for indices in state.held.values())
            tell(
                f"{sweep.plan.sweep} is running: {counted(workers, 'worker')}, "
                f"{counted(held, 'task')} claimed or running, {state.finished} of {state.total} "
                "finished"
            )
    if running:
        confirm("archive it? Running tasks finish, then its workers exit", yes=yes)
        for sweep in running:
            order(sweep, member, "stop")


def tell_if_archived(sweep: "SweepLayout") -> None:
    """Print a note if a sweep is archived."""
    from colabctl.durations import format_duration

    if sweep.archived_at is not None:
        ago = format_duration(max(0.0, time.time() - sweep.archived_at))
        back = command_line("archive", "--undo", sweep.name)
        tell(f"note: {sweep.name} was archived by {sweep.archived_by} {ago} ago; back: {back}")


def _list(layout: "Layout") -> None:
    from colabctl.durations import format_duration
    from colabctl.sweeps import every_sweep

    archived = [each for each in every_sweep(layout) if each.archived_at is not None]
    for each in archived:
        ago = format_duration(max(0.0, time.time() - (each.archived_at or 0.0)))
        print(plain(one_line(f"{each.name}  archived by {each.archived_by} {ago} ago")))
    if not archived:
        print("no sweep is archived")
