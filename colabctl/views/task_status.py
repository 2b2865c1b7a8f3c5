"""The status of each task of a sweep at one moment."""

from colabctl.ledger import SweepState


def held_tasks(state: SweepState, now: float) -> dict[str, list[int]]:
    """Return the tasks that each writer holds at ledger time `now`, in the order of its claims.

    Tasks whose holder's lease has lapsed are left out.
    """
    lapsed = set(state.lapsed(now))
    return {
        name: sorted(indices - lapsed, key=lambda index: (state.tasks[index].held_since, index))
        for name, indices in state.held.items()
    }


def statuses(state: SweepState, now: float) -> list[str]:
    """Return the status of each task at ledger time `now`.

    Finished tasks are done, pruned or failed. Of the tasks that a writer holds, as many as it has
    jobs are running; the rest are claimed. All others are pending, or cancelled if the sweep was
    stopped.
    """
    waiting = "cancelled" if state.order == "stop" else "pending"
    statuses: list[str] = [task.status if task.finished else waiting for task in state.tasks]
    for name, indices in held_tasks(state, now).items():
        for rank, index in enumerate(indices):
            statuses[index] = "running" if rank < state.writers[name].jobs else "claimed"
    return statuses
