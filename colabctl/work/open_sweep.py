"""A declared sweep with its plan, its tasks, its ledger, and the lock for claims."""

import getpass
import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colabctl.checkpoints.places import SAVES
from colabctl.code.frozen import Code, changed, fetch
from colabctl.declared_tasks import DeclaredTasks, code_folder, task_files
from colabctl.errors import UserError
from colabctl.ledger import (
    Claim,
    Ledger,
    Plan,
    TaskFiles,
    cache_of,
    names_in,
    open_ledger,
    params_of,
    stretches,
    task_name,
)
from colabctl.project.layout import Layout, SweepLayout
from colabctl.project.member_records import present_names
from colabctl.sharedfs.locks import locked
from colabctl.sharedfs.names import slug
from colabctl.sweeps import (
    check_links,
    find_sweep,
    journal_folders,
    plan_of,
    run_folders,
    whole_of,
)
from colabctl.task import Assignment
from colabctl.work.data.stored import NO_STORE, Stored
from colabctl.work.identity import Identity

if TYPE_CHECKING:
    from colabctl.search.learn.trials import Trial
    from colabctl.work.tuner import Tuner


@dataclass(frozen=True)
class OpenSweep:
    """A declared sweep, to read or to work on.

    Attributes:
        root: the project's folder.
        store: the project's store.
        code_folder: the frozen code of the latest version of the program.

    """

    root: Path
    layout: SweepLayout
    plan: Plan
    ledger: Ledger
    tasks: TaskFiles
    declared: DeclaredTasks
    code_folder: Path
    store: Stored = NO_STORE

    @classmethod
    def at(cls, root: Path, layout: SweepLayout, store: Stored = NO_STORE) -> "OpenSweep":
        """Open the sweep in a folder; raise UserError if its plan cannot be read.

        A worker in a mirror gives the project's `store`, which has the log of claims.
        """
        check_links(root, layout)
        plan = plan_of(layout)
        ledger = open_ledger(
            layout.journal,
            plan,
            cache=cache_of(layout.journal, plan),
            find=partial(journal_folders, layout, plan),
            store=store.claims(layout),
        )
        ledger.state.called = present_names(Layout(root))
        ledger.state.first = dict.fromkeys(_starts(plan))
        files = whole_of(layout, plan) if layout.twins else layout
        declared = DeclaredTasks(files, plan)
        tasks, code = task_files(declared, layout), code_folder(declared, layout)
        return cls(root, layout, plan, ledger, tasks, declared, code, store)

    @classmethod
    def named(cls, layout: Layout, name: str, digest: str | None = None) -> "OpenSweep":
        """Open the sweep that `find_sweep` finds; raises as that and `at` do."""
        return cls.at(layout.root, find_sweep(layout, name, digest))

    def check_claims(self) -> None:
        """Raise UserError if this process cannot claim tasks, as it does not reach the store."""
        if not self.ledger.can_claim:
            raise UserError(
                f"the claims of sweep {self.plan.sweep} are in the project's store, and "
                f"{self.root} is not a mirror of that; clone the project from its store, and work "
                "there: colabctl clone URL"
            )

    def extended(self) -> Plan | None:
        """Return the sweep's plan if it got an extension since it was opened here, else None."""
        names = {each.name for each in self.plan.extensions}
        with suppress(OSError, UserError):  # reading the journals says what is wrong
            if names_in((self.layout.root, *self.layout.twins)).keys() - names:
                plan = plan_of(self.layout)
                return plan if {each.name for each in plan.extensions} != names else None
        return None

    def lock(self) -> AbstractContextManager[int | None]:
        """Return the lock to hold while claiming.

        Where locks do not reach other machines, the lock file is on this machine's disk and only
        excludes other processes here.
        """
        if self.plan.consistency == "coherent":
            return locked(self.layout.lock)
        place = f"{self.layout.root.parent.absolute()} {self.plan.run_digest}"  # of all its twins
        digest = hashlib.sha256(place.encode()).hexdigest()[:16]
        name = f"colabctl-{slug(getpass.getuser())}-{digest}.lock"
        return locked(Path(tempfile.gettempdir()) / name)

    def code(self) -> Code:
        """Return the frozen code; raises as `fetch` does."""
        plan = self.plan
        return fetch(self.code_folder, plan.code_digest, plan.program, plan.code_files)

    def changed_code(self) -> tuple[list[str], list[str]]:
        """Return the files of the code that have changed where they were copied from, and damage.

        The damage is a sentence if the frozen copy itself is not what was declared.
        """
        if self.plan.code_origin is None or not self.plan.code_digest:
            return [], []
        try:
            files = changed(self.code_folder, self.root, _made_at(self.plan), self.plan.code_files)
            if files:
                self.code()
        except (UserError, OSError) as error:
            return [], [str(error)]
        return files, []

    def tuner(self) -> "Tuner":
        """Return a tuner of the sweep, for one worker."""
        from colabctl.work.tuner import Tuner  # noqa: PLC0415 - only workers need it

        return Tuner(
            self.plan,
            self.ledger.state,
            declared=self._params,
            cells=self.declared.cells,
            earlier=self._earlier_trials,
        )

    def _earlier_trials(self) -> "list[Trial]":
        """Return the done configurations of the sweeps in `learn_from`, with this sweep's metrics.

        A sweep that repeats its configurations says how their values become one; else, an earlier
        sweep says it of its own. Raises UserError for a sweep that is not there any more.
        """
        from colabctl.search.learn.repeated import Configurations  # noqa: PLC0415 - as above

        earlier: list[Trial] = []
        for name, digest in (self.plan.learn_from or {}).items():
            old = OpenSweep.named(Layout(self.root), name, digest)
            if old.plan.run_digest != digest:
                raise UserError(
                    f"sweep {self.plan.sweep} learns from {name}, but another sweep has this name "
                    "now; restore the folder of the earlier one from the folder's version history"
                )
            old.ledger.refresh()
            repeat = old.plan.repeats
            if self.plan.repeat is not None:
                repeat = replace(repeat, aggregate=self.plan.repeats.aggregate)
            trials = Configurations(repeat).of(dict(old._ended(self.plan)))  # noqa: SLF001 - the same class
            earlier += [each for each in trials.values() if each.state == "done"]
        return earlier

    def _ended(self, plan: Plan) -> "Iterator[tuple[int, Trial]]":
        """Yield the trials of ended tasks, with the metrics of another plan, by index."""
        from colabctl.search.learn.trials import Trial  # noqa: PLC0415 - as above

        state = self.ledger.state
        for index in state.columns.finished():
            task = state.tasks[index]
            values = plan.values_of(task.outcome.metrics)
            if task.status == "pruned" or (task.status == "done" and values):
                params = params_of(state, self.tasks, index)
                yield (
                    index,
                    Trial(
                        task.status,
                        params,
                        plan.value_of(task.outcome.metrics),
                        ended=task.event.t if task.event else None,
                        values=values if plan.metrics else None,
                        seconds=task.outcome.seconds,
                    ),
                )

    def _params(self, index: int) -> dict[str, Any] | None:
        """Return the declared parameters of a task; {} for one that must not run."""
        return {} if self.tasks.fault(index) else self.tasks.params(index)

    def _attempt(self, index: int, attempt: int, writer: str) -> Path:
        """Return the folder of an attempt, in the name of which its writer's number is."""
        return self.layout.attempt(self.ledger.numbering.number(index, writer), attempt, writer)

    def has_saves(self, index: int) -> bool:
        """Whether an attempt at this task has saved something, as far as it can be seen here."""
        return any(
            (self._attempt(index, attempt, event.writer) / SAVES).is_dir()
            for event in self.ledger.state.events_of(index)
            if event.kind == "claim"
            for task, attempt in event.body["tasks"]
            if task == index
        )

    def refused(self, claims: Sequence[Claim], tuner: "Tuner") -> dict[int, str]:
        """Return, of claimed tasks, those whose parameters are not what was declared, and why."""
        faults = ((index, self.tasks.fault(index) or tuner.fault(index)) for index, _ in claims)
        return {index: fault for index, fault in faults if fault is not None}

    def assignments(
        self, claims: Sequence[Claim], me: Identity, tuner: "Tuner"
    ) -> list[Assignment]:
        """Return the assignments of claimed tasks: what a process needs to run them."""
        folder = self.layout.attempts(me.name)
        assignments = []
        for index, attempt in claims:
            earlier, rounds = self._earlier(index, me) if attempt > 1 else ((), 1)
            assignments.append(
                Assignment(
                    sweep=self.plan.sweep,
                    task=task_name(index),
                    index=index,
                    attempt=attempt,
                    params=tuner.params(index),
                    folder=folder(index, attempt),
                    earlier=earlier,
                    root=str(self.root),
                    member=me.member,
                    study=tuner.history(index),
                    rounds=rounds,
                    repeat=index % self.plan.repeats.count,
                )
            )
        return assignments

    def _earlier(self, index: int, me: Identity) -> tuple[tuple[str, ...], int]:
        """Return the folders of other attempts at a task, newest first, and its round.

        Discarded attempts are left out, unless the task continues from them.
        """
        events = self.ledger.state.events_of(index)
        discards = [event for event in events if event.kind == "discard"]
        final = [event for event in discards if event.body.get("continued") is not True]
        last = max(map(discards.index, final), default=-1)
        attempts = [
            (attempt, event.writer)
            for event in events
            if event.kind == "claim" and not any(each.ends(event) for each in final)
            for task, attempt in event.body["tasks"]
            if task == index
        ]
        mine = max((attempt for attempt, writer in attempts if writer == me.name), default=0)
        homes = run_folders(self.layout, self.plan)
        folders = []
        for attempt, writer in reversed(attempts):
            if (attempt, writer) != (mine, me.name):
                # Someone may have created a journal with an invalid name. What a store does not
                # give now, the task starts without.
                with suppress(UserError):
                    own = self._attempt(index, attempt, writer)
                    inside = own.relative_to(self.layout.runs)
                    self.store.bring(own.relative_to(self.root).as_posix())
                    there = (home / inside for home in homes if (home / writer).is_dir())
                    folders.append(str(next(there, own)))
        return tuple(folders), len(discards) - last


def _made_at(plan: Plan) -> float:
    """Return when the latest version of a sweep's program was frozen, in seconds since 1970."""
    return next((each.at for each in plan.extensions[::-1] if each.version), plan.declared_at)


def _starts(plan: Plan) -> Iterator[int]:
    """Yield the tasks with the points of `start_with`, which are the first of each cell."""
    places = stretches(plan)
    for number, cell in enumerate(plan.cells):
        if some := cell.get("starts", 0) * plan.repeats.count:
            yield from places.tasks(number)[:some]
