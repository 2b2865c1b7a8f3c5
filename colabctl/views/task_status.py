"""The status of each task of a sweep at one moment."""

from collections import Counter
from collections.abc import Iterator

from colabctl.ledger import STATUSES, Plan, Status, SweepState
from colabctl.views.extensions import waits_beyond_end

_OPEN = STATUSES.index("open")
_FINISHED: tuple[Status, ...] = ("done", "pruned", "failed", "cancelled")


def held_tasks(state: SweepState, now: float) -> dict[str, list[int]]:
    """Return the tasks that each writer holds at ledger time `now`, in the order of its claims.

    Tasks whose holder's lease has lapsed are left out.
    """
    lapsed = set(state.lapsed(now))
    return {
        name: sorted(indices - lapsed, key=lambda index: (state.tasks[index].held_since, index))
        for name, indices in state.held.items()
        if indices
    }


def counts(plan: Plan, state: SweepState, now: float) -> Counter[str]:
    """Return how many tasks have each of the statuses that `statuses` returns."""
    finished: Counter[str] = Counter({status: state.counts[status] for status in _FINISHED})
    waiting = state.total - finished.total()
    for name, indices in held_tasks(state, now).items():
        running = min(len(indices), state.writers[name].jobs)
        finished["running"] += running
        finished["claimed"] += len(indices) - running
        waiting -= len(indices)
    unneeded = sum(1 for _ in _parked(plan, state, now))
    finished["cancelled"] += unneeded
    finished[waits_as(plan, state)] += waiting - unneeded
    return finished


def has_ended(plan: Plan, state: SweepState, index: int) -> bool:
    """Whether patience has ended the search of a task, which was there by then."""
    return state.ends.is_parked(index) and not waits_beyond_end(plan, state)


def _parked(plan: Plan, state: SweepState, now: float) -> Iterator[int]:
    """Yield the tasks that no one runs of searches that have ended."""
    if not state.ends.parked or waits_beyond_end(plan, state):
        return
    lapsed, statuses = set(state.lapsed(now)), state.columns.statuses
    for search in state.ends.parked:
        for index in state.ends.tasks_of(search):
            if statuses[index] == _OPEN or index in lapsed:
                yield index


def waits_as(plan: Plan, state: SweepState) -> str:
    """Return the status of tasks that no one has started: pending, or cancelled after a stop."""
    is_stopped = state.order == "stop" and not waits_beyond_end(plan, state)
    return "cancelled" if is_stopped else "pending"


def statuses(plan: Plan, state: SweepState, now: float) -> list[str]:
    """Return the status of each task at ledger time `now`.

    Finished tasks are done, pruned, failed or cancelled. Of the tasks that a writer holds, as many
    as it has jobs are running; the rest are claimed. All others are pending, or cancelled too if
    the sweep or their search has ended.
    """
    waiting = waits_as(plan, state)
    names = [status if status in _FINISHED else waiting for status in STATUSES]
    statuses = [names[code] for code in state.columns.statuses]
    for index in _parked(plan, state, now):
        statuses[index] = "cancelled"
    for name, indices in held_tasks(state, now).items():
        for rank, index in enumerate(indices):
            statuses[index] = "running" if rank < state.writers[name].jobs else "claimed"
    return statuses
