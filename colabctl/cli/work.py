"""The command that turns this machine into a worker."""

import math
import os
import signal
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import (
    Member,
    Root,
    carrier_of_command,
    complete_sweep,
    open_project,
    tell,
    working_member,
)
from colabctl.cli.work_ends import end
from colabctl.durations import parse_duration
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from colabctl.ledger import Plan
    from colabctl.project.layout import Layout, SweepLayout
    from colabctl.remote.carrier import Carrier
    from colabctl.signals import Interruption

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
        int | None,
        typer.Option(
            "--jobs",
            "-j",
            min=1,
            max=1024,
            metavar="N",
            help="Number of tasks to run at a time.",
            show_default="1; on an engine, as many as it has room for",
        ),
    ] = None,
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
    on: Annotated[
        str | None,
        typer.Option(
            "--on",
            metavar="ENGINE",
            help="Run the sweep on an engine, such as slurm or dask; see `colabctl guide engines`.",
            show_default="this machine",
        ),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option(
            "--number",
            "-n",
            min=1,
            max=100_000,
            metavar="N",
            help="With --on: number of workers to start there.",
            show_default="1",
        ),
    ] = None,
    slurm: Annotated[
        list[str] | None,
        typer.Option(
            "--slurm",
            metavar="KEY=VALUE",
            help="With --on slurm: an option of sbatch, such as time=4:00:00; can be repeated.",
            show_default=False,
        ),
    ] = None,
    slurm_setup: Annotated[
        list[str] | None,
        typer.Option(
            "--slurm-setup",
            metavar="LINE",
            help='With --on slurm: a line of shell to run first, such as "module load cuda"; can '
            "be repeated.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --on: show what would be started.")
    ] = False,
    scheduler_file: Annotated[
        Path | None,
        typer.Option(
            "--scheduler-file",
            metavar="FILE",
            help="For --on dask: the file that the Dask scheduler wrote.",
        ),
    ] = None,
    root: Root = None,
) -> None:
    """Run tasks until none are left; Ctrl-C releases claimed tasks.

    Exits with 1 if a task that it ran has failed for good, or if the sweep is finished and any of
    its tasks has failed. With `--on slurm`, it starts workers on a cluster and leaves at once;
    with `--on dask`, it stays, and a Dask cluster runs the tasks.
    """
    from colabctl.cli.progress import shown
    from colabctl.ledger import check_approved
    from colabctl.project.approvals import approvals_for
    from colabctl.remote.carrier import UPLOAD
    from colabctl.sharedfs.faults import patiently
    from colabctl.signals import Interruption
    from colabctl.views.notice import notice
    from colabctl.work.data.stored import NO_STORE
    from colabctl.work.limits import Limits
    from colabctl.work.session import Session

    layout, config = patiently(
        lambda: open_project(root, patience=UPLOAD), tell=tell, wait=time.sleep
    )
    mirror = carrier_of_command()
    if recover:
        _recover(layout)
        return
    carrier = None
    if on is not None:
        from colabctl.cli.engines import OnEngine, engine_of, start_pilots

        passed_on = {
            "--jobs": jobs, "--max-tasks": max_tasks, "--max-time": max_time,
            "--task-timeout": task_timeout, "--no-wait": no_wait, "--damaged-raw": damaged_raw,
        }  # fmt: skip
        asked = OnEngine(
            on, number, slurm or [], slurm_setup or [], dry_run, scheduler_file, passed_on
        )
        engine = engine_of(asked)
        if engine.starter is not None:
            who = working_member(config, member)
            start_pilots(asked, engine.starter, layout, config, who, sweeps or [])
            return
        carrier = engine.carrier
    if carrier is None:
        _check_no_engine(
            {
                "-n": number,
                "--slurm": slurm,
                "--slurm-setup": slurm_setup,
                "--dry-run": dry_run,
                "--scheduler-file": scheduler_file,
            }
        )
    limits = Limits(
        max_tasks=max_tasks,
        until=time.monotonic() + parse_duration(max_time, "--max-time") if max_time else None,
        task_timeout=parse_duration(task_timeout, "--task-timeout") if task_timeout else None,
        wait=not no_wait,
        patience=_PATIENCE if no_wait else math.inf,
    )
    approvals = approvals_for(layout.root, os.environ)
    who = working_member(config, member)
    layouts = patiently(lambda: _sweeps(layout, sweeps), tell=tell, wait=time.sleep)
    _check_raw(layout, config.read_only, allow=damaged_raw)
    interrupted = Interruption()
    approved = partial(
        check_approved,
        approved=trust_digest.__contains__ if trust_digest else approvals.has,
        before=lambda sweep: approvals.latest_plan(config.name, sweep),
    )

    def check(plan: "Plan") -> None:
        if mirror is not None:
            mirror.check_guard(plan)
        approved(plan)

    with _hurried(mirror, interrupted), shown() as progress:
        if mirror is not None:
            mirror.tell = progress.tell
        session = Session(
            layout=layout,
            config=config,
            member=who,
            limits=limits,
            tell=progress.tell,
            progress=progress.progress,
            jobs=jobs or 1,
            carrier=carrier,
            check=check,
            mount_uploads=mirror is None,
            store=NO_STORE if mirror is None else mirror,
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
    end(worked, interrupted)


@contextmanager
def _hurried(mirror: "Carrier | None", interrupted: "Interruption") -> "Iterator[None]":
    """After a signal such as SIGTERM, try only shortly to carry the last results to a store."""
    try:
        yield
    finally:
        if mirror is not None and interrupted.number not in (None, signal.SIGINT):
            mirror.hurry()


def _check_no_engine(options: "Mapping[str, object]") -> None:
    """Raise UserError for an option that only an engine has."""
    for option, value in options.items():
        if value:
            here = "; for several tasks at a time here, use -j" if option == "-n" else ""
            raise UserError(f"{option} is for an engine; say which one, such as --on slurm{here}")


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


def _sweeps(layout: "Layout", names: list[str] | None) -> list["SweepLayout"]:
    """Return the sweeps to work on: all that are in use, unless some are named.

    Raises UserError if there are none.
    """
    from colabctl.sweeps import check_in_use, find_sweep, sweeps_in_use

    layouts = [find_sweep(layout, name) for name in names or ()]
    for each in layouts:
        check_in_use(each)
    if not layouts and not (layouts := sweeps_in_use(layout)):
        raise UserError("no sweeps yet; declare one: colabctl sweep FILE")
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
