"""Following a task's output: asking for it, and what a worker does about that."""

import platform
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from colabctl.ledger import Ledger
from colabctl.ledger.state.requests import Requests
from colabctl.work.identity import writer_name
from colabctl.work.open_sweep import OpenSweep

ASK_EVERY = 60.0  # seconds between the requests of one who follows
_LASTS = 180.0  # seconds that a request counts after its arrival
_OLD = 900.0  # seconds after which a request that is only now read does not count
_SAME_HOST = 2.0  # seconds between two looks for someone on this machine


def ask(sweep: OpenSweep, index: int, member: str) -> None:
    """Ask the worker of a task, by an event of this process, to write what is new of its output."""
    if not sweep.ledger.name:
        sweep.ledger.join(writer_name(member))
    sweep.ledger.record([("follow", {"member": member, "host": platform.node(), "task": index})])
    sweep.ledger.sync(force=True)


class FollowedTasks:
    """Which tasks of a worker are followed, by the requests in the ledger.

    Ledger times of two machines can differ, so a request counts from its arrival here.

    Args:
        host: the worker's machine.
        interval: seconds between two looks at a task's output; the first one is at once.
        monotonic: returns the time.

    """

    def __init__(self, host: str, interval: float, monotonic: Callable[[], float]) -> None:
        self._host = host
        self._interval = interval
        self._monotonic = monotonic
        self._seen: dict[int, Requests] = {}  # for each task
        self._until: dict[int, float] = {}
        self._look_at: dict[int, float] = {}
        self._asked: set[int] = set()  # tasks with a request that was not answered yet

    def due(self, ledger: Ledger, here: AbstractSet[int]) -> list[tuple[int, bool]]:
        """Return the tasks, of those `here`, that are followed and due for a look.

        With each is whether there is a new request, to be answered even if there is nothing new.
        """
        requests = ledger.state.followed
        if not requests:
            return []
        now = self._monotonic()
        for index, request in requests.items():
            if self._seen.get(index) != request:
                self._seen[index] = request
                if ledger.clock.now() - request.latest < _OLD:
                    self._until[index], self._look_at[index] = now + _LASTS, now
                    self._asked.add(index)
        due = [
            index
            for index, until in self._until.items()
            if index in here and until > now >= self._look_at[index]
        ]
        for index in due:
            near = self._seen[index].host == self._host
            self._look_at[index] = now + (
                min(self._interval, _SAME_HOST) if near else self._interval
            )
        asked = [(index, index in self._asked) for index in due]
        self._asked.difference_update(due)
        return asked
