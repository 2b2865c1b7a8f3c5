"""The tasks of a declared sweep as its sweep.yaml gives them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from colabctl.errors import UserError
from colabctl.ledger import Plan, TaskLine, contents
from colabctl.project.layout import SweepLayout
from colabctl.repeat import ONCE
from colabctl.sharedfs.files import read_file

if TYPE_CHECKING:  # a worker that does not search starts much sooner without these
    from colabctl.search import Cell, Declaration, Expansion

_LARGEST = 1 << 28  # bytes of sweep.yaml; a million values need less


@dataclass(frozen=True)
class DeclaredTasks:
    """The tasks that sweep.yaml and the numbers of tasks in the plan lead to."""

    layout: SweepLayout
    plan: Plan

    def content(self) -> bytes:
        """Return the bytes of sweep.yaml; raise UserError if it was changed since."""
        try:
            content = read_file(self._file, _LARGEST)
        except FileNotFoundError:
            raise UserError(
                f"{self._file} is missing; restore it from the folder's version history"
            ) from None
        if hashlib.sha256(content).hexdigest() != self.plan.declaration_digest:
            raise UserError(
                f"{self._file} was changed after the sweep was declared; restore it from the "
                "folder's version history"
            )
        return content

    @property
    def _file(self) -> Path:
        return self.layout.declaration

    def declaration(self) -> "Declaration":
        """Return the content of sweep.yaml; raises as `content` does."""
        return self._expansion[0]

    def cells(self) -> "list[Cell]":
        """Return the cells and the space of each; raises as `content` does."""
        return list(self._expansion[1].cells)

    @cached_property
    def _expansion(self) -> "tuple[Declaration, Expansion]":
        from colabctl.search import Cell, Expansion, read_declared  # noqa: PLC0415 - as above
        from colabctl.search.space.cells import combinations  # noqa: PLC0415 - as above

        declaration = read_declared(self.content(), str(self._file))
        cells = combinations(
            declaration.parameters, declaration.foreach, declaration.exclude, declaration.source
        )
        plan = self.plan
        if [values for values, _ in cells] != [cell["values"] for cell in plan.cells]:
            raise UserError(
                f"{self.layout.plan} does not match sweep.yaml; restore both from the folder's "
                "version history"
            )
        sized = tuple(
            Cell(values, cell["tasks"], space)
            for (values, space), cell in zip(cells, plan.cells, strict=True)
        )
        repeat = declaration.repeat or ONCE
        drawn = (declaration.method, declaration.seed, repeat)
        return declaration, Expansion(sized, plan.total, (), *drawn)

    def expand(self, some: range) -> Iterator[TaskLine]:
        """Yield some tasks; raise UserError if the plan and sweep.yaml do not fit each other."""
        try:
            for task in self._expansion[1].tasks(some):
                yield TaskLine(task.index, task.cell, task.trial, task.params)
        except (ValueError, IndexError, OverflowError) as error:
            raise UserError(
                f"{self.layout.plan} has more tasks than sweep.yaml gives ({error})"
            ) from None

    def check(self) -> None:
        """Raise UserError unless the digests of the task files are those of these tasks."""
        tasks = self.expand(range(self.plan.total))
        digests = (hashlib.sha256(each).hexdigest() for each in contents(self.plan, tasks))
        if tuple(digests) != self.plan.task_digests:
            raise UserError(
                f"the tasks of sweep {self.plan.sweep} are not those that its sweep.yaml gives; "
                f"do not run it, and ask {self.plan.declared_by}, who declared it, to declare it "
                "again under another name"
            )
