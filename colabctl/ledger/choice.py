"""Chooses the tasks to claim; workers that see claims late rarely choose the same ones."""

import random

from colabctl.ledger.sweep_state import SweepState

# How often a worker whose share is empty waits instead of taking a task from another share. In
# simulations this halves the number of tasks that run twice and costs half a percent of speed.
_PATIENCE = 0.7
# Multiples of the golden ratio's fraction spread neighbouring indices evenly over [0, 1).
_SPREAD = 0.6180339887498949


def choose(state: SweepState, want: int, now: float, rng: random.Random) -> list[int]:
    """Return at most `want` tasks that may be claimed at ledger time `now`, in random order.

    Open tasks come before those of a worker whose lease has lapsed.
    """
    if want <= 0 or state.order != "go":
        return []
    chosen = rng.sample(state.open.items, min(want, len(state.open)))
    return chosen + _lapsed(state, want - len(chosen), now, rng)


def choose_apart(
    state: SweepState, want: int, now: float, rng: random.Random, name: str
) -> list[int]:
    """Choose as `choose` does, for the worker `name` in a folder where claims arrive late.

    The worker starts with its own share: an even slice of all tasks, with which no other live
    worker starts. After that it takes from other shares only now and then, because the next refresh
    may show that such a task is claimed.
    """
    if want <= 0 or state.order != "go":
        return []
    others = [writer.name for writer in state.live_workers(now) if writer.name != name]
    rank, shares = sum(other < name for other in others), len(others) + 1
    own = [index for index in state.open if int(index * _SPREAD % 1.0 * shares) == rank]
    chosen = rng.sample(own, min(want, len(own)))
    if not chosen and rng.random() < _PATIENCE:
        return []
    if len(chosen) < want:
        taken = set(chosen)
        left = [index for index in state.open if index not in taken]
        chosen += rng.sample(left, min(want - len(chosen), len(left)))
    return chosen + _lapsed(state, want - len(chosen), now, rng)


def _lapsed(state: SweepState, want: int, now: float, rng: random.Random) -> list[int]:
    lapsed = sorted(state.lapsed(now)) if want else []
    return rng.sample(lapsed, min(want, len(lapsed)))
