"""The command that turns this machine into a worker."""

import math
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Member, Root, complete_sweep, open_project, tell, working_member
from colabctl.cli.terminal import counted
from colabctl.durations import parse_duration
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.ledger import Plan, SweepState
    from colabctl.project.layout import Layout, SweepLayout

_PATIENCE = 30.0  # seconds that --no-wait waits for a folder that does not answer
_PROGRESS_INTERVAL = 10.0  # seconds between lines of progress


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
        typer.Option("--jobs", "-j", min=1, metavar="N", help="Number of tasks to run at a time."),
    ] = 1,
    max_tasks: Annotated[
        int | None,
        typer.Option(
            "--max-tasks", min=1, metavar="N", help="Exit after N tasks.", show_default="no limit"
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
    recover: Annotated[
        bool,
        typer.Option(
            "--recover",
            help="Run no tasks; only recover results that earlier workers kept on this machine.",
        ),
    ] = False,
    root: Root = None,
) -> None:
    """Run tasks until none are left; Ctrl-C releases claimed tasks."""
    from colabctl.ledger import check_approved
    from colabctl.project.approvals import approvals_for
    from colabctl.sharedfs.faults import patiently
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
    session = Session(
        layout=layout,
        config=config,
        member=working_member(config, member),
        limits=limits,
        tell=tell,
        progress=_ProgressPrinter(),
        jobs=jobs,
        check=partial(
            check_approved,
            approved=trust_digest.__contains__ if trust_digest else approvals.has,
            before=lambda sweep: approvals.latest_plan(config.name, sweep),
        ),
    )
    layouts = patiently(lambda: _sweeps(layout, sweeps), tell=tell, wait=time.sleep)
    if not layouts:
        raise UserError("no sweeps yet; declare one: colabctl sweep FILE")
    tallies = session.work(layouts, open_only=not sweeps)
    done, pruned, failed = (
        sum(getattr(tally, count) for tally in tallies) for count in ("done", "pruned", "failed")
    )
    last = tallies[-1] if tallies else None
    reason = _END_REASONS[last.ending] if last else "no sweep has tasks to run"
    pruned_count = f"{pruned} pruned, " if pruned else ""
    ran = counted(done + pruned + failed, "task")
    tell(f"ran {ran}: {done} done, {pruned_count}{failed} failed; {reason}")
    if last and last.ending == "missing":  # the reason says what to do
        raise UserError(last.reason)
    if last and last.ending in _NEXT_STEPS:
        raise UserError(f"{last.reason}; {_NEXT_STEPS[last.ending]}")


def _sweeps(layout: "Layout", names: list[str] | None) -> list["SweepLayout"]:
    """Return the sweeps to work on: all of them, unless some are named."""
    from colabctl.sweeps import every_sweep, find_sweep

    if names:
        return [find_sweep(layout, name) for name in names]
    return every_sweep(layout)


def _recover(layout: "Layout") -> None:
    """Record the results that workers on this machine could not write."""
    from colabctl.work.open_sweep import OpenSweep
    from colabctl.work.recovery import recover, unsent_events

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
    "finished": "the sweep is finished",
    "nothing to do": "no task is available",
    "max-tasks": "reached --max-tasks",
    "max-time": "reached --max-time",
    "target": "the metric has reached its target",
    "stopped": "the sweep is stopped; resume it: colabctl resume SWEEP",
    "interrupted": "interrupted; claimed tasks are released",
    "left": "the notebook left its loop before the sweep was finished",
    "failing": "giving up",
    "full": "the folder is full",
    "missing": "a part of the sweep is missing",
    "silent": "the folder does not answer",
    "unwritable": "the folder cannot be written",
}
_NEXT_STEPS = {
    "failing": "if the problem is on this machine, fix it and restart the worker; if it is in the "
    "program, fix that and declare it under another name: colabctl sweep FILE --name NAME",
    "full": "free space (a Drive's trash counts), then restart the worker",
    "silent": "restart the worker once the folder answers",
    "unwritable": "check that you may edit the folder, then restart the worker",
}


class _ProgressPrinter:
    """Prints the progress of a sweep as lines, because Colab shows no progress bars."""

    def __init__(self) -> None:
        self._printed = time.monotonic() - _PROGRESS_INTERVAL
        self._finished = -1

    def __call__(self, plan: "Plan", state: "SweepState") -> None:
        now = time.monotonic()
        if state.finished == self._finished or now - self._printed < _PROGRESS_INTERVAL:
            return
        self._printed, self._finished = now, state.finished
        failed = f", {state.counts['failed']} failed" if state.counts["failed"] else ""
        tell(f"{plan.sweep}: {state.finished}/{state.total}{failed}")
