"""Finds events that one writer has written far too often for one task, which do not count."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from heapq import heapify, heappush, heappushpop

from colabctl.ledger.state.event_log import KINDS, EventLog
from colabctl.ledger.task_state import most_alike


class Excess:
    """The tasks of which a writer has written more events of a kind than `most_alike` allows.

    Of these events, those with the lowest numbers count, in whatever order they arrive, so that all
    readers agree. `fold` has the same rule; here, it spares the others being read again.

    Attributes:
        count: number of events that do not count, by writer.

    """

    def __init__(self, log: EventLog, max_retries: int) -> None:
        self._log = log
        self._most = [most_alike(kind, max_retries) for kind in KINDS]  # by the log's code
        self._least = min(self._most)
        # By task, writer and kind, the events that count as (-n, number in the log), as heaps.
        self._alike: dict[int, defaultdict[tuple[int, int], list[tuple[int, int]]]] = {}
        self.count: Counter[str] = Counter()

    def add(self, index: int, number: int, numbers: list[int]) -> bool:
        """Add an event to the `numbers` of those that count for a task; return whether it did."""
        if len(numbers) >= self._least:
            alike = self._alike.get(index) or self._sort(index, numbers)
            log, key = self._log, self._key(number)
            heap, entry = alike[key], (-log.numbers[number], number)
            if len(heap) < self._most[key[1]]:
                heappush(heap, entry)
            else:
                self.count[log.names[key[0]]] += 1
                worst = heappushpop(heap, entry)
                if worst is entry:
                    return False
                numbers.remove(worst[1])
        numbers.append(number)
        return True

    def _key(self, number: int) -> tuple[int, int]:
        return self._log.writers[number], self._log.kinds[number]

    def _sort(
        self, index: int, numbers: Iterable[int]
    ) -> defaultdict[tuple[int, int], list[tuple[int, int]]]:
        alike = self._alike[index] = defaultdict(list)
        for number in numbers:
            alike[self._key(number)].append((-self._log.numbers[number], number))
        for heap in alike.values():
            heapify(heap)
        return alike
