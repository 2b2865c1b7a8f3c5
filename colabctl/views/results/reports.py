"""The intermediate values of finished tasks, as rows of a second table."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

from colabctl.ledger import SweepState, reports_of, task_name
from colabctl.views.columns import flat, spelled_out

TITLES = ("task", "step", "metric", "value")

Report = tuple[str, float | None, str, float]
"""The task, the step, the name of a metric, and its value."""


def reports(state: SweepState, indices: Iterable[int]) -> Iterator[Report]:
    """Yield what the attempts that finished some tasks reported, one number at a time.

    Values that are not numbers are left out.
    """
    for index in indices:
        if index not in state.progress:
            continue
        task = task_name(index)
        for step, values in reports_of(state, index):
            for name, value in flat(values).items():
                if isinstance(value, int | float):
                    yield task, _number(step), spelled_out(name), _number(value)


def _number(value: Any) -> Any:
    """Return a number as files can store it: a whole number beyond 64 bits becomes a float."""
    if type(value) is not int or -(2**63) <= value < 2**63:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
