"""Runs one task here in the foreground, outside the ledger: nothing of it is recorded."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from colabctl import interrupts
from colabctl.code import frozen
from colabctl.engines.settings import slot_settings
from colabctl.errors import UserError
from colabctl.ledger import Plan, capacity_of, gpu_name, params_of, program_of, task_name
from colabctl.needs import decode, most
from colabctl.notebook.installed import lacks
from colabctl.project.config import Config
from colabctl.run.foreground import Outcome
from colabctl.run.redaction import check_present
from colabctl.run.settings import Settings
from colabctl.run.slots.environment import slot_environs
from colabctl.run.termination import KILL_AFTER, how_it_ended, kill_tree, oom_kills
from colabctl.sharedfs.rights import umask_for
from colabctl.signals import raising
from colabctl.task import Assignment
from colabctl.work.data.staging import staged_data
from colabctl.work.data.stored import NO_STORE
from colabctl.work.identity import machine_here
from colabctl.work.open_sweep import OpenSweep

_KILLING = 3  # presses of Ctrl-C that kill a task,
_AT_ONCE = 5.0  # if they come within these seconds
_POLL = 0.1  # seconds between two looks for them


@dataclass(frozen=True)
class Trial:
    """A task to try: what it runs, and with which parameters.

    `study` is what an Optuna objective learns from, see tuner.py.
    """

    plan: Plan
    code: frozen.Code
    index: int
    params: Mapping[str, Any]
    study: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Tried:
    """How the trial ended, and the folder with the files that it left in `task.folder`, if any."""

    outcome: Outcome
    folder: Path | None
    interrupted: bool = False


def trial_of(sweep: OpenSweep, index: int) -> Trial:
    """Return a declared task to try; its parameters are drawn now if it was never claimed.

    Raises UserError for a task that cannot run alone, or whose parameters are damaged.
    """
    plan = sweep.plan
    program_of(plan)
    _check_kind(plan)
    tuner = sweep.tuner()
    if fault := sweep.tasks.fault(index) or tuner.fault(index):
        raise UserError(fault)
    params = params_of(sweep.ledger.state, sweep.tasks, index)
    if plan.method == "bayes" and sweep.tasks.params(index) is None:
        tuner.prepare()
        proposed = tuner.propose([index])
        params = proposed[index].params if index in proposed else params
    return Trial(plan, sweep.code(), index, params, tuner.history(index))


def study_of(plan: Plan) -> dict[str, Any] | None:
    """Return what an Optuna objective learns from in the first trial; None for other sweeps."""
    if plan.method != "optuna":
        return None
    return {
        "number": 0,
        "goals": plan.goals,
        "sampler": plan.sampler or "tpe",
        "seed": plan.seed,
        "trials": "",
        "distributions": {},
    }


def _check_kind(plan: Plan) -> None:
    if plan.kind == "loop":
        raise UserError(
            f"the tasks of {plan.sweep} run in a loop of {plan.program or 'a notebook or script'}, "
            "so no task runs alone; run its cells, or the script, yourself"
        )
    if plan.is_notebook and (lacking := lacks()):
        raise UserError(lacking)


def run_here(
    trial: Trial,
    config: Config,
    member: str,
    tell: Callable[[str], None],
    bring: Callable[[str], None] = NO_STORE.bring,
) -> Tried:
    """Run a task with this process's terminal, and return how it ended.

    What it puts into `task.folder` is in a temporary folder, which stays if there is anything.
    """
    _check_kind(trial.plan)
    check_present(config.secrets, os.environ)
    if trial.plan.needs:
        _tell_of_needs(trial, tell)
    root = config.root
    data = staged_data(trial.plan, config.layout, tell=tell, bring=bring)
    if data is not None:
        tell(f"staging {', '.join(entry['path'] for entry in (trial.plan.stage or {}).values())}")
        data.stage_now()
    base = Path(tempfile.mkdtemp(prefix="colabctl-try-")).resolve()
    files, scratch = base / "files", base / "run"
    scratch.mkdir()
    try:
        frozen.write(trial.code, scratch / "code")
        [settings] = slot_settings(
            trial.plan,
            root,
            scratch,
            jobs=1,
            kill_after=KILL_AFTER,
            secrets=config.all_secrets,
            tell=tell,
            wait=lambda _: True,
            staged=data.links if data else None,
            foreground=True,
        )
        [environ] = slot_environs(
            root,
            member,
            [settings.code if settings.frozen else None],
            guarded=config.read_only,
            staged=data.variables if data else None,
        )
        assignment = Assignment(
            sweep=trial.plan.sweep,
            task=task_name(trial.index),
            index=trial.index,
            attempt=1,
            params=dict(trial.params),
            folder=str(files),
            root=str(root),
            member=member,
            study=trial.study,
            repeat=trial.index % trial.plan.repeats.count,
        )
        (scratch / "assignment.json").write_text(json.dumps(asdict(assignment)), encoding="utf-8")
        killed_before = oom_kills()
        module = [sys.executable, "-P", "-m", "colabctl.run.foreground"]
        code = _wait([*module, settings.encode(), str(scratch)], settings, environ, tell)
        outcome = Outcome.read(scratch / "outcome.json")
    finally:
        if data is not None:
            data.close()
        shutil.rmtree(scratch, ignore_errors=True)
        if not (files.is_dir() and any(files.iterdir())):
            shutil.rmtree(base, ignore_errors=True)
    if outcome is None:
        outcome = Outcome(error=f"its process {how_it_ended(code, killed_before)}")
    interrupted = code in (130, -signal.SIGINT) or "SIGINT" in outcome.error
    return Tried(outcome, files if files.exists() else None, interrupted)


def _tell_of_needs(trial: Trial, tell: Callable[[str], None]) -> None:
    """Say so if this machine has too little for a task; it is tried all the same."""
    need = most(rule.need for rule in decode(trial.plan.needs) if rule.applies(trial.params))
    machine = machine_here()
    has = capacity_of(trial.plan, machine, 1)
    if lacking := need.lacking(has):
        there = has.of(lacking, gpu_name(machine))
        tell(
            f"note: the task needs {lacking}, and this machine has {there}; no worker here takes it"
        )


def _wait(
    command: list[str],
    settings: Settings,
    environ: Mapping[str, str],
    tell: Callable[[str], None],
) -> int:
    """Run a process to its end, and return its exit code.

    Ctrl-C is for the process alone. The third one in a short time kills it and all it started: a
    debugger may get many, and a task may ignore all of them.
    """
    pressed: deque[float] = deque(maxlen=_KILLING)

    def recent() -> int:
        return sum(time.monotonic() - each < _AT_ONCE for each in pressed)

    # It prints nothing itself: another press could come while it prints.
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(time.monotonic()))
    warned = False
    try:
        with (
            raising(),
            subprocess.Popen(  # noqa: S603 - our own module
                command,
                cwd=settings.cwd,
                env=dict(environ),
                umask=umask_for(Path(settings.root)),
            ) as process,
        ):
            try:
                while recent() < _KILLING:
                    with suppress(subprocess.TimeoutExpired):
                        return process.wait(_POLL)
                    if recent() == _KILLING - 1 and not warned:
                        tell("Ctrl-C once more kills the task")
                        warned = True
                kill_tree(process.pid)
            except BaseException:
                process.kill()
                raise
    finally:
        signal.signal(signal.SIGINT, before)
    tell("the task did not end after Ctrl-C, so it was killed")
    return interrupts.CODE
