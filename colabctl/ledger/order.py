"""The order of events: what was written in reply to something comes after it, whatever its date."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from operator import itemgetter

from colabctl.ledger.journals.events import Event

_Wait = tuple[int, Event, Iterator[tuple[str, int]]]

event_order = itemgetter(0, 1, 2)
"""The sort key of events: (t, writer, n)."""


def in_order(events: Sequence[Event]) -> list[Event]:
    """Return the events of one task in order.

    An event comes after those of its own writer with lower numbers, and after those that it names
    in `after`. Only where that leaves a choice, the earliest date decides, then the writer's name.
    So a clock that is wrong can mislead no one about what was written in reply to what.

    Events that name each other cannot both be right; of these, the earliest comes first.
    """
    by_date = sorted(events, key=event_order)
    if len(by_date) < 2 or _dates_suffice(by_date):
        return by_date
    rest: dict[str, list[Event]] = defaultdict(list)  # of each writer, the next one last
    for event in sorted(events, key=itemgetter(2), reverse=True):
        rest[event.writer].append(event)
    ready: list[Event] = []
    blocked: list[Event] = []
    waiting: dict[str, list[_Wait]] = defaultdict(list)  # by the writer that they wait for
    placed: list[Event] = []

    def place_after(event: Event, names: Iterator[tuple[str, int]]) -> None:
        for writer, n in names:
            if writer != event.writer and rest.get(writer) and rest[writer][-1].n <= n:
                heapq.heappush(waiting[writer], (n, event, names))
                heapq.heappush(blocked, event)
                return
        heapq.heappush(ready, event)

    writers = list(rest)

    def start(event: Event) -> None:
        after = event.body.get("after", {})
        if len(after) <= len(writers):
            place_after(event, iter(after.items()))
        else:  # it is about many tasks: most of what it names is no event of this one
            place_after(event, ((name, after[name]) for name in writers if name in after))

    for events_left in rest.values():
        start(events_left[-1])
    while len(placed) < len(by_date):
        event = heapq.heappop(ready or blocked)
        left = rest[event.writer]
        if not left or left[-1] is not event:
            continue  # it was blocked, and has its place by now
        placed.append(left.pop())
        if left:
            start(left[-1])
        others = waiting[event.writer]
        while others and (not left or others[0][0] < left[-1].n):
            _, other, names = heapq.heappop(others)
            if rest[other.writer] and rest[other.writer][-1] is other:
                place_after(other, names)
    return placed


def _dates_suffice(by_date: list[Event]) -> bool:
    latest: dict[str, int] = {}
    for event in by_date:
        if "after" in event.body or latest.get(event.writer, -1) > event.n:
            return False
        latest[event.writer] = event.n
    return True
