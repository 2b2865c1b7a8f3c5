"""The states of a sweep's tasks as a sequence."""

from collections.abc import Callable, Sequence
from typing import overload

from colabctl.ledger.task_state import TaskState


class TaskStates(Sequence[TaskState]):
    """The states of `total` tasks; `state_of` makes one when it is asked for."""

    def __init__(self, total: int, state_of: Callable[[int], TaskState]) -> None:
        self._indices = range(total)
        self._state_of = state_of

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> TaskState: ...

    @overload
    def __getitem__(self, index: slice) -> list[TaskState]: ...

    def __getitem__(self, index: int | slice) -> TaskState | list[TaskState]:
        chosen = self._indices[index]
        return self._state_of(chosen) if isinstance(chosen, int) else [*map(self._state_of, chosen)]
