"""The command that turns this machine into a worker."""

import os
import time
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import Member, Root, complete_sweep, open_project, tell, working_member
from colabctl.cli.terminal import counted
from colabctl.durations import parse_duration
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.ledger import Plan, SweepState
    from colabctl.project.layout import Layout

_SAY_EVERY = 10.0  # seconds between lines of progress


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
            "--max-tasks",
            min=1,
            metavar="N",
            help="Exit after N tasks.",
            show_default="no limit",
        ),
    ] = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time",
            metavar="TIME",
            help="Exit within this time, such as 11h; start no task that would not finish in it.",
            show_default="no limit",
        ),
    ] = None,
    task_timeout: Annotated[
        str | None,
        typer.Option(
            "--task-timeout",
            metavar="TIME",
            help="Fail a task that takes longer, such as 30m.",
            show_default="as the sweep or the project says, else no limit",
        ),
    ] = None,
    no_wait: Annotated[
        bool,
        typer.Option("--no-wait", help="Exit when the only tasks left are running elsewhere."),
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
            help="Run nothing; only record results that earlier workers kept on this machine.",
        ),
    ] = False,
    root: Root = None,
) -> None:
    """Run tasks until none are left; Ctrl-C gives claimed tasks back."""
    from colabctl.project.approvals import approvals_for
    from colabctl.project.sweeps import find_sweep, sweep_names
    from colabctl.work.limits import Limits
    from colabctl.work.session import Session

    layout, config = open_project(root)
    if recover:
        _recover(layout)
        return
    timeout = parse_duration(task_timeout, "--task-timeout") if task_timeout else None
    limits = Limits(
        max_tasks=max_tasks,
        until=time.monotonic() + parse_duration(max_time, "--max-time") if max_time else None,
        task_timeout=timeout,
        wait=not no_wait,
    )
    approvals = approvals_for(layout.root, os.environ)
    session = Session(
        layout=layout,
        config=config,
        member=working_member(config, member),
        limits=limits,
        tell=tell,
        progress=_Progress(),
        jobs=jobs,
        trusts=lambda digest: digest in trust_digest if trust_digest else approvals.has(digest),
    )
    names = sweeps or sweep_names(layout)
    if not names:
        raise UserError("no sweep to work on; declare one: colabctl sweep FILE")
    tallies = session.work([find_sweep(layout, name) for name in names], open_only=not sweeps)
    done, pruned, failed = (
        sum(getattr(each, count) for each in tallies) for count in ("done", "pruned", "failed")
    )
    last = tallies[-1] if tallies else None
    why = _WHY[last.ending] if last else "no sweep needs a worker"
    stopped = f"{pruned} stopped early, " if pruned else ""
    ran = counted(done + pruned + failed, "task")
    tell(f"ran {ran}: {done} done, {stopped}{failed} failed; {why}")
    if last and last.ending == "hopeless":
        raise UserError(
            f"{last.reason}; if this machine is at fault, mend it and start this worker again; if "
            "the program is, mend it and declare it under another name: colabctl sweep FILE --name"
        )
    if last and last.ending == "full":
        raise UserError(f"{last.reason}; make room (a Drive's Trash counts too), then start again")
    if last and last.ending == "unwritable":
        raise UserError(f"{last.reason}; see that you may edit the folder, then start again")


def _recover(layout: "Layout") -> None:
    """Bring in what workers on this machine could not write."""
    from colabctl.project.sweeps import find_sweep
    from colabctl.work.open_sweep import OpenSweep
    from colabctl.work.recovery import bring_in, kept_for

    found = False
    for kept in kept_for(layout.root):
        found = True
        sweep = OpenSweep.at(layout.root, find_sweep(layout, kept.sweep))
        bring_in(sweep, kept)
        tell(f"{kept.sweep}: brought in the results of {', '.join(kept.results) or 'no task'}")
    if not found:
        tell(f"nothing is kept on this machine for {layout.root}")


_WHY = {
    "finished": "the sweep is finished",
    "nothing to do": "no task is free to run",
    "max-tasks": "that is --max-tasks",
    "max-time": "that is --max-time",
    "target": "the metric has reached its target",
    "stopped": "the sweep was stopped",
    "interrupted": "interrupted, what was held is given back",
    "left": "the notebook has left its loop before the sweep was finished",
    "hopeless": "giving up",
    "full": "the folder is full",
    "unwritable": "the folder cannot be written",
}


class _Progress:
    """Says now and then how far the sweep is: a line each, as Colab shows no moving bars."""

    def __init__(self) -> None:
        self._said = time.monotonic() - _SAY_EVERY
        self._finished = -1

    def __call__(self, plan: "Plan", state: "SweepState") -> None:
        now = time.monotonic()
        if state.finished == self._finished or now - self._said < _SAY_EVERY:
            return
        self._said, self._finished = now, state.finished
        failed = f", {state.counts['failed']} failed" if state.counts["failed"] else ""
        tell(f"{plan.sweep}: {state.finished}/{state.total}{failed}")
