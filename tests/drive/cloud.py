"""The cloud between the machines: its objects, and the changes on their way to and from it."""

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from tests.drive.delays import Delays
from tests.drive.messages import ROOT, Arrived, Change, Counts, News, Object, Uploaded


@dataclass(frozen=True, slots=True)
class _Leaving:
    """A change that is not uploaded yet."""

    change: Change
    due: float  # when it will be uploaded, in seconds of the caller's clock
    travel: list[float]  # seconds from its upload until each machine sees it
    orphan: bool = False  # its mount is gone


@dataclass(frozen=True, slots=True, order=True)
class _Arriving:
    """A version of an object on its way to one machine."""

    due: float
    travel: float  # the order of arrival in a manual drive
    serial: int
    object: Object


class Cloud:
    """Objects with ids and parents, and an outbox and an inbox for each machine.

    It has no clock and no thread: `now` is an argument, in seconds. `tell` is called with the
    number of a machine and a message to it.
    """

    def __init__(
        self,
        machines: int,
        tell: Callable[[int, News], None],
        delays: Delays,
        *,
        manual: bool = False,
        seed: int = 0,
    ) -> None:
        self.objects = {ROOT: Object(ROOT, parent="", name="", folder=True)}
        self.sent = [Counts() for _ in range(machines)]
        self._tell = tell
        self._delays = delays
        self._manual = manual
        self._seed = seed
        self._ids: dict[str, str] = {}  # local key to id, of uploaded objects
        self._outboxes: list[dict[str, _Leaving]] = [{} for _ in range(machines)]  # by key
        # Heaps. A departure is void if its change has left, or has changed again.
        self._departures: list[list[tuple[float, int, str]]] = [[] for _ in range(machines)]
        self._inboxes: list[list[_Arriving]] = [[] for _ in range(machines)]
        self._mounted: set[int] = set()
        self._cut: set[int] = set()
        self._serials = itertools.count(1)

    def mount(self, machine: int) -> None:
        """Send a machine all objects in the cloud, and from now on every change."""
        self._mounted.add(machine)
        for each in self.objects.values():
            self._tell(machine, Arrived(each))

    def unmount(self, machine: int) -> None:
        """Drop the changes on their way to a machine; its closed files are still uploaded."""
        self._mounted.discard(machine)
        self._inboxes[machine].clear()
        for key, leaving in self._outboxes[machine].items():
            self._outboxes[machine][key] = replace(leaving, orphan=True)

    def lose(self, machine: int) -> None:
        """Drop a machine, with everything that it has not uploaded."""
        self.unmount(machine)
        self._outboxes[machine].clear()

    def cut(self, machine: int) -> None:
        """Stop all traffic to and from a machine."""
        self._cut.add(machine)

    def rejoin(self, machine: int) -> None:
        """Resume the traffic of a machine; overdue changes move at once."""
        self._cut.discard(machine)

    def take(self, machine: int, change: Change, now: float) -> None:
        """Put a change into its machine's outbox, merged with an earlier one of the same object."""
        key = self._ids.get(change.key, change.key)
        outbox = self._outboxes[machine]
        if earlier := outbox.pop(key, None):
            change = change.after(earlier.change)
        if change.trashed and key not in self.objects:
            return  # created and removed before its upload
        # Seeded by the number of the change, so that delays do not depend on how threads race.
        chance = random.Random(f"{self._seed}/{machine}/{change.serial}")
        seen = [self._delays.draw(chance) for _ in self._outboxes]
        # The upload ends halfway to the first machine that sees it.
        others = [seconds for other, seconds in enumerate(seen) if other != machine]
        upload = min(others or seen) / 2
        due = math.inf if self._manual else now + upload
        outbox[key] = _Leaving(change, due, travel=[seconds - upload for seconds in seen])
        heapq.heappush(self._departures[machine], (due, next(self._serials), key))

    def advance(self, now: float) -> float:
        """Move everything that is due; return the time of the next move, infinity for none."""
        for machine in self._reachable():
            outbox, departures = self._outboxes[machine], self._departures[machine]
            while departures and departures[0][0] <= now:
                due, _, key = heapq.heappop(departures)
                if key in outbox and outbox[key].due == due:
                    self._upload(machine, key, now)
        dues = []
        for machine in self._reachable():
            inbox = self._inboxes[machine]
            while inbox and inbox[0].due <= now:
                self._tell(machine, Arrived(heapq.heappop(inbox).object))
            dues += [departure[0] for departure in self._departures[machine][:1]]
            dues += [arriving.due for arriving in inbox[:1]]
        return min(dues, default=math.inf)

    def upload(self, machine: int, names: str, now: float) -> None:
        """Upload a machine's closed files with matching names now, in the order of closing."""
        if machine in self._cut:
            return
        outbox = self._outboxes[machine]
        for key, leaving in list(outbox.items()):
            name = leaving.change.name or self.objects[key].name
            if key in outbox and fnmatchcase(name, names):
                self._upload(machine, key, now)

    def deliver(self, machine: int, names: str) -> None:
        """Deliver objects with matching names to a machine now, in the order of their delays."""
        if machine in self._cut:
            return
        inbox = sorted(self._inboxes[machine])
        self._inboxes[machine] = [
            item for item in inbox if not fnmatchcase(item.object.name, names)
        ]
        for item in inbox:
            if fnmatchcase(item.object.name, names):
                self._tell(machine, Arrived(item.object))

    def idle(self) -> bool:
        """Whether nothing is on its way, except for machines that are cut off."""
        return not any(
            self._outboxes[machine] or self._inboxes[machine] for machine in self._reachable()
        )

    def _reachable(self) -> list[int]:
        return [machine for machine in range(len(self.sent)) if machine not in self._cut]

    def _upload(self, machine: int, key: str, now: float) -> None:
        leaving = self._outboxes[machine].pop(key, None)
        if leaving is None:
            return  # uploaded already, for an object inside it
        change = leaving.change
        parent = self._ids.get(change.parent or "", change.parent)
        if parent and parent not in self.objects:
            self._upload(machine, parent, now)
            parent = self._ids[parent]
        before = self.objects.get(key)
        if before is None:
            self._ids[key] = f"cloud-{len(self.objects):06d}"
            before = Object(self._ids[key], ROOT, "", change.folder)
        after = replace(
            before,
            version=before.version + 1,
            parent=parent or before.parent,
            name=change.name or before.name,
            blob=change.blob or before.blob,
            size=change.size if change.blob else before.size,
            modified=change.modified or before.modified,
            trashed=before.trashed or change.trashed,
        )
        self.objects[after.id] = after
        sent = self.sent[machine]
        sent.changes += 1
        if change.blob:
            sent.uploads += 1
            sent.bytes += change.size
        if machine in self._mounted:
            news = Arrived(after) if leaving.orphan else Uploaded(key, change.serial, after)
            self._tell(machine, news)
        for other in self._mounted - {machine}:
            travel = leaving.travel[other]
            due = math.inf if self._manual else now + travel
            heapq.heappush(self._inboxes[other], _Arriving(due, travel, next(self._serials), after))
