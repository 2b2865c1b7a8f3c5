"""Attempts at one task, each with a folder of its own."""

from pathlib import Path
from typing import Any

from colabctl.task import Assignment, Task


class Nothing:
    """Records nothing."""

    def report(self, step: float | None, values: dict[str, Any]) -> None: ...

    def should_stop(self) -> bool:
        return False

    def suggested(self, *_: Any) -> None: ...

    def done(self, metrics: dict[str, Any]) -> None: ...

    def failed(self, error: BaseException) -> None: ...


def attempt(folder: Path, number: int, rounds: int = 1) -> Task:
    """Return attempt `number` at a task; it knows the folders of the earlier ones."""
    earlier = tuple(str(folder / str(n)) for n in range(number - 1, 0, -1))
    assignment = Assignment(
        "s", "t000000", 0, number, {}, str(folder / str(number)), earlier, rounds=rounds
    )
    return Task(assignment, Nothing())
