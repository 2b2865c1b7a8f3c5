"""How long a change takes from its close on one machine until another machine sees it."""

import math
import random
from dataclasses import dataclass

WORST_QUANTILE = 2.33  # standard deviations; one delay in a hundred would be longer and is clipped


@dataclass(frozen=True, slots=True)
class Delays:
    """Log-normal seconds with this median, none above the worst."""

    median: float
    worst: float

    def __post_init__(self) -> None:
        if not 0 <= self.median <= self.worst:
            raise ValueError(
                f"a median of {self.median} s does not go with a worst of {self.worst} s"
            )

    def draw(self, chance: random.Random) -> float:
        """Return one delay in seconds."""
        if self.median == 0:
            return 0.0
        spread = math.log(self.worst / self.median) / WORST_QUANTILE
        return min(self.worst, chance.lognormvariate(math.log(self.median), spread))
