"""Runs a sweep on an engine: `work --on`, the pilots that `status` shows, `stop --cancel-jobs`."""

import math
import os
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from colabctl.cli.options import confirm, tell
from colabctl.cli.terminal import command_line, counted, one_line
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from colabctl.engines.contract import Carrier, Pilots, Starter
    from colabctl.ledger import SweepState
    from colabctl.project.config import Config
    from colabctl.project.layout import Layout
    from colabctl.work.open_sweep import OpenSweep

_QUICK, _THOROUGH = 1.5, 120.0  # seconds after which no older pilots are looked for


@dataclass(frozen=True)
class OnEngine:
    """The options of `work` that are about an engine.

    Attributes:
        on: The engine: NAME or NAME://ADDRESS.
        number: How many pilots; None for one.
        slurm: KEY=VALUE, for sbatch.
        setup: Lines of shell, which a pilot of SLURM runs first.
        dry_run: Whether to show what would be started.
        scheduler_file: The file of a Dask scheduler.
        passed_on: The options of `work` that a pilot gets: a value, True, or None without one.

    """

    on: str
    number: int | None
    slurm: "Sequence[str]"
    setup: "Sequence[str]"
    dry_run: bool
    scheduler_file: "Path | None"
    passed_on: "Mapping[str, str | int | None]"

    @property
    def jobs(self) -> int:
        """How many tasks a pilot runs at a time."""
        return int(self.passed_on["--jobs"] or 1)

    @property
    def words(self) -> list[str]:
        """The options that a pilot gets, as words."""
        return [
            word
            for option, value in self.passed_on.items()
            if value not in (None, False)
            for word in ([option] if value is True else [option, str(value)])
        ]


@dataclass(frozen=True)
class Chosen:
    """The engine that was chosen, as one of the two kinds."""

    starter: "Starter | None" = None
    carrier: "Carrier | None" = None


def start_pilots(
    asked: OnEngine,
    engine: "Starter",
    layout: "Layout",
    config: "Config",
    member: str,
    sweeps: "Sequence[str]",
) -> None:
    """Start workers of a sweep on an engine, and leave."""
    from colabctl.engines.pilots import start
    from colabctl.run.redaction import check_present
    from colabctl.sharedfs.mounts import PROMISES
    from colabctl.work.open_sweep import OpenSweep

    if len(sweeps) != 1:
        raise UserError(
            f"--on starts workers of one sweep; name it: colabctl work SWEEP --on {asked.on}"
        )
    sweep = OpenSweep.named(layout, sweeps[0])
    left = _tasks_left(sweep, config)
    if not left:
        following = command_line("results", sweep.plan.sweep)
        tell(f"{sweep.plan.sweep} is finished, so no pilot is started; next: {following}")
        return
    check_present(config.secrets, os.environ)
    number = asked.number or 1
    useful = min(number, math.ceil(left / asked.jobs))
    if useful < number:
        tell(f"note: {counted(left, 'task')} left, for which {counted(useful, 'pilot')} will do")
    pilots = _pilots(asked, layout, config, member, sweep, useful)
    if asked.dry_run:
        print(engine.script(pilots), end="")
        tell(f"this would start {counted(useful, 'pilot')}; nothing was started")
        return
    tell(f"{sweep.plan.consistency} folder: {PROMISES[sweep.plan.consistency]}")
    print("\n".join(start(sweep.declared.layout, asked.on, member, engine, pilots)))
    tell(
        f"started {counted(useful, 'pilot')} of {pilots.sweep} on {asked.on}; watch: "
        f"{command_line('status', pilots.sweep)}; cancel those that wait: "
        f"{command_line('stop', pilots.sweep, '--cancel-jobs')}"
    )


def engine_of(asked: OnEngine) -> Chosen:
    """Return the engine; raise UserError if there is none, or if it refuses an option."""
    from colabctl.engines.contract import Carrier, Starter
    from colabctl.engines.find import find_engine

    options: dict[str, str] = {}
    for text in asked.slurm:
        key, _, value = text.partition("=")
        if key in options:
            raise UserError(f"--slurm {key} is given twice; give it once")
        options[key] = value
    if asked.setup:
        options["setup"] = "\n".join(asked.setup)
    if options and asked.on.partition("://")[0] != "slurm":
        raise UserError(f"--slurm and --slurm-setup are for --on slurm, not for --on {asked.on}")
    is_dask = asked.on.partition("://")[0] == "dask"
    if asked.scheduler_file is not None:
        if not is_dask:
            raise UserError(f"--scheduler-file is for --on dask, not for --on {asked.on}")
        options["scheduler-file"] = str(asked.scheduler_file)
    if is_dask and asked.passed_on["--jobs"]:
        options["jobs"] = str(asked.passed_on["--jobs"])
    engine = find_engine(asked.on, options)
    if isinstance(engine, Starter):
        return Chosen(starter=engine)
    if not isinstance(engine, Carrier):
        raise UserError(
            f"--on {asked.on}: this engine neither starts workers nor carries tasks; see: colabctl "
            "guide engines"
        )
    if asked.number or asked.dry_run:
        option = "-n" if asked.number else "--dry-run"
        raise UserError(
            f"{option} is for engines that start workers; {asked.on} carries tasks: use -j for how "
            "many at a time"
        )
    return Chosen(carrier=engine)


def _tasks_left(sweep: "OpenSweep", config: "Config") -> int:
    """Return how many tasks have not ended; raise UserError if no worker may run them now."""
    from colabctl.cli.trust import check_trusted
    from colabctl.ledger import program_of
    from colabctl.sweeps import check_in_use

    check_in_use(sweep.declared.layout)
    program_of(sweep.plan)
    check_trusted(config, sweep.plan)
    sweep.ledger.refresh()
    state = sweep.ledger.state
    left: int = state.total - state.finished
    if left and state.order in ("pause", "stop"):
        raise UserError(
            f"{sweep.plan.sweep} {_standing(state)}, so "
            f"pilots would have nothing to do; first: {command_line('resume', sweep.plan.sweep)}"
        )
    return left


def _standing(state: "SweepState") -> str:
    """Say why no worker may run tasks of a sweep now."""
    from colabctl.ledger import ENDED

    if state.ended:
        return ENDED[state.ended]
    return "is paused" if state.order == "pause" else "is stopped"


def _pilots(
    asked: OnEngine,
    layout: "Layout",
    config: "Config",
    member: str,
    sweep: "OpenSweep",
    count: int,
) -> "Pilots":
    from colabctl.engines.contract import Pilots
    from colabctl.engines.pilots import new_name
    from colabctl.ledger import most_needed
    from colabctl.needs import Need

    root, need = layout.root.absolute(), most_needed(sweep.plan)
    command = [
        sys.executable, "-P", "-m", "colabctl", "work", sweep.plan.sweep, "--root", str(root),
        "--member", member, "--trust-digest", sweep.plan.approved.run_digest, *asked.words,
    ]  # fmt: skip
    return Pilots(
        sweep=sweep.plan.sweep,
        name=new_name(asked.on.partition("://")[0], member),
        command=command,
        count=count,
        environ=config.all_secrets,
        folder=root,
        lease=config.lease or sweep.plan.lease,
        tell=tell,
        needs=Need(need.gpu * asked.jobs, need.gpu_memory, need.memory * asked.jobs),
    )


def pilots_of(sweep: "OpenSweep") -> list[dict[str, Any]]:
    """Return the pending and running pilots of a sweep, for its status."""
    from colabctl.engines.pilots import look

    return [
        {
            "engine": seen.record.engine, "member": seen.record.member, "job": state.job,
            "state": state.state, "count": state.count, "reason": one_line(state.reason),
        }
        for seen in look(sweep.declared.layout, _QUICK)
        for state in seen.states
    ]  # fmt: skip


def cancel_pending(layout: "Layout", sweeps: "Sequence[str]", *, yes: bool) -> None:
    """Cancel this user's pilots that are pending, after showing them."""
    from colabctl.engines.pilots import look
    from colabctl.work.open_sweep import OpenSweep

    pending = []
    for sweep in [OpenSweep.named(layout, name) for name in dict.fromkeys(sweeps)]:
        for seen in look(sweep.declared.layout, _THOROUGH):
            own = [each for each in seen.states if each.own and each.state == "pending"]
            for each in own:
                reason = f" ({each.reason})" if each.reason else ""
                print(one_line(
                    f"{sweep.plan.sweep}: job {each.job} on {seen.record.engine}, "
                    f"{counted(each.count, 'pending pilot')}{reason}"
                ))  # fmt: skip
            if own:
                pending.append((seen, own))
    if not pending:
        tell("no pilots of yours are pending here")
        return
    count = sum(each.count for _, own in pending for each in own)
    confirm(f"Cancel {counted(count, 'pending pilot')}?", yes=yes)
    for seen, own in pending:
        seen.engine.end(seen.record.name, list(dict.fromkeys(each.job for each in own)))
    tell(f"cancelled {counted(count, 'pending pilot')}; running ones end after their tasks")


def pilot_line(pilots: "Sequence[dict[str, Any]]") -> str:
    """Return how many pilots wait, for what, and how many run; "" for none."""
    running = sum(each["count"] for each in pilots if each["state"] == "running")
    reasons: Counter[str] = Counter()
    for each in pilots:
        if each["state"] == "pending":
            reasons[each["reason"]] += each["count"]
    parts = [f"{count:,} pending{f' ({reason})' if reason else ''}"
             for reason, count in reasons.most_common()]  # fmt: skip
    if running:
        parts.append(f"{running:,} running")
    if not parts:
        return ""
    return f"pilots on {', '.join(sorted({each['engine'] for each in pilots}))}: {', '.join(parts)}"
