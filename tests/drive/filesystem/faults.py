"""What is wrong with one mount at the moment, and what its answers cost."""

import errno
import math
import os
import random
import threading
import time
from collections.abc import Callable

from tests.drive.messages import Counts


class Faults:
    """The state of a mount's health; its methods are called before an operation is done."""

    def __init__(
        self,
        seed: str,
        cost: tuple[float, float],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._chance = random.Random(seed)
        self._cost = cost
        self._lock = threading.Lock()
        self._errno = 0
        self._until = -math.inf  # by the clock
        self._room: float = math.inf  # bytes that can still be written
        self.counts = Counts()

    def fail(self, number: int, seconds: float | None) -> None:
        """Answer everything with this errno for so long, or until mended."""
        self._errno = number
        self._until = math.inf if seconds is None else self._clock() + seconds

    def fill(self, room: int) -> None:
        """Leave room for so many bytes."""
        with self._lock:
            self._room = room

    def mend(self) -> None:
        """End all faults."""
        self._until = -math.inf
        self._room = math.inf

    @property
    def full(self) -> bool:
        """Whether the room on the drive is limited."""
        return self._room < math.inf

    def answer(self) -> None:
        """Raise the errno that is in force, if one is."""
        if self._clock() < self._until:
            raise OSError(self._errno, os.strerror(self._errno))

    def spend(self, size: int) -> None:
        """Use up room for so many bytes; raise ENOSPC, and use none, if there is less."""
        with self._lock:
            if size > self._room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._room -= size

    def pay(self) -> None:
        """Count a metadata operation and take the time that it takes."""
        with self._lock:
            self.counts.operations += 1
            seconds = self._chance.uniform(*self._cost)
        if seconds:
            self._sleep(seconds)
