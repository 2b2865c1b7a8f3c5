"""Chooses the tasks that a page shows, all of them or a sample that keeps what matters."""

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from colabctl.ledger import Plan, SweepState
from colabctl.views.best import best_first
from colabctl.views.pareto import front

MOST = 10_000
"""The most tasks of a page; of more, it has a sample."""

_BEST, _FAILED, _RUNNING = 500, 1000, 500  # of a sample, at most


def sample(
    plan: Plan,
    state: SweepState,
    statuses: Sequence[str],
    most: int,
    *,
    needed: Iterable[int] = (),
    cell_of: Callable[[int], int] = lambda _: 0,
) -> list[int]:
    """Return the tasks to show, in order: all, or `most` of them.

    A sample has the `needed` tasks, those of a Pareto front, those that were the best of their cell
    when they ended, the best at the end, failed and running ones; then, evenly spread, finished
    tasks and tasks that wait.
    """
    if state.total <= most:
        return list(range(state.total))
    ranked = best_first(plan, state)
    on_front = [i for point in front(plan, state) for i in point.tasks] if plan.metrics else []
    failed = [index for index, status in enumerate(statuses) if status == "failed"]
    running = [index for index, status in enumerate(statuses) if status == "running"]
    matter = chain(
        needed,
        on_front[:_BEST],
        _improvements(state, ranked, cell_of),
        (index for index, _ in ranked[:_BEST]),
        spread(failed, _FAILED),
        running[:_RUNNING],
    )
    chosen = dict.fromkeys(list(dict.fromkeys(matter))[:most])
    for names in (("done", "pruned", "failed"), ("running", "claimed", "pending", "cancelled")):
        others = [i for i, status in enumerate(statuses) if status in names and i not in chosen]
        chosen.update(dict.fromkeys(spread(others, most - len(chosen))))
    return sorted(chosen)


def spread(tasks: Sequence[int], most: int) -> list[int]:
    """Return at most `most` tasks, evenly spread over all."""
    if len(tasks) <= most:
        return list(tasks)
    return [tasks[position * len(tasks) // most] for position in range(max(most, 0))]


def _improvements(
    state: SweepState, ranked: Sequence[tuple[int, float]], cell_of: Callable[[int], int]
) -> list[int]:
    """Return the tasks that were the best of their cell when they ended."""
    columns, times = state.columns, state.log.times
    better: list[int] = []
    earliest: dict[int, float] = {}
    for index, _ in ranked:  # best first: each earlier one was the best until then
        cell, ended = cell_of(index), times[columns.outcomes[index]]
        if ended < earliest.get(cell, math.inf):
            earliest[cell] = ended
            better.append(index)
    return better
