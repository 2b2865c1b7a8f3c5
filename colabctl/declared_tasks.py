"""The tasks of a declared sweep as its sweep.yaml gives them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from colabctl.errors import UserError
from colabctl.ledger import (
    ExtendedTaskFiles,
    Plan,
    TaskFiles,
    TaskLine,
    cell_key,
    contents,
    names_in,
)
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

    @property
    def as_declared(self) -> "DeclaredTasks":
        """The tasks without those of extensions."""
        return DeclaredTasks(self.layout, self.plan.declared) if self.plan.declared else self

    @cached_property
    def _expansion(self) -> "tuple[Declaration, Expansion]":
        from colabctl.search import Cell, Expansion, read_declared  # noqa: PLC0415 - as above
        from colabctl.search.space.cells import combinations  # noqa: PLC0415 - as above
        from colabctl.search.start_points import with_starts  # noqa: PLC0415 - as above

        declaration = read_declared(self.content(), str(self._file))
        if extra := [pair for each in self.plan.extensions for pair in each.values]:
            from colabctl.search import read, with_additions  # noqa: PLC0415 - as above

            declaration = read(with_additions(declaration.content, extra), str(self._file))
        cells = combinations(
            declaration.parameters, declaration.foreach, declaration.exclude, declaration.source
        )
        plan = self.plan
        if plan.extensions:  # those that were declared come first, in the order of the plan
            number_of = {cell_key(cell["values"]): n for n, cell in enumerate(plan.cells)}
            cells = [each for each in cells if cell_key(each[0]) in number_of]
            cells.sort(key=lambda each: number_of[cell_key(each[0])])
        if [values for values, _ in cells] != [cell["values"] for cell in plan.cells]:
            raise UserError(
                f"{self.layout.plan} does not match sweep.yaml; restore both from the folder's "
                "version history"
            )
        sized = [
            Cell(values, cell["tasks"], space)
            for (values, space), cell in zip(cells, plan.cells, strict=True)
        ]
        started = with_starts(sized, declaration)
        drawn = (declaration.method, declaration.seed, declaration.repeat or ONCE)
        return declaration, Expansion(started, plan.total, (), *drawn)

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
        if self.plan.declared is not None:
            self.as_declared.check()
            return
        tasks = self.expand(range(self.plan.total))
        digests = (hashlib.sha256(each).hexdigest() for each in contents(self.plan, tasks))
        if tuple(digests) != self.plan.task_digests:
            raise UserError(
                f"the tasks of sweep {self.plan.sweep} are not those that its sweep.yaml gives; "
                f"do not run it, and ask {self.plan.declared_by}, who declared it, to declare it "
                "again under another name"
            )


def task_files(declared: DeclaredTasks, sweep: SweepLayout) -> TaskFiles:
    """Return the tasks of a sweep, also those of its extensions."""
    layout, plan = declared.layout, declared.plan
    if plan.declared is None:
        return TaskFiles(layout.task_file, plan, declared.expand)
    added = names_in((sweep.root, *sweep.twins))

    def file(name: str, number: int) -> Path:
        return (SweepLayout(added[name]) if name else layout).task_file(number)

    return ExtendedTaskFiles(file, plan, declared.as_declared.expand)


def code_folder(declared: DeclaredTasks, sweep: SweepLayout) -> Path:
    """Return the folder with the frozen code of the latest version of a sweep's program."""
    extensions = declared.plan.extensions[::-1]
    version = next((each.name for each in extensions if each.version), None)
    if version is None:
        return declared.layout.code
    return SweepLayout(names_in((sweep.root, *sweep.twins))[version]).code
