"""Watches how much room is left in the folder, so that a worker stops before it is full."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from colabctl.sharedfs.room import room_of
from colabctl.sizes import format_size

_STOP = 10  # the part of min_free below which a worker claims no more tasks
_CHANGE = 0.1  # of the room; a smaller change is not worth an event


class RoomWatch:
    """Looks at the free room of a folder: before a claim, and else once in some seconds.

    Args:
        folder: the project's; None to look at nothing.
        min_free: bytes. With less, the user gets a warning, and with less than a tenth of it a
            worker claims no more tasks. 0 for neither.
        every: seconds between two looks; each is one call of the file system.
        tell: takes messages for the user.

    """

    def __init__(
        self,
        folder: Path | None = None,
        min_free: int = 0,
        every: float = math.inf,
        tell: Callable[[str], None] = lambda _: None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._min_free = min_free
        self._every = every
        self._tell = tell
        self._monotonic = monotonic
        self._looked_at = -math.inf
        self._free: int | None = None  # bytes; None if the file system does not tell
        self._written: int | None = None  # what the last event says
        self._warned = False

    def look(self, *, at_once: bool = False) -> None:
        """Look if it is time to, or `at_once`, as before a claim.

        It warns once each time that the room falls below the floor.
        """
        now = self._monotonic()
        is_due = at_once or now - self._looked_at >= self._every
        if self._folder is None or not is_due:
            return
        self._looked_at = now
        room = room_of(self._folder)
        self._free = room.free if room else None
        is_low = self._free is not None and self._free < self._min_free
        if is_low and not (self._warned or self.is_short):
            stop = format_size(self._min_free / _STOP)
            self._tell(
                f"only {format_size(self._free or 0)} free in {self._folder} (min_free is "
                f"{format_size(self._min_free)}); workers here stop below {stop}; see what can be "
                "deleted: colabctl space"
            )
        self._warned = is_low

    @property
    def is_short(self) -> bool:
        """Whether there is so little room that a worker must not claim tasks."""
        return self._free is not None and self._free < self._min_free / _STOP

    @property
    def reason(self) -> str:
        """Why a worker must not claim tasks, in a sentence."""
        return (
            f"only {format_size(self._free or 0)} free in {self._folder}, so no more tasks start "
            f"here: {format_size(self._min_free / _STOP)} must be free, which is a tenth of "
            "min_free in colabctl.yaml (or COLABCTL_MIN_FREE)"
        )

    @property
    def has_changed(self) -> bool:
        """Whether the room is so different from what the last event says that others should know.

        Before the first event of a worker, which says it anyway, it is not.
        """
        if self._free is None or self._written is None:
            return False
        least = max(_CHANGE * self._written, self._min_free / _STOP, 1)
        return abs(self._free - self._written) >= least

    def part(self) -> dict[str, Any]:
        """Return the part `free` of an event, with the room in bytes; nothing if unknown."""
        self._written = self._free
        return {} if self._free is None else {"free": self._free}
