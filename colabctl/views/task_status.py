"""The status of each task of a sweep at one moment."""

from colabctl.ledger import SweepState


def held_tasks(state: SweepState, now: float) -> dict[str, list[int]]:
    """Return the tasks that each writer holds at ledger time `now`, in the order of its claims.

    A task whose holder's lease has lapsed is not among them.
    """
    lapsed = set(state.lapsed(now))
    return {
        name: sorted(indices - lapsed, key=lambda index: (state.tasks[index].held_since, index))
        for name, indices in state.held.items()
    }


def statuses(state: SweepState, now: float) -> list[str]:
    """Return the status of each task at ledger time `now`.

    Finished tasks are done, pruned or failed. A writer's held tasks are running, as many as it has
    jobs, and claimed. All others are pending, or cancelled if the sweep was stopped.
    """
    waiting = "cancelled" if state.order == "stop" else "pending"
    words: list[str] = [task.status if task.finished else waiting for task in state.tasks]
    for name, indices in held_tasks(state, now).items():
        for rank, index in enumerate(indices):
            words[index] = "running" if rank < state.writers[name].jobs else "claimed"
    return words
