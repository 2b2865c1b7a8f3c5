"""Says how the metrics of a finished task lack the sweep's metric."""

import math
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from colabctl.errors import nearest
from colabctl.ledger.plan import Plan
from colabctl.metrics import number_in

_MOST_NAMES = 10  # of metrics
_LONGEST = 60  # characters of a name
_SHORTEST = 3  # characters of a part that may be meant

_HOW_TO_REPORT = {
    "function": "return {{{!r}: ...}}",
    "program": (
        'call colabctl.task().done({0}=...), log it with W&B, or write {{"{0}": ...}} to the file '
        "$COLABCTL_RESULT"
    ),
    "notebook": "call task.done({}=...)",
    "loop": "call task.done({}=...)",
}
"""What reports a metric of this name, for each kind of program."""


def measure(plan: Plan, metrics: Mapping[str, Any]) -> tuple[float, bool]:
    """Return the sweep's metric, NaN without one, and whether the metrics lack it.

    Of several metrics, none is returned, and each may be lacking.
    """
    number = plan.number_of(metrics)
    return (math.nan, bool(lack(plan, metrics))) if number is None else (number, False)


def lack(plan: Plan, metrics: Mapping[str, Any]) -> str:
    """Return what a task reported in place of a metric of the sweep, "" if it reported all.

    A NaN, which is recorded as None, counts as reported.
    """
    return next((text for name in plan.goals if (text := _lack(plan, name, metrics))), "")


def _lack(plan: Plan, metric: str, metrics: Mapping[str, Any]) -> str:
    if number_in(metrics, metric) is not None or metrics.get(metric, "") is None:
        return ""
    name = f"{metric:.{_LONGEST}}"
    if metric in metrics:
        return f"reported {name!r} as a {type(metrics[metric]).__name__}, not as a number"
    if metrics:
        return f"reported no {name!r} (it reported: {listed(metrics)}){meant(metric, metrics)}"
    how = _HOW_TO_REPORT.get(plan.kind, "")
    return f"reported no metric at all{how and '; '}{how.format(name)}"


def listed(names: Iterable[str]) -> str:
    """Return the names of metrics in a line, at most ten of them."""
    names = list(names)
    more = ["..."] if len(names) > _MOST_NAMES else []
    return ", ".join([f"{name:.{_LONGEST}}" for name in names[:_MOST_NAMES]] + more)


def _share(one: str, other: str) -> bool:
    """Whether one name is a part of the other, as acc is of val_acc and of accuracy."""
    short, long = sorted((one.casefold(), other.casefold()), key=len)
    return len(short) >= _SHORTEST and short in long


def meant(metric: str, names: Iterable[str]) -> str:
    """Return a question with the name that is most similar to a metric's; "" without one."""
    names = list(names)
    near = nearest(metric, names) or next(filter(partial(_share, metric), names), None)
    return f"; did you mean {near:.{_LONGEST}}?" if near else ""
