"""The slots of a worker and the tasks they have: which are idle, what each runs, what to stop."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, KeysView, Sequence

from colabctl.run.slot import Outcome, Slot, Stop
from colabctl.task import Assignment
from colabctl.work.batch import excess

MakeSlots = Callable[["deque[Outcome]", Callable[[], None]], list[Slot]]
"""What starts the slots; they fill the queue, and call the function when there is something."""


class SlotPool:
    """The `jobs` slots of a worker; they are started when there is something to run."""

    def __init__(self, make_slots: MakeSlots, jobs: int) -> None:
        self._make_slots = make_slots
        self._jobs = jobs
        self._slots: list[Slot] = []
        self._slot_of: dict[int, Slot] = {}
        self.outcomes: deque[Outcome] = deque()
        self.wake = threading.Event()

    @property
    def tasks(self) -> KeysView[int]:
        """The tasks that are here."""
        return self._slot_of.keys()

    def start(self) -> None:
        """Start the slots, if that was not done."""
        if not self._slots:
            self._slots = self._make_slots(self.outcomes, self.wake.set)

    def idle_soon(self, ahead: float) -> int:
        """Return how many slots will have nothing to do within `ahead` seconds."""
        return len(self._idle_soon(ahead)) if self._slots else self._jobs

    def _idle_soon(self, ahead: float) -> list[Slot]:
        return [slot for slot in self._slots if slot.free_in() <= ahead]

    def pace(self) -> float | None:
        """Return the seconds that a task takes, None while nobody knows."""
        return max((slot.seconds for slot in self._slots if slot.seconds is not None), default=None)

    def give(self, assignments: Sequence[Assignment], ahead: float) -> None:
        """Share tasks out among the slots that need some."""
        self.start()
        slots = self._idle_soon(ahead) or self._slots
        for place, slot in enumerate(slots):
            share = list(assignments[place :: len(slots)])
            self._slot_of.update((each.index, slot) for each in share)
            if share:
                slot.give(share)

    def running(self) -> Iterator[tuple[int, float]]:
        """Yield the task that each busy slot runs, and for how many seconds."""
        for slot in self._slots:
            running = slot.running()
            if running:
                yield running[0].index, running[1]

    def ended(self, index: int) -> None:
        """Note that a task has come back."""
        self._slot_of.pop(index, None)

    def answer(self, index: int, *, stop: bool) -> None:
        """Tell a task whether it should stop."""
        slot = self._slot_of.get(index)
        if slot is not None:
            slot.answer(index, stop=stop)

    def stop(self, index: int, why: Stop) -> None:
        """End a task if it runs; it comes back as an outcome."""
        slot = self._slot_of.get(index)
        if slot is not None:
            slot.stop(index, why)

    def drop(self, index: int) -> bool:
        """Forget a task that waits and say so; or stop it, if it runs, to come back."""
        dropped = self._slot_of[index].drop(index)
        if dropped:
            self.ended(index)
        return dropped

    def take_back_surplus(self, batch: float) -> list[int]:
        """Take back what would keep a slot waiting for more than about `batch` seconds."""
        return self._take_back(lambda slot: excess(slot.seconds or 0.0, slot.waiting, batch))

    def take_back_waiting(self) -> list[int]:
        """Take back all tasks that have not begun."""
        return self._take_back(lambda slot: slot.waiting)

    def _take_back(self, count: Callable[[Slot], int]) -> list[int]:
        taken = [each.index for slot in self._slots for each in slot.take_back(count(slot))]
        for index in taken:
            self.ended(index)
        return taken

    def stop_all(self, within: float) -> None:
        """Stop what runs, to come back, and end the slots, all at the same time."""
        for slot in self._slots:
            running = slot.running()
            if running:
                slot.stop(running[0].index, Stop("returned"), kill_after=within * 2 / 3)
        closings = [
            threading.Thread(target=slot.close, kwargs={"within": within}) for slot in self._slots
        ]
        for closing in closings:
            closing.start()
        for closing in closings:
            closing.join()
