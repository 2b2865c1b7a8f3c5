"""Which sampler proposes under `sampler: auto`: a Gaussian process or Optuna's TPE.

A Gaussian process finds better points than TPE in short searches of few numbers, as in Optuna's
AutoSampler. But its proposals take longer, the more so with more trials, and it needs SciPy.
"""

from collections import deque
from importlib.util import find_spec
from statistics import median
from typing import Literal

from colabctl.search.learn.axes import Level, Listed
from colabctl.search.learn.trials import Trials

Kind = Literal["auto", "tpe", "gp", "nsga2"]
Learner = Literal["tpe", "gp", "nsga2"]

MOST_NUMBERS = 20
"""The most numeric parameters of a space that a Gaussian process searches."""

MOST_TRIALS = 300
"""The number of trials from which TPE proposes."""

MOST_OF_TASK = 0.05
"""The share of a task's time from which its proposal takes too long."""

_FIRST = 0.3  # seconds that a proposal takes until some were measured
_MEASURED = 3  # proposals; the fastest counts, as the others may have waited for the processor


class Choice:
    """Chooses the sampler of each proposal in one cell, and remembers how long proposals took.

    TPE proposes where there are `several` metrics.
    """

    def __init__(self, level: Level, kind: Kind, *, several: bool = False) -> None:
        self._kind = kind
        self._fits = not several and fits(level)
        self._taken: deque[float] = deque(maxlen=_MEASURED)

    def of(self, trials: Trials) -> Learner:
        """Return the sampler that proposes next."""
        if self._kind != "auto":
            return self._kind
        if not self._fits or len(trials) >= MOST_TRIALS:
            return "tpe"
        task = median(
            [trial.seconds for trial in trials.values() if trial.seconds is not None] or [0.0]
        )
        return "gp" if self.proposal_seconds <= MOST_OF_TASK * task else "tpe"

    @property
    def proposal_seconds(self) -> float:
        """How long a proposal by a Gaussian process takes here."""
        return min(self._taken) if len(self._taken) > 1 else _FIRST

    def measured(self, seconds: float) -> None:
        """Record how long a proposal by a Gaussian process took."""
        self._taken.append(seconds)


def fits(level: Level) -> bool:
    """Whether a Gaussian process can search a space here: SciPy is there, and the space is small.

    A space with choices is not: a Gaussian process would search each level without the others.
    """
    dimensions = list(level.walk())
    if any(dimension.branches for dimension in dimensions):
        return False
    numbers = [d for d in dimensions if not isinstance(d.axis, Listed) or d.axis.ordered]
    return bool(numbers) and len(numbers) <= MOST_NUMBERS and find_spec("scipy") is not None
