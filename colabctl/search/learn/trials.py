"""What a search learns from: the trials of one cell, as far as their reader knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["running", "done", "pruned", "failed"]

Report = tuple[float | None, float]
"""The step that a task named, or None, and the value of the metric."""


@dataclass(frozen=True)
class Trial:
    """One trial of a cell.

    state          running also means: claimed once, and waiting to be run again
    params         as the task sees them, maps within maps where the space nests
    value          the metric at the end, None if there is none or it is no number
    reports        intermediate values in the order in which the task told them
    distributions  of an Optuna objective: the distribution of each of its parameters, as Optuna
                   writes it in JSON; else None, the space says it
    ended          when it came to its end, on a clock that all trials share; None if it did not
    """

    state: State
    params: Mapping[str, Any]
    value: float | None = None
    reports: tuple[Report, ...] = ()
    distributions: Mapping[str, Any] | None = None
    ended: float | None = None


Trials = Mapping[int, Trial]
"""The trials of one cell that anything is known of, by their number in the cell."""
