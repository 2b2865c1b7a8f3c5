"""Learning curves of a sweep's tasks: the intermediate values that they reported."""

import math
from collections.abc import Sequence
from typing import Any

from colabctl.ledger import Plan, SweepState, reports_of
from colabctl.report.columns import short
from colabctl.report.sample import spread
from colabctl.views.best import best_first

MOST = 200
"""The most curves of a page."""

_BEST, _WORST, _PRUNED, _OPEN = 30, 15, 50, 20
_POINTS = 100  # of a curve
_NAMES = 3  # reported values that are shown, the sweep's metric first


def with_curves(plan: Plan, state: SweepState) -> list[int]:
    """Return the tasks whose curves are shown: the best, the worst, pruned, running and others."""
    reported = [
        index
        for index, numbers in state.progress.items()
        if any(state.log.event(number).kind == "report" for number in numbers)
    ]
    if len(reported) <= MOST:
        return sorted(reported)
    own = set(reported)
    ranked = [index for index, _ in best_first(plan, state) if index in own]
    status = state.columns.status
    pruned = [index for index in reported if status(index) == "pruned"]
    unfinished = [index for index in reported if status(index) in ("open", "held")]
    chosen = dict.fromkeys(
        [*ranked[:_BEST], *ranked[-_WORST:], *spread(pruned, _PRUNED), *unfinished[:_OPEN]]
    )
    others = [index for index in sorted(reported) if index not in chosen]
    return sorted([*chosen, *spread(others, MOST - len(chosen))])


def curves(plan: Plan, state: SweepState, tasks: Sequence[int]) -> dict[str, list[dict[str, Any]]]:
    """Return by name of a reported value: {"task", "x", "y"} of each task that reported it.

    A value without a step has its number as step. Long curves are thinned to 100 points.
    """
    read = {index: reports_of(state, index) for index in tasks}
    counts: dict[str, int] = {}
    for reports in read.values():
        for name in dict.fromkeys(name for _, values in reports for name in values):
            counts[name] = counts.get(name, 0) + 1
    first = [plan.metric] if plan.metric in counts else []
    others = sorted((name for name in counts if name != plan.metric), key=lambda n: -counts[n])
    shown: dict[str, list[dict[str, Any]]] = {}
    for name in [*first, *others][:_NAMES]:
        lines = [_curve(index, reports, str(name)) for index, reports in read.items()]
        if any(len(line["x"]) > 1 for line in lines):
            shown[str(name)] = [line for line in lines if line["x"]]
    return shown


def _curve(
    index: int, reports: Sequence[tuple[float | None, dict[str, Any]]], name: str
) -> dict[str, Any]:
    points = [
        (number if step is None else step, values[name])
        for number, (step, values) in enumerate(reports)
        if _is_finite(values.get(name))
    ]
    points = [points[i] for i in spread(range(len(points) - 1), _POINTS - 1)] + points[-1:]
    return {"task": index, "x": [short(x) for x, _ in points], "y": [short(y) for _, y in points]}


def _is_finite(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and math.isfinite(value)
    except (TypeError, OverflowError):
        return False
