"""Chooses the tasks to claim; workers that see claims late rarely choose the same ones."""

import hashlib
import math
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import cycle, islice

from colabctl.ledger.journals.events import Event
from colabctl.ledger.state.writer import Writer
from colabctl.ledger.sweep_state import SweepState

# How often a worker waits instead of taking tasks that their owner has probably claimed, or those
# of a worker that may be dead. In simulations this saves half of the tasks that run twice.
_PATIENCE = 0.95
_PATIENCE_WITH_SILENT = 0.7
_AHEAD = 10.0  # seconds of work that a worker claims at a time
_SILENCE = 25.0  # seconds that the events of a worker with short tasks are late at worst
_MOST_GROUPS = 4096  # of tasks; more would be shared out no better
_MOST_COMPARED = 4096  # open tasks, to find those whose turn it is

Fits = Callable[[int], bool]
"""Whether a task fits this worker."""
Able = Callable[[int, frozenset[str]], frozenset[str]]
"""Returns which workers, of those with these names, a task fits."""


def fits_any(_index: int) -> bool:
    """Whether a task fits, of a sweep whose tasks fit every worker."""
    return True


def all_able(_index: int, names: frozenset[str]) -> frozenset[str]:
    """Return which workers a task fits, of a sweep whose tasks fit every worker."""
    return names


def choose(
    state: SweepState,
    want: int,
    rng: random.Random,
    taken: Collection[int] = (),
    fits: Fits = fits_any,
) -> list[int]:
    """Return at most `want` open tasks that fit and are not `taken`.

    These are the first ones, else some at random.
    Of a sweep with repeats, they are those whose turn it is; see `_in_turn`.
    """
    if want <= 0 or state.order != "go":
        return []
    # Another worker may have taken a task of an extension that this one does not know.
    started = sum(index < state.total and index in state.open for index in taken)
    room, restarts = state.room - started, state.ends.restarts

    def may(index: int) -> bool:
        return index not in taken and fits(index)

    if room < want:  # the budget covers tasks that ran before
        again = [index for index in restarts if index in state.open and may(index)]
        new = _choose(state, max(0, room), rng, lambda index: may(index) and index not in restarts)
        return (_in_turn(state, again) + new)[:want]
    return _choose(state, want, rng, may)


def _choose(state: SweepState, want: int, rng: random.Random, may: Fits) -> list[int]:
    """Return at most `want` open tasks that `may` be chosen."""
    if want <= 0:
        return []
    first = [index for index in state.first if index in state.open and may(index)]
    if first:
        return _in_turn(state, first)[:want]
    items = state.open.items
    some = rng.sample(items, min(want if state.repeats == 1 else _MOST_COMPARED, len(items)))
    chosen = _in_turn(state, list(filter(may, some)))[:want]
    if chosen or not items:
        return chosen
    left = list(filter(may, items))
    return rng.sample(left, min(want, len(left)))


def _in_turn(state: SweepState, tasks: list[int]) -> list[int]:
    """Return open tasks, those whose turn it is among the repeats of configurations first.

    The first repeat of every configuration comes before the second of any, so that an early look
    sees them all. If repeats run `together`, as in a Bayesian search, those of a configuration that
    has been started come first, then one configuration after another: the next proposal builds on
    its mean.
    """
    count = state.repeats
    if count == 1:
        return tasks
    if not state.together:
        return sorted(tasks, key=lambda index: index % count)
    order: dict[int, tuple[bool, int]] = {}
    for index in tasks:
        first = index - index % count
        if first not in order:
            is_new = all(each in state.open for each in range(first, first + count))
            order[first] = is_new, len(order)
    return sorted(tasks, key=lambda index: order[index - index % count])


def _group_of(state: SweepState, index: int, groups: int) -> int:
    """Return the group of a task; repeats that run together are in one."""
    return (index // state.repeats if state.together else index) % groups


def choose_lapsed(  # noqa: PLR0917 - as `choose`
    state: SweepState,
    want: int,
    now: float,
    rng: random.Random,
    taken: Collection[int] = (),
    fits: Fits = fits_any,
) -> list[int]:
    """Return at most `want` tasks that fit, of workers whose lease has lapsed by `now`."""
    if want <= 0 or state.order != "go":
        return []
    free = (index for index in state.lapsed(now) if index not in taken and fits(index))
    lapsed = sorted(index for index in free if not state.ends.is_parked(index))
    return rng.sample(lapsed, min(want, len(lapsed)))


def choose_apart(  # noqa: PLR0917 - the state, and what a worker knows of itself
    state: SweepState,
    want: int,
    now: float,
    rng: random.Random,
    name: str,
    newcomers: Mapping[str, float],
    here: Collection[int] = (),
    able: Able = all_able,
) -> list[int]:
    """Choose open or lapsed tasks, for the worker `name` in a folder where claims arrive late.

    The worker starts with its own share of all tasks that fit it; see `_shares`. Those that fit
    the same workers are shared out among these, so no share waits for a worker that cannot run it.
    After that it takes what others have too much of; see `_surplus`. It does not choose tasks that
    are `here` already: others may have taken and released them meanwhile. Of the `newcomers` it
    knows only the names, and since when.
    """
    if want <= 0 or state.order != "go":
        return []
    workers = {writer.name: writer for writer in state.live_workers(now)}
    names, groups = frozenset({*workers, *newcomers, name}), _groups(state)
    waiting: dict[frozenset[str], dict[int, list[int]]] = {}  # by the workers that they fit
    for index in state.open:
        if index not in here and name in (party := able(index, names)):
            together = waiting.setdefault(party, {})
            together.setdefault(_group_of(state, index, groups), []).append(index)

    def open_share(worker: str) -> list[int]:
        return [
            index
            for party, together in waiting.items()
            for group in _shares(party, groups).get(worker, ())
            for index in together.get(group, ())
        ]

    chosen = _in_turn(state, open_share(name))
    chosen = sorted(chosen, key=lambda index: index not in state.first)
    chosen = _within(state, chosen)[:want]
    if not chosen:
        own_rate = _rate(workers.get(name))
        others = {other: open_share(other) for other in sorted(names) if other != name}
        spare: list[int] = []
        for other, share in others.items():
            worker = workers.get(other)
            rate = _rate(worker) or own_rate
            last_seen = newcomers[other] if worker is None else worker.last_seen
            surplus = _surplus(rate, len(share), max(0.0, now - last_seen), rng)
            spare += share[len(share) - surplus :]
        if not spare and rng.random() >= _PATIENCE:
            spare = [index for share in others.values() for index in share]
        chosen = _within(state, rng.sample(spare, min(want, len(spare))))
    alone = frozenset((name,))
    return chosen + choose_lapsed(
        state, want - len(chosen), now, rng, here, lambda index: bool(able(index, alone))
    )


def _within(state: SweepState, tasks: list[int]) -> list[int]:
    """Return tasks that are within the budget: those that ran before, and some others."""
    room, result = state.room, list[int]()
    for index in tasks:
        if index in state.ends.restarts or room > 0:
            result.append(index)
            room -= index not in state.ends.restarts
    return result


def others_share(  # noqa: PLR0917 - as `choose_apart`
    state: SweepState,
    indices: Iterable[int],
    name: str,
    now: float,
    newcomers: Iterable[str],
    able: Able = all_able,
) -> set[int]:
    """Return those of the tasks of worker `name` that are not in its own share."""
    live = {worker.name for worker in state.live_workers(now)}
    names, groups = frozenset({*live, *newcomers, name}), _groups(state)

    def is_own(index: int) -> bool:
        shares = _shares(able(index, names) | {name}, groups)
        return _group_of(state, index, groups) in shares[name]

    return {index for index in indices if not is_own(index)}


def _groups(state: SweepState) -> int:
    """Return the number of groups of tasks; see `_group_of`."""
    return min(state.total, _MOST_GROUPS)


@lru_cache(maxsize=64)
def _shares(names: frozenset[str], groups: int) -> dict[str, dict[int, None]]:
    """Share groups of tasks out: the workers pick in turn, each in an order of its own.

    A worker starts with what it picks first. It picks almost the same whether or not it knows all
    the others, so those who know of it rarely choose its tasks.
    """
    orders = {name: _order(name, groups) for name in sorted(names)}
    shares: dict[str, dict[int, None]] = {name: {} for name in orders}
    free = set(range(groups))
    for name in islice(cycle(orders), groups):
        pick = next(group for group in orders[name] if group in free)
        free.remove(pick)
        shares[name][pick] = None
    return shares


def _order(name: str, groups: int) -> Iterator[int]:
    """Yield all groups in an order that depends on the name, and is the same on all machines."""
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=16).digest()
    start, step = int.from_bytes(digest[:8]), int.from_bytes(digest[8:])
    while math.gcd(step, groups) != 1:
        step += 1
    return ((start + number * step) % groups for number in range(groups))


def _surplus(rate: float | None, share: int, silent: float, rng: random.Random) -> int:
    """Return how many open tasks of another worker's share it has surely not claimed.

    The open ones are those whose claim has not arrived here. By its rate, the worker has claimed
    some of these in the seconds since its last event, and some more ahead. A worker that is
    `silent` for longer than it should be may be dead, so its whole share is taken now and then.
    """
    if rate is None:
        return 0
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
