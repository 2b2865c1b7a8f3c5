"""The configurations of a sweep that runs each of them several times, with one value for each."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from colabctl.ledger import STATUSES, Plan, SweepState, proposal_of
from colabctl.views.spread import deviation

_PRUNED = STATUSES.index("pruned")


@dataclass(frozen=True)
class Configuration:
    """A configuration, some of whose tasks have a value.

    Attributes:
        tasks: these tasks, by index.
        values: the value of each.
        value: the mean of the values, or what else the sweep's `aggregate` makes of them.
        stopped: whether one of its tasks was stopped early.

    """

    tasks: Sequence[int]
    values: Sequence[float]
    value: float
    stopped: bool = False

    @cached_property
    def nearest(self) -> int:
        """The task whose value is nearest to the configuration's, the first of several."""
        gaps = (abs(value - self.value) for value in self.values)
        return min(zip(gaps, self.tasks, strict=True))[1]

    @property
    def sd(self) -> float | None:
        """The sample standard deviation of the values; None for fewer than two."""
        return deviation(self.values)


def configurations(
    plan: Plan,
    state: SweepState,
    tasks: Iterable[int] | None = None,
    values: Sequence[float] | None = None,
) -> list[Configuration]:
    """Return the configurations of which a task has a value.

    Args:
        plan: the plan of the sweep.
        state: its state.
        tasks: the tasks that count, ascending; all if None.
        values: a value for each task of the sweep, NaN without one; its metric if None.

    """
    values = state.columns.values if values is None else values
    repeat, every = plan.repeats, range(plan.total) if tasks is None else tasks
    configured = []
    statuses = state.columns.statuses
    for _, block in groupby(every, key=lambda index: index // repeat.count):
        indices = list(block)
        stopped = any(statuses[index] == _PRUNED for index in indices)
        valued = [index for index in indices if values[index] == values[index]]  # not NaN
        for own in _alike(plan, state, valued):
            numbers = [values[index] for index in own]
            configured.append(Configuration(own, numbers, repeat.aggregated(numbers), stopped))
    return configured


def _alike(plan: Plan, state: SweepState, tasks: list[int]) -> Iterator[list[int]]:
    """Yield the tasks that share their parameters.

    Two workers that start a configuration of a Bayesian search at the same moment may have chosen
    different ones for its tasks.
    """
    if plan.method != "bayes" or len(tasks) < 2:
        yield from [tasks] if tasks else ()
        return
    groups: dict[str, list[int]] = {}
    for index in tasks:
        proposal = proposal_of(state, index)
        own = plan.repeats.configuration(proposal.params) if proposal else {}
        groups.setdefault(json.dumps(own, sort_keys=True), []).append(index)
    yield from groups.values()


def ranked(configured: Sequence[Configuration], goal: str) -> list[Configuration]:
    """Return the configurations, the best first; those that `come_last` do so."""
    sign = 1 if goal == "minimize" else -1
    most = max((len(each.tasks) for each in configured), default=0)
    return sorted(
        configured,
        key=lambda each: (
            come_last(len(each.tasks), most, stopped=each.stopped),
            sign * each.value,
            each.tasks[0],
        ),
    )


def come_last(tasks: int, most: int, *, stopped: bool) -> bool:
    """Whether a configuration with values of some tasks comes after all others.

    It needs half as many as the one with the `most`, so that one lucky task beats no mean. And none
    of its tasks may have been stopped early: without its bad ones, its mean would be too good.
    """
    return stopped or 2 * tasks < most


def in_words(aggregate: str, sd: float | None, count: int) -> str:
    """Return what follows the value of a configuration: " ± 0.01 (mean of 5)"."""
    spread = "" if sd is None else f" ± {sd:.2g}"
    return f"{spread} ({aggregate} of {count})"
