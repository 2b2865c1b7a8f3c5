"""Chooses the tasks to claim; workers that see claims late rarely choose the same ones."""

import random
from collections.abc import Collection

from colabctl.ledger.sweep_state import SweepState

# How often a worker whose share is empty waits instead of taking a task from another share. In
# simulations this halves the number of tasks that run twice and costs half a percent of speed.
_PATIENCE = 0.7
# Multiples of the golden ratio's fraction spread neighbouring indices evenly over [0, 1).
_SPREAD = 0.6180339887498949


def choose(
    state: SweepState, want: int, rng: random.Random, taken: Collection[int] = ()
) -> list[int]:
    """Return at most `want` open tasks that are not `taken`, in random order."""
    if want <= 0 or state.order != "go":
        return []
    items = state.open.items
    chosen = [i for i in rng.sample(items, min(want, len(items))) if i not in taken]
    if chosen or not items:
        return chosen
    left = [index for index in items if index not in taken]
    return rng.sample(left, min(want, len(left)))


def choose_lapsed(
    state: SweepState, want: int, now: float, rng: random.Random, taken: Collection[int] = ()
) -> list[int]:
    """Return at most `want` tasks of workers whose lease has lapsed at ledger time `now`."""
    if want <= 0 or state.order != "go":
        return []
    lapsed = sorted(index for index in state.lapsed(now) if index not in taken)
    return rng.sample(lapsed, min(want, len(lapsed)))


def choose_apart(
    state: SweepState, want: int, now: float, rng: random.Random, name: str
) -> list[int]:
    """Choose open or lapsed tasks, for the worker `name` in a folder where claims arrive late.

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
    return chosen + choose_lapsed(state, want - len(chosen), now, rng)
