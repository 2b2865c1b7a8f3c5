"""The tasks of a sweep with extensions, each of which has task files of its own."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger.extensions.record import Extension
from colabctl.ledger.extensions.stretches import stretches
from colabctl.ledger.plan import Plan
from colabctl.ledger.tasks import Expand, TaskFiles, TaskLine


class ExtendedTaskFiles(TaskFiles):
    """The tasks that were declared, and after them those of each extension.

    Args:
        file: returns the path of a task file of an extension by its name and number; of those that
            were declared, by the name "".
        plan: the plan of the sweep with its extensions.
        expand: returns tasks as sweep.yaml gives them.

    """

    def __init__(
        self, file: Callable[[str, int], Path], plan: Plan, expand: Expand | None = None
    ) -> None:
        assert plan.declared is not None, "the sweep has no extension"
        super().__init__(partial(file, ""), plan.declared, expand)
        self._extended = plan
        self._extensions: Sequence[Extension] = plan.extensions
        self._parts = [
            _Part(each.name, partial(file, each.name), each.plan(plan.declared))
            for each in plan.extensions
        ]
        sizes = (plan.declared.total, *(each.total for each in plan.extensions))
        self._starts = [0, *accumulate(sizes)][:-1]
        self._stretches = stretches(plan)

    def _place(self, index: int) -> tuple[TaskFiles | None, int]:
        """Return the files of an extension and the task's number there; None for declared tasks."""
        at = bisect_right(self._starts, index) - 1
        if at == 0:
            return None, index
        return self._parts[at - 1], self._extensions[at - 1].counting[index - self._starts[at]]

    def __getitem__(self, index: int) -> TaskLine:
        """Return a task as it was declared; raise UserError if that is not known."""
        part, number = self._place(index)
        line = super().__getitem__(index) if part is None else part[number]
        return replace(line, index=index, cell=self._stretches.place(index)[0])

    def fault(self, index: int) -> str | None:
        """Return why a task must not run; raises as TaskFiles.fault does."""
        part, number = self._place(index)
        return super().fault(index) if part is None else part.fault(number)

    def damage(self) -> list[str]:
        """Return a sentence for each file, of those that were read, that is not as declared."""
        return [*super().damage(), *(line for part in self._parts for line in part.damage())]

    def all_damage(self) -> list[str]:
        """Read all files; return a sentence for each that is not as declared."""
        own = super().all_damage()
        for part in self._parts:
            part.all_damage()
        return [*own, *(line for part in self._parts for line in part.damage())]

    def cell_values(self, index: int) -> Mapping[str, Any]:
        """Return the values of the `foreach` parameters of a task."""
        cells = self._extended.cells
        return cells[self._stretches.place(index)[0]]["values"] if cells else {}

    def arrived(self, *, whole: bool = True) -> bool:
        """Whether all files have arrived, `whole` with all of their lines."""
        return super().arrived(whole=whole) and all(
            part.arrived(whole=whole) for part in self._parts
        )


class _Part(TaskFiles):
    """The task files of one extension."""

    def __init__(self, name: str, file: Callable[[int], Path], plan: Plan) -> None:
        super().__init__(file, plan, self._none)
        self._folder = name

    def _name(self, number: int) -> str:
        return f"{self._folder}/{super()._name(number)}"

    def _none(self, _some: range) -> Any:
        raise UserError("no file says which tasks the extension has")
