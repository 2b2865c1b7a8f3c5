"""One `colabctl work`: its sweeps in turn, their frozen code on this machine, its signals."""

import json
import os
import shlex
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger import Plan, SweepState
from colabctl.project import frozen_code as frozen
from colabctl.project.config import Config
from colabctl.project.layout import Layout, SweepLayout
from colabctl.run.notebook.loop_process import VARIABLE, LoopSettings, Orders
from colabctl.run.notebook.loop_process import run as run_loop
from colabctl.run.redaction import check_present, concealer
from colabctl.run.settings import Settings
from colabctl.run.slot import Outcome, Slot
from colabctl.run.termination import KILL_AFTER
from colabctl.sharedfs.faults import fault_of
from colabctl.sharedfs.uploads import wait_until_uploaded
from colabctl.work.environment import slot_environs
from colabctl.work.identity import is_marked, new_identity, new_mark
from colabctl.work.limits import Limits, Tally
from colabctl.work.open_sweep import OpenSweep
from colabctl.work.recovery import save_unsent
from colabctl.work.worker import Worker

# Seconds. --max-time ends the tasks so much earlier that what was written can be uploaded.
_DRAIN = 60.0
_UPLOAD = 600.0
# Endings after which there is no use in going on with the next sweep.
_FINAL = frozenset({"interrupted", "max-time", "max-tasks", "failing", "full", "unwritable"})
_ARRIVAL = 300.0  # seconds that the files of a new sweep may take to arrive
_AGAIN = 1.0  # seconds between looks at sweeps that others finish


@dataclass(frozen=True)
class Session:
    """What the person who starts `work` wants and sees.

    jobs      tasks at a time
    trusts    whether the member has written or approved what has this digest (Plan.run_digest)
    tell      takes sentences; progress is called now and then with the plan and the state
    """

    layout: Layout
    config: Config
    member: str
    limits: Limits
    tell: Callable[[str], None]
    progress: Callable[[Plan, SweepState], None]
    trusts: Callable[[str], bool]
    jobs: int = 1
    interrupted: threading.Event = field(default_factory=threading.Event)

    def work(self, sweeps: Sequence[SweepLayout], *, open_only: bool = False) -> list[Tally]:
        """Work on sweeps, one after the other, until none of them needs this worker.

        With `open_only` those are passed over that are finished, or run by a notebook's loop.
        Raises UserError for a sweep whose code or plan cannot be used.
        """
        check_present(self.config.secrets, os.environ)
        opened = list(self._open(sweeps, open_only=open_only))
        tallies: list[Tally] = []
        with _signals(self.interrupted):
            while opened:
                alone = len(opened) == 1
                for sweep in list(opened):
                    ran = sum(each.ran for each in tallies)
                    tally = self._work_on(sweep, ran=ran, wait=alone and self.limits.wait)
                    tallies.append(tally)
                    if tally.ending in _FINAL:
                        return tallies
                    if tally.ending != "nothing to do" or not self.limits.wait:
                        opened.remove(sweep)
                if len(opened) > 1:
                    self.interrupted.wait(_AGAIN)
                opened = [_opened_again(sweep) for sweep in opened]
        return tallies

    def _open(self, sweeps: Sequence[SweepLayout], *, open_only: bool) -> Iterator[OpenSweep]:
        for sweep in sweeps:
            try:
                opened = OpenSweep.at(self.layout.root, sweep)
                if open_only and not _needs_work(opened):
                    continue
                _check_runnable(opened.plan)
                self._check_trusted(opened.plan)
            except UserError as wrong:
                if not open_only:  # it was asked for by name
                    raise
                self.tell(f"note: {wrong}")
                continue
            yield opened

    def _check_trusted(self, plan: Plan) -> None:
        if not self.trusts(plan.run_digest):
            raise UserError(
                f"sweep {plan.sweep} runs code that you have neither declared nor approved "
                f"(declared by {plan.declared_by}, digest {plan.run_digest[:12]}); look at it and "
                f"approve it: colabctl trust {shlex.quote(plan.sweep)}"
            )

    def _work_on(self, sweep: OpenSweep, *, ran: int, wait: bool) -> Tally:
        self._check_trusted(sweep.plan)  # the plan that is used from here on, and no other
        fetched = self._fetch(sweep)
        if fetched is None:
            return Tally(ending="interrupted")
        with tempfile.TemporaryDirectory(
            prefix="colabctl-work-", ignore_cleanup_errors=True
        ) as scratch:
            code = Path(scratch) / "code"
            frozen.write(fetched, code)
            environs = slot_environs(self.layout.root, self.member, self.jobs)
            if sweep.plan.kind == "loop":
                return self._run_loop(sweep, code, environs[0], ran=ran)

            def make_slots(outcomes: "deque[Outcome]", wake: Callable[[], None]) -> list[Slot]:
                return [
                    Slot(self._settings(sweep.plan, code, number), environ, outcomes, wake)
                    for number, environ in enumerate(environs)
                ]

            worker = Worker(
                sweep=sweep,
                identity=new_identity(sweep.plan, self.config, self.member, self.jobs),
                limits=self._limits(sweep.plan, ran=ran, wait=wait),
                make_slots=make_slots,
                tell=self.tell,
                progress=lambda state: self.progress(sweep.plan, state),
                interrupted=self.interrupted,
                conceal=concealer(self.config.secrets, os.environ),
            )
            tally = worker.run()
        if tally.unsent:
            self._keep(sweep)
        elif sweep.ledger.name and sweep.plan.consistency == "eventual":
            self._see_uploaded(sweep, [sweep.ledger.name])
        return tally

    def _run_loop(
        self, sweep: OpenSweep, code: Path, environ: Mapping[str, str], *, ran: int
    ) -> Tally:
        """Run the notebook that loops over the tasks of a sweep."""
        plan, mark = sweep.plan, new_mark()
        assert plan.program is not None
        if self.jobs > 1:
            self.tell(
                f"note: {plan.program} claims its tasks itself, one at a time: -j is of no use"
            )
        limits = self._limits(plan, ran=ran, wait=True)
        name = new_identity(plan, self.config, self.member, mark=mark).name
        settings = LoopSettings(
            notebook=str(code / plan.program),
            root=str(self.layout.root),
            keep_in=str(sweep.layout.runs / name),
            kernels=dict(plan.kernels or {}),
            secrets=list(self.config.secrets),
        )
        self._show(sweep)
        orders = json.dumps(Orders(mark, limits.max_tasks))

        def late() -> bool:
            return limits.until is not None and time.monotonic() >= limits.until

        wrong = run_loop(
            settings,
            {**environ, VARIABLE: orders},
            lambda: self.interrupted.is_set() or late(),
            self._kill_after,
        )
        self._show(sweep)
        state = sweep.ledger.state
        mine = {each.name: each for each in state.writers.values() if is_marked(each.name, mark)}
        tally = Tally(
            done=sum(each.done - each.pruned for each in mine.values()),
            pruned=sum(each.pruned for each in mine.values()),
            failed=sum(each.failed for each in mine.values()),
        )
        if self.interrupted.is_set():
            tally.ending = "interrupted"
        elif late():
            tally.ending = "max-time"
        elif wrong:
            tally.ending, tally.reason = "failing", f"{plan.program}: {wrong}"
        elif state.finished == state.total:
            tally.ending = "finished"
        elif state.order == "stop":
            tally.ending = "target" if state.reached_target else "stopped"
        elif limits.max_tasks is not None and tally.ran >= limits.max_tasks:
            tally.ending = "max-tasks"
        else:
            tally.ending = "left"
            if not mine:
                self.tell(f"note: {plan.program} has asked for no task of sweep {plan.sweep}")
        held = sum(len(state.held.get(name, ())) for name in mine)
        if held:
            self.tell(f"{held} tasks are free again once {plan.lease:g} s have gone by")
        if plan.consistency == "eventual":
            self._see_uploaded(sweep, mine)
        return tally

    def _show(self, sweep: OpenSweep) -> None:
        sweep.ledger.refresh()
        self.progress(sweep.plan, sweep.ledger.state)

    @property
    def _kill_after(self) -> float:
        return KILL_AFTER if self.config.kill_after is None else self.config.kill_after

    def _fetch(self, sweep: OpenSweep) -> frozen.Code | None:
        """Read the frozen code; on a Drive, wait until it and the tasks have arrived here.

        Returns None if this is interrupted while it waits.
        """
        patience = _ARRIVAL if sweep.plan.consistency == "eventual" else 0.0
        until = time.monotonic() + patience
        told = False
        while True:
            try:
                if patience and not (sweep.layout.journal.is_dir() and sweep.tasks.arrived()):
                    raise UserError(f"{sweep.layout.root} has not arrived whole; try again later")
                return sweep.code()
            except (UserError, OSError) as wrong:
                lasting = isinstance(wrong, OSError) and fault_of(wrong) != "passing"
                if lasting or time.monotonic() >= until:
                    raise
            if self.interrupted.wait(_AGAIN):
                return None
            if not told:
                self.tell(f"waiting until all files of sweep {sweep.plan.sweep} have arrived here")
                told = True

    def _limits(self, plan: Plan, *, ran: int, wait: bool) -> Limits:
        most = None if self.limits.max_tasks is None else self.limits.max_tasks - ran
        until = self.limits.until
        if until is not None and plan.consistency == "eventual":
            left = until - time.monotonic()
            until -= min(_DRAIN, left / 10)
        # An option for this worker wins over the sweep's own, and that over the project's.
        timeout = self.limits.task_timeout or plan.task_timeout or self.config.task_timeout
        return replace(
            self.limits,
            max_tasks=most,
            wait=wait,
            until=until,
            task_timeout=timeout,
            kill_after=self._kill_after,
        )

    def _keep(self, sweep: OpenSweep) -> None:
        self.tell(save_unsent(sweep).notice)

    def _see_uploaded(self, sweep: OpenSweep, workers: Iterable[str]) -> None:
        """Wait until these journals are on the Drive, or say that it cannot be told.

        Who has interrupted this worker wants to go: then it says only what is not there yet.
        """
        files = [
            path
            for worker in workers
            for path in (sweep.layout.journal / worker).rglob("*.jsonl")
            if path.is_file()
        ]
        longest = time.monotonic() + (0.0 if self.interrupted.is_set() else _UPLOAD)
        until = longest if self.limits.until is None else min(longest, self.limits.until + _DRAIN)
        left = wait_until_uploaded(
            files,
            until=lambda: time.monotonic() >= until or self.interrupted.is_set(),
            sleep=self.interrupted.wait,
        )
        if left is None:
            self.tell(
                "this mount does not tell whether files are uploaded; in Colab, end with "
                "drive.flush_and_unmount() before the machine goes"
            )
        elif left:
            self.tell(f"{len(left)} files of this worker's journal are not uploaded yet; wait "
                      "before you close this machine")  # fmt: skip
        else:
            self.tell("all results are uploaded")

    def _settings(self, plan: Plan, code: Path, number: int) -> Settings:
        return Settings(
            program=plan.program or "",
            kind=plan.kind,
            prunes=plan.early_terminate is not None,
            command=list(plan.command) if plan.command else None,
            code=str(code),
            root=str(self.layout.root),
            log=str(code.parent / f"slot-{number}.log"),
            kill_after=self._kill_after,
            kernels=dict(plan.kernels) if plan.kernels else None,
            secrets=list(self.config.secrets),
        )


def _opened_again(sweep: OpenSweep) -> OpenSweep:
    """Return a sweep with a ledger that has not been joined; as it was if the folder fails."""
    try:
        return OpenSweep.at(sweep.root, sweep.layout)
    except OSError as fault:
        if fault_of(fault) != "passing":
            raise
        return sweep


def _check_runnable(plan: Plan) -> None:
    if plan.program is None:
        raise UserError(
            f"sweep {plan.sweep} has no `program:`; its tasks are run by the notebook or script "
            f'that declares it: for task in project.sweep("{plan.sweep}", ...).tasks()'
        )


def _needs_work(sweep: OpenSweep) -> bool:
    sweep.ledger.refresh()
    state = sweep.ledger.state
    return sweep.plan.program is not None and state.finished < state.total and state.order != "stop"


@contextmanager
def _signals(interrupted: threading.Event) -> Iterator[None]:
    """Turn SIGTERM and the first Ctrl-C into `interrupted`; a second Ctrl-C is the usual one."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread can set handlers, or need to
        return
    old: dict[signal.Signals, Any] = {}

    def end(number: int, _frame: object) -> None:
        interrupted.set()
        if number == signal.SIGINT:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    try:
        for ending in (signal.SIGTERM, signal.SIGINT):
            old[ending] = signal.signal(ending, end)
        yield
    finally:
        for ending, handler in old.items():
            signal.signal(ending, handler)
