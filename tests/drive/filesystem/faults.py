"""The current faults of a mount, and the time that its operations take."""

import errno
import math
import os
import random
import threading
import time
from collections.abc import Callable

from tests.drive.messages import Counts


class Faults:
    """The faults of a mount; its methods are called before each operation."""

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
        """Answer every operation with this errno, for some seconds or until repaired."""
        self._errno = number
        self._until = math.inf if seconds is None else self._clock() + seconds

    def fill(self, room: int) -> None:
        """Limit the room to a number of bytes."""
        with self._lock:
            self._room = room

    def repair(self) -> None:
        """End all faults."""
        self._until = -math.inf
        self._room = math.inf

    @property
    def room(self) -> int:
        """How many bytes can still be written."""
        return int(min(self._room, 1 << 60))

    def answer(self) -> None:
        """Raise the current errno, if there is one."""
        if self._clock() < self._until:
            raise OSError(self._errno, os.strerror(self._errno))

    def spend(self, size: int) -> None:
        """Use up room for `size` bytes; if there is less, raise ENOSPC and use none."""
        with self._lock:
            if size > self._room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._room -= size

    def pay(self) -> None:
        """Count a metadata operation and sleep for its time."""
        with self._lock:
            self.counts.operations += 1
            seconds = self._chance.uniform(*self._cost)
        if seconds:
            self._sleep(seconds)
