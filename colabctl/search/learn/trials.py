"""The known trials of one cell, from which a search learns."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["running", "done", "pruned", "failed"]

Report = tuple[float | None, float]
"""The step that a task reported, or None, and the value of the metric."""


@dataclass(frozen=True)
class Trial:
    """One trial of a cell.

    Attributes:
        state: "running" includes a trial that waits for another attempt
        params: as the task sees them, with nested maps
        value: the final metric; None if it is missing or not a number
        reports: intermediate values in the order of the reports
        distributions: of an Optuna objective's parameters, in Optuna's JSON; None for others,
            whose space is declared
        values: the final metrics of a sweep with several; None if one is missing or no number
        ended: the time of its end, in seconds on a clock that all trials share; None before
        seconds: how long the task ran; None if it has not finished
    """

    state: State
    params: Mapping[str, Any]
    value: float | None = None
    reports: tuple[Report, ...] = ()
    distributions: Mapping[str, Any] | None = None
    ended: float | None = None
    values: tuple[float, ...] | None = None
    seconds: float | None = None


Trials = Mapping[int, Trial]
"""The known trials of one cell by their number in the cell."""
