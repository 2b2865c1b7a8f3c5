"""Chooses the tasks to claim; workers that see claims late rarely choose the same ones."""

import math
import random
from collections.abc import Collection, Iterable

from colabctl.ledger.events import Event
from colabctl.ledger.state.writer import Writer
from colabctl.ledger.sweep_state import SweepState

# How often a worker waits instead of taking tasks that their owner has probably claimed, or those
# of a worker that may be dead. In simulations this saves half of the tasks that run twice.
_PATIENCE = 0.95
_PATIENCE_WITH_SILENT = 0.7
_AHEAD = 10.0  # seconds of work that a worker claims at a time
_SILENCE = 25.0  # seconds that the events of a worker with short tasks are late at worst
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


def choose_apart(  # noqa: PLR0917 - the state, and what a worker knows of itself
    state: SweepState,
    want: int,
    now: float,
    rng: random.Random,
    name: str,
    here: Collection[int] = (),
) -> list[int]:
    """Choose open or lapsed tasks, for the worker `name` in a folder where claims arrive late.

    The worker starts with its own share: an even slice of all tasks, with which no other live
    worker starts. After that it takes what others have too much of; see `_surplus`. It does not
    choose tasks that are `here` already: others may have taken and released them meanwhile.
    """
    if want <= 0 or state.order != "go":
        return []
    workers = {writer.name: writer for writer in state.live_workers(now)}
    names = sorted({*workers, name})
    shares: dict[str, list[int]] = {each: [] for each in names}
    for index in state.open:
        if index not in here:
            shares[names[int(index * _SPREAD % 1.0 * len(names))]].append(index)
    own = shares.pop(name)
    chosen = rng.sample(own, min(want, len(own)))
    if not chosen:
        pace = _rate(workers.get(name))
        spare = [
            index
            for other, share in shares.items()
            for index in rng.sample(share, _surplus(workers[other], len(share), pace, now, rng))
        ]
        if not spare and rng.random() >= _PATIENCE:
            spare = [index for share in shares.values() for index in share]
        chosen = rng.sample(spare, min(want, len(spare)))
    return chosen + choose_lapsed(state, want - len(chosen), now, rng, here)


def _surplus(
    worker: Writer, share: int, own_rate: float | None, now: float, rng: random.Random
) -> int:
    """Return how many open tasks of another worker's share it has surely not claimed.

    The open ones are those whose claim has not arrived here. By its rate, the worker has claimed
    some of these since its last event, and some more ahead. A worker that is silent for longer than
    it should be may be dead, so its whole share is taken now and then.
    """
    rate = _rate(worker) or own_rate
    if rate is None:
        return 0
    silent = max(0.0, now - worker.last_seen)
    if silent > _SILENCE + 2 / rate:
        return 0 if rng.random() < _PATIENCE_WITH_SILENT else share
    return max(0, share - math.ceil(rate * (silent + _AHEAD)))


def _rate(worker: Writer | None) -> float | None:
    """Return how many tasks a worker has ended per second, None if that is unknown yet."""
    if worker is None or worker.started is None:
        return None
    seconds = worker.last_seen - worker.started
    return (worker.done + worker.failed) / seconds or None if seconds > 0 else None


def contested(state: SweepState, indices: Iterable[int], name: str, now: float) -> set[int]:
    """Return those of the tasks of worker `name` that another live worker has claimed too."""
    return {
        index
        for index in indices
        if any(state.lives_at(other, now) for other in _claimants(state.events_of(index)) - {name})
    }


def _claimants(events: Iterable[Event]) -> set[str]:
    claimants: set[str] = set()
    for event in events:
        if event.kind == "claim":
            claimants.add(event.writer)
        else:
            claimants.discard(event.writer)
    return claimants
