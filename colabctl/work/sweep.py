"""A declared sweep, opened: its plan, its tasks, its ledger, and the lock that guards claims."""

import getpass
import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.ledger import Claim, Ledger, Plan, TaskFiles, open_ledger, read_plan, task_name
from colabctl.project.layout import SweepLayout
from colabctl.sharedfs.locks import Lock
from colabctl.sharedfs.names import slug
from colabctl.task import Assignment
from colabctl.work.identity import Identity


@dataclass(frozen=True)
class OpenSweep:
    """A declared sweep, ready to be read or worked on; `root` is the project's."""

    root: Path
    layout: SweepLayout
    plan: Plan
    ledger: Ledger
    tasks: TaskFiles

    @classmethod
    def at(cls, root: Path, layout: SweepLayout) -> "OpenSweep":
        """Open the sweep in a folder; raise UserError if its plan cannot be read."""
        plan = read_plan(layout.plan)
        ledger = open_ledger(layout.journal, plan)
        return cls(root, layout, plan, ledger, TaskFiles(layout.task_file, plan))

    def lock(self) -> AbstractContextManager[None]:
        """Return the lock that guards claims, to be held while choosing.

        Where locks do not reach other machines it lies on this machine's own disk and guards the
        processes here.
        """
        if self.plan.consistency == "coherent":
            return Lock(self.layout.lock).held()
        place = hashlib.sha256(str(self.layout.root.absolute()).encode()).hexdigest()[:16]
        name = f"colabctl-{slug(getpass.getuser())}-{place}.lock"
        return Lock(Path(tempfile.gettempdir()) / name).held()

    def assign(self, claims: Sequence[Claim], me: Identity) -> list[Assignment]:
        """Return what the process that runs claimed tasks needs to know."""
        folder = self.layout.attempts(me.name)
        return [
            self._assign(index, attempt, folder(index, attempt), me) for index, attempt in claims
        ]

    def _assign(self, index: int, attempt: int, folder: str, me: Identity) -> Assignment:
        params = self.tasks[index].params
        if params is None:
            raise UserError(
                f"task {task_name(index)} of sweep {self.plan.sweep} has no parameters yet; "
                "a newer colabctl can propose them: upgrade on this machine"
            )
        return Assignment(
            sweep=self.plan.sweep,
            task=task_name(index),
            index=index,
            attempt=attempt,
            params=params,
            folder=folder,
            earlier=self._earlier(index, me) if attempt > 1 else (),
            root=str(self.root),
            member=me.member,
        )

    def _earlier(self, index: int, me: Identity) -> tuple[str, ...]:
        """Return the folders of all attempts but the newest of this worker, newest first."""
        made = [
            (attempt, event.writer)
            for event in self.ledger.book.events_of(index)
            if event.kind == "claim"
            for task, attempt in event.body["tasks"]
            if task == index
        ]
        mine = max(attempt for attempt, writer in made if writer == me.name)
        return tuple(
            str(self.layout.attempt(index, attempt, writer))
            for attempt, writer in reversed(made)
            if (attempt, writer) != (mine, me.name)
        )
