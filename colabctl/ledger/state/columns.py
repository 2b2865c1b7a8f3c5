"""What is known of each task of a sweep, as columns: 22 bytes for a task."""

from array import array
from collections.abc import Iterable, Iterator

from colabctl.ledger.task_state import STATUSES, Status

_NONE = -1
_NAN = float("nan")


class Columns:
    """One entry for each task; events are given by their numbers in the event log.

    Attributes:
        statuses: positions in STATUSES.
        claims: the claim of a simple task, or its cancel; -1 if it has neither, or is not simple
            (see SweepState).
        outcomes: the event that finished the task, -1 if there is none.
        values: the sweep's metric of a done task, NaN without one.
        lacking: 1 for a done task that has not reported the sweep's metric as a number.
        seconds: how long the attempt ran that finished the task, 0 for one that is not finished.

    """

    def __init__(self, total: int) -> None:
        self.statuses = bytearray(total)
        self.claims = array("i", [_NONE]) * total
        self.outcomes = array("i", [_NONE]) * total
        self.values = array("d", [_NAN]) * total
        self.lacking = bytearray(total)
        self.seconds = array("f", [0.0]) * total

    def status(self, index: int) -> Status:
        """Return the status of a task."""
        return STATUSES[self.statuses[index]]

    def count(self, status: Status) -> int:
        """Return how many tasks have this status."""
        return self.statuses.count(STATUSES.index(status))

    def any(self, status: Status, indices: Iterable[int]) -> bool:
        """Whether one of these tasks has this status."""
        code = STATUSES.index(status)
        return any(self.statuses[index] == code for index in indices)

    def having(self, status: Status) -> Iterator[int]:
        """Yield the tasks that have this status, ascending."""
        code, statuses = STATUSES.index(status), self.statuses
        if statuses.count(code) == len(statuses):
            yield from range(len(statuses))
            return
        index = statuses.find(code)
        while index >= 0:
            yield index
            index = statuses.find(code, index + 1)

    def finished(self) -> Iterator[int]:
        """Yield the tasks that are done, pruned or failed, ascending."""
        first = STATUSES.index("done")  # the other two are after it
        return (index for index, code in enumerate(self.statuses) if code >= first)

    def outcome_numbers(self) -> Iterator[int]:
        """Yield the numbers of the events that finished a task."""
        return (number for number in self.outcomes if number >= 0)
