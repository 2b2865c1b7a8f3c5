"""The command that turns this machine into a worker."""

import math
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Member, Root, complete_sweep, open_project, tell, working_member
from colabctl.cli.terminal import command_line, counted
from colabctl.durations import parse_duration
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from colabctl.project.layout import Layout, SweepLayout
    from colabctl.signals import Interruption
    from colabctl.work.limits import Tally
    from colabctl.work.session import Worked

_PATIENCE = 30.0  # seconds that --no-wait waits for a folder that does not answer


def work(
    sweeps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SWEEP",
            help="Sweeps to work on.",
            show_default="all unfinished sweeps",
            autocompletion=complete_sweep,
        ),
    ] = None,
    member: Member = None,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs", "-j", min=1, max=1024, metavar="N", help="Number of tasks to run at a time."
        ),
    ] = 1,
    max_tasks: Annotated[
        int | None,
        typer.Option(
            "--max-tasks",
            min=1,
            metavar="N",
            help="Exit after N tasks; one that is tried again here counts once.",
            show_default="no limit",
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time",
            metavar="TIME",
            help="Exit within this time, such as 11h; a task that would not finish in time is not "
            "started.",
            show_default="no limit",
        ),
    ] = None,
    task_timeout: Annotated[
        str | None,
        typer.Option(
            "--task-timeout",
            metavar="TIME",
            help="Fail a task that takes longer, such as 30m.",
            show_default="`task_timeout` of the sweep or the project, else no limit",
        ),
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Exit when only tasks of other workers are left.")
    ] = False,
    trust_digest: Annotated[
        list[str] | None,
        typer.Option(
            "--trust-digest",
            metavar="DIGEST",
            help="Run only code with this digest, as `colabctl trust` shows it; can be repeated.",
            show_default="code that you declared or approved",
        ),
    ] = None,
    damaged_raw: Annotated[
        bool,
        typer.Option("--damaged-raw", help="Work even if raw data is not as it was recorded."),
    ] = False,
    recover: Annotated[
        bool,
        typer.Option(
            "--recover",
            help="Run no tasks; only recover results that earlier workers kept on this machine.",
        ),
    ] = False,
    root: Root = None,
) -> None:
    """Run tasks until none are left; Ctrl-C releases claimed tasks.

    Exits with 1 if a task that it ran has failed for good, or if the sweep is finished and any of
    its tasks has failed.
    """
    from colabctl.cli.progress import shown
    from colabctl.ledger import check_approved
    from colabctl.project.approvals import approvals_for
    from colabctl.sharedfs.faults import patiently
    from colabctl.signals import Interruption
    from colabctl.views.notice import notice
    from colabctl.work.limits import Limits
    from colabctl.work.session import Session

    layout, config = patiently(lambda: open_project(root), tell=tell, wait=time.sleep)
    if recover:
        _recover(layout)
        return
    timeout = parse_duration(task_timeout, "--task-timeout") if task_timeout else None
    limits = Limits(
        max_tasks=max_tasks,
        until=time.monotonic() + parse_duration(max_time, "--max-time") if max_time else None,
        task_timeout=timeout,
        wait=not no_wait,
        patience=_PATIENCE if no_wait else math.inf,
    )
    approvals = approvals_for(layout.root, os.environ)
    who = working_member(config, member)
    layouts = patiently(lambda: _sweeps(layout, sweeps), tell=tell, wait=time.sleep)
    if not layouts:
        raise UserError("no sweeps yet; declare one: colabctl sweep FILE")
    _check_raw(layout, config.read_only, allow=damaged_raw)
    interrupted = Interruption()
    with shown() as progress:
        session = Session(
            layout=layout,
            config=config,
            member=who,
            limits=limits,
            tell=progress.tell,
            progress=progress.progress,
            jobs=jobs,
            check=partial(
                check_approved,
                approved=trust_digest.__contains__ if trust_digest else approvals.has,
                before=lambda sweep: approvals.latest_plan(config.name, sweep),
            ),
            interrupted=interrupted,
            notice=notice,
        )
        try:
            worked = session.work(layouts, open_only=not sweeps)
        except KeyboardInterrupt:
            if interrupted.is_set():  # a second Ctrl-C
                progress.tell(
                    "left at once; claimed tasks become free when this worker's lease ends"
                )
            raise
    _end(worked, interrupted)


def _check_raw(layout: "Layout", read_only: "Sequence[str]", *, allow: bool) -> None:
    """Raise UserError if raw data is damaged, as far as sizes and times show; print what else is.

    With `allow`, only print it.
    """
    from colabctl.project.raw.damage import findings
    from colabctl.sharedfs.faults import patiently

    try:
        checks = patiently(lambda: list(findings(layout, read_only)), tell=tell, wait=time.sleep)
    except UserError as error:
        if not allow:
            raise UserError(f"{error}; to work all the same, add --damaged-raw") from None
        tell(f"note: {error}")
        return
    for note in (note for each in checks for note in each.notes):
        tell(f"note: {note}")
    damage = [each.damage for each in checks if each.damage]
    for text in damage if allow else ():
        tell(f"note: {text}")
    if damage and not allow:
        raise UserError(f"{chr(10).join(damage)}; to work all the same, add --damaged-raw")


def _end(worked: "list[Worked]", interrupted: "Interruption") -> None:
    """Say what was done and what to do next, and exit with what that means for a script."""
    if len(worked) > 1:
        for each in worked:
            if each.tally.ends or each.tally.ending in _PROBLEMS:
                tell(f"{each.sweep}: {_said(each)}")
        tell(_total(worked))
    elif worked:
        tell(_said(worked[0]))
    else:
        tell("ran 0 tasks: 0 done, 0 failed; no sweep has tasks to run")
    problems = [
        f"{each.sweep}: {_problem(each)}" if len(worked) > 1 else _problem(each)
        for each in worked
        if each.tally.ending in _PROBLEMS
    ]
    if problems:
        raise UserError("\n".join(problems))
    if worked and worked[-1].tally.ending == "interrupted":
        raise typer.Exit(128 + (interrupted.number or 0))
    if any(_has_failed(each) for each in worked):
        raise typer.Exit(1)


def _said(worked: "Worked") -> str:
    """Return what was done for a sweep, why that ended, and the next command."""
    reason, step = _END_REASONS[worked.tally.ending]
    if worked.tally.ending == "nothing to do" and worked.order == "pause":
        reason, step = "the sweep is paused", "resume"
    further = ""
    if _has_failed(worked):
        further = f"; to continue: {command_line(step, worked.sweep)}" if step == "work" else ""
        step = "failures"
    following = f"; next: {command_line(step, worked.sweep)}" if step else ""
    return f"{_counts([worked.tally])}; {reason}{following}{further}"


def _total(worked: "list[Worked]") -> str:
    last = worked[-1].tally.ending
    reason = f"; {_END_REASONS[last][0]}" if last in _STOPPING else ""
    return f"{len(worked)} sweeps: {_counts([each.tally for each in worked])}{reason}"


def _counts(tallies: "Sequence[Tally]") -> str:
    """Return how many tasks ran, and how they ended; one that ran again counts once."""
    ran, attempts = sum(len(each.ends) for each in tallies), sum(each.attempts for each in tallies)
    done, pruned, failed = (
        sum(each.number(end) for each in tallies) for end in ("done", "pruned", "failed")
    )
    for_good = sum(len(each.for_good) for each in tallies)
    counts = [f"{done} done"]
    if pruned:
        counts.append(f"{pruned} pruned")
    counts.append(f"{for_good} failed")
    cancelled = sum(len(each.cancelled) for each in tallies)
    if left := failed - for_good - cancelled:
        counts.append(f"{left} left for another attempt")
    if cancelled:
        counts.append(f"{cancelled} cancelled")
    more = f" ({attempts} attempts)" if attempts > ran else ""
    return f"ran {counted(ran, 'task')}: {', '.join(counts)}{more}"


def _has_failed(worked: "Worked") -> bool:
    """Whether a task failed for good: one that ran here, or one of a sweep that is finished."""
    return bool(worked.tally.for_good or (worked.tally.ending == "finished" and worked.failed))


def _problem(worked: "Worked") -> str:
    advice = _PROBLEMS[worked.tally.ending]
    return f"{worked.tally.reason}; {advice}" if advice else worked.tally.reason


def _sweeps(layout: "Layout", names: list[str] | None) -> list["SweepLayout"]:
    """Return the sweeps to work on: all that are in use, unless some are named."""
    from colabctl.sweeps import check_in_use, find_sweep, sweeps_in_use

    if not names:
        return sweeps_in_use(layout)
    layouts = [find_sweep(layout, name) for name in names]
    for each in layouts:
        check_in_use(each)
    return layouts


def _recover(layout: "Layout") -> None:
    """Record the results that workers on this machine could not write."""
    from colabctl.work.open_sweep import OpenSweep
    from colabctl.work.records.recovery import recover, unsent_events

    problems: list[str] = []
    recoveries = list(unsent_events(layout.root, problems.append))
    for unsent in recoveries:
        try:
            recover(OpenSweep.named(layout, unsent.sweep, unsent.digest), unsent)
        except (UserError, OSError) as error:
            problems.append(f"{unsent.file} stays on this machine: {error}")
            continue
        results = f"the results of {', '.join(unsent.results)}" if unsent.results else "events"
        tell(f"{unsent.sweep}: recovered {results}")
    if problems:
        raise UserError("\n".join(problems))
    if not recoveries:
        tell(f"nothing to recover on this machine for {layout.root}")


_END_REASONS = {
    "finished": ("the sweep is finished", "results"),
    "nothing to do": ("no task is available", "status"),
    "max-tasks": ("reached --max-tasks", "work"),
    "max-time": ("reached --max-time", "work"),
    "target": ("the metric has reached its target", "results"),
    "stopped": ("the sweep is stopped", "resume"),
    "dismissed": ("this worker was stopped (colabctl stop --worker)", "work"),
    "interrupted": ("interrupted; claimed tasks are released", "work"),
    "left": ("the notebook left its loop before the sweep was finished", "work"),
    "failing": ("giving up", "failures"),
    "full": ("the folder is full", ""),
    "unstaged": ("the data of its tasks is not staged on this machine", ""),
    "short": ("the folder is almost full", ""),
    "missing": ("a part of the sweep is missing", ""),
    "silent": ("the folder does not answer", ""),
    "unwritable": ("the folder cannot be written", ""),
}
"""Why a worker ended, and the command that usually comes next."""

_PROBLEMS = {
    "failing": "if the problem is on this machine, fix it and restart the worker; if it is in the "
    "program, fix that and declare it again: colabctl sweep FILE --replace",
    "full": "free space (a Drive's trash counts), then restart the worker",
    "unstaged": "",
    "short": "see what can be deleted: colabctl space --tidy; then restart the worker",
    "missing": "",  # the reason says what to do
    "silent": "restart the worker once the folder answers",
    "unwritable": "check that you may edit the folder, then restart the worker",
}
"""What to do about an end that the user has to fix."""

_STOPPING = (
    "interrupted",
    "dismissed",
    "max-time",
    "max-tasks",
    "full",
    "short",
    "silent",
    "unwritable",
)
