"""The delay from closing a file on one machine until another machine sees the change."""

import math
import random
from dataclasses import dataclass

WORST_QUANTILE = 2.33  # standard deviations; one delay in a hundred is longer, and is clipped


@dataclass(frozen=True, slots=True)
class Delays:
    """Log-normal delays in seconds, with a median and a maximum."""

    median: float
    worst: float

    def __post_init__(self) -> None:
        if not 0 <= self.median <= self.worst:
            raise ValueError(
                f"the median, {self.median} s, is not between 0 and the worst, {self.worst} s"
            )

    def draw(self, chance: random.Random) -> float:
        """Return one delay in seconds."""
        if self.median == 0:
            return 0.0
        spread = math.log(self.worst / self.median) / WORST_QUANTILE
        return min(self.worst, chance.lognormvariate(math.log(self.median), spread))
