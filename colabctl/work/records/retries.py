"""What a worker does while its folder does not answer: it pauses, and tries again."""

import math
from collections.abc import Callable

from colabctl.durations import format_duration
from colabctl.sharedfs.faults import MissingError, describe, fault_of, pause_after
from colabctl.work.limits import EndReason


class Retries:
    """Calls what uses the folder, and handles its OSErrors.

    After a passing fault, the next calls do nothing until a pause is over. Pauses grow.

    Args:
        patience: seconds without an answer after which a passing fault counts as a lasting one.
        longest: seconds of the longest pause.

    Attributes:
        error: A fault that does not pass, so the worker must end.
        ending: Why it must.

    """

    def __init__(
        self,
        tell: Callable[[str], None],
        monotonic: Callable[[], float],
        patience: float = math.inf,
        longest: float = math.inf,
    ) -> None:
        self.error: OSError | None = None
        self.ending: EndReason = "finished"
        self._tell = tell
        self._monotonic = monotonic
        self._patience, self._longest = patience, longest
        self._pause = 0.0  # seconds; 0 if the last call worked
        self._failing_since = 0.0
        self._retry_at = 0.0

    @property
    def pausing(self) -> bool:
        """Whether the last call failed."""
        return self._pause > 0

    def silent_for(self) -> float:
        """Return for how many seconds the folder has not answered, 0 if it does."""
        return self._monotonic() - self._failing_since if self._pause else 0.0

    def call(self, act: Callable[[], None]) -> None:
        """Call `act`, unless a pause is not over."""
        if self._monotonic() < self._retry_at:
            return
        try:
            act()
        except OSError as error:
            self._take(error)
        else:
            if self._pause and self.error is None:
                seconds = self._monotonic() - self._failing_since
                self._tell(f"the folder answers again, after {format_duration(seconds)}")
            self._pause, self.error = 0.0, None

    def _take(self, error: OSError) -> None:
        now, fault = self._monotonic(), fault_of(error)
        if fault != "passing":
            self.error = error
            is_missing = isinstance(error, MissingError)
            self.ending = "full" if fault == "full" else "missing" if is_missing else "unwritable"
        elif not self._pause:
            self._failing_since = now
            self._tell(f"{describe(error)}; trying again until it answers")
        elif now - self._failing_since >= self._patience:
            self.error, self.ending = error, "silent"
        self._pause = min(pause_after(self._pause), self._longest)
        self._retry_at = now + self._pause
