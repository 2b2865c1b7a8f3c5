"""The task files of a sweep: JSON Lines with the parameters of each task."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from colabctl.errors import UserError
from colabctl.ledger.events import check_params
from colabctl.ledger.plan import Plan
from colabctl.sharedfs.files import read_file
from colabctl.sharedfs.links import open_itself
from colabctl.sharedfs.records import damaged
from colabctl.sharedfs.rights import share

_LARGEST = 1 << 28  # bytes of a task file; a million tasks with long lists need less


@dataclass(frozen=True)
class TaskLine:
    """One task as declared; `params` is None for a deferred task."""

    index: int
    cell: int
    trial: int
    params: dict[str, Any] | None

    def encode(self) -> bytes:
        """Return the task's line in its file."""
        return json.dumps(vars(self), separators=(",", ":")).encode() + b"\n"


class TaskFiles:
    """The tasks of a sweep; each file is read when one of its tasks is first needed.

    Args:
        file: returns the path of a task file by its number.
        plan: the plan of the sweep.

    """

    def __init__(self, file: Callable[[int], Path], plan: Plan) -> None:
        self._file = file
        self._plan = plan
        self._lines: dict[int, list[bytes]] = {}

    def __getitem__(self, index: int) -> TaskLine:
        """Return a task; raise UserError if its file is damaged or has not arrived yet."""
        number, position = divmod(index, self._plan.per_file)
        try:
            line = TaskLine(**json.loads(self._read(number)[position]))
            if line.params is not None:
                check_params(line.params)
        except FileNotFoundError:
            raise UserError(
                f"{self._file(number)} is missing; if the sweep was declared a moment ago, try "
                "again; otherwise restore it from the folder's version history"
            ) from None
        except (ValueError, TypeError, IndexError, RecursionError) as error:
            self._lines.pop(number, None)
            raise damaged(self._file(number), f"task {index}: {error}") from None
        if line.index != index:
            raise damaged(self._file(number), f"task {line.index} is in the place of {index}")
        return line

    def cell_values(self, index: int) -> Mapping[str, Any]:
        """Return the values of the `foreach` parameters of a task."""
        for cell in self._plan.cells:
            if index < cell["tasks"]:
                return cell["values"]  # type: ignore[no-any-return]
            index -= cell["tasks"]
        return {}

    def arrived(self) -> bool:
        """Whether all files have arrived with all of their lines."""
        plan = self._plan
        for number in range(-(-plan.total // plan.per_file)):
            expected = min(plan.per_file, plan.total - number * plan.per_file)
            try:
                if len(self._read(number)) < expected:
                    del self._lines[number]
                    return False
            except FileNotFoundError:
                return False
        return True

    def _read(self, number: int) -> list[bytes]:
        lines = self._lines.get(number)
        if lines is None:
            lines = self._lines[number] = read_file(self._file(number), _LARGEST).splitlines()
        return lines


def task_name(index: int) -> str:
    """Return the name of a task, such as t000003."""
    return f"t{index:06d}"


def write_tasks(file: Callable[[int], Path], plan: Plan, tasks: Iterator[TaskLine]) -> None:
    """Write the task files of a new sweep; `tasks` are ordered by index."""
    for number in range(-(-plan.total // plan.per_file)):
        with open(file(number), "wb", opener=open_itself) as lines:
            share(file(number), lines.fileno())
            lines.writelines(task.encode() for task in islice(tasks, plan.per_file))
