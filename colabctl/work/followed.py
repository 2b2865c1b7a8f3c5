"""The tasks whose output someone looks at while they run, as far as a worker needs to know."""

from collections.abc import Callable
from collections.abc import Set as AbstractSet

from colabctl.ledger import Ledger

LASTS = 180.0  # seconds that a request counts after its arrival
ASK_EVERY = 60.0  # seconds between the requests of one who follows
_OLD = 900.0  # seconds after which a request that is only now read does not count


class FollowedTasks:
    """Which tasks are followed, by the requests in the ledger.

    Ledger times of two machines can differ, so a request counts from its arrival here.

    Args:
        monotonic: returns the time.
        interval: seconds between two looks at a task's output, but the first look is at once.

    """

    def __init__(self, monotonic: Callable[[], float], interval: float) -> None:
        self._monotonic = monotonic
        self._interval = interval
        self._seen: dict[int, float] = {}  # ledger time of the latest request for each task
        self._until: dict[int, float] = {}
        self._look_at: dict[int, float] = {}

    def running(self, ledger: Ledger, here: AbstractSet[int]) -> list[int]:
        """Return the tasks, of those `here`, that are followed and due for a look."""
        requests = ledger.state.followed
        if not requests:
            return []
        now = self._monotonic()
        for index, t in requests.items():
            if self._seen.get(index) != t:
                self._seen[index] = t
                if ledger.clock.now() - t < _OLD:
                    self._until[index] = now + LASTS
        due = [
            index
            for index, until in self._until.items()
            if index in here and until > now >= self._look_at.get(index, 0.0)
        ]
        self._look_at.update(dict.fromkeys(due, now + self._interval))
        return due
