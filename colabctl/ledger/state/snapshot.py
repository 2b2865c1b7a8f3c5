"""The state of a sweep as bytes: facts as JSON, columns as arrays, and the lines of its events."""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from colabctl.ledger.journals.events import Event
from colabctl.ledger.state.machine import Accelerator, Machine
from colabctl.ledger.state.writer import Writer
from colabctl.ledger.sweep_state import SweepState

_WRITER = (
    "name", "lease", "member", "host", "pid", "jobs", "started", "version", "wall", "ended",
    "latest", "last_number", "lost_at", "dismissed_at", "dismissed_by", "done", "pruned", "failed",
    "freed", "free", "free_at", "code",
)  # fmt: skip
_Lists = Mapping[int, Sequence[int]]


class Snapshot(NamedTuple):
    """A state to write: `facts` for JSON, and `parts` of bytes with the lengths in `facts`."""

    facts: dict[str, Any]
    parts: "Sequence[bytes | bytearray | memoryview | array[Any]]"


def take(state: SweepState) -> Snapshot:
    """Return the state as it is now; the columns are not copies."""
    columns = _columns(state)
    others, progress = _flattened(state.others), _flattened(state.progress)
    parts = [*columns, *others, *progress, state.log.base, state.log.lines]
    orders = state.orders
    machines = {writer.machine: None for writer in state.writers.values()}
    numbers = {machine: number for number, machine in enumerate(machines)}
    facts = {
        "sizes": [memoryview(part).nbytes for part in parts],
        "writers": [
            [*(getattr(writer, name) for name in _WRITER), numbers[writer.machine]]
            for writer in state.writers.values()
        ],
        "machines": list(machines),
        "orders": list(orders.last.values()),
        "overridden": orders.overridden,
        "beyond": [orders.beyond_target, orders.beyond_limits],
        "heads": list(state.log.heads.items()),
        "afters": state.log.afters,
        "latest": state.latest,
        "spent": state.ends.spent,
        "notices": {about: sorted(numbers) for about, numbers in state.notices.items()},
        "excess": state.excess.count,
    }
    return Snapshot(facts, parts)


def restore(state: SweepState, facts: Mapping[str, Any], data: memoryview) -> None:
    """Fill a new state; raises ValueError, TypeError, KeyError or OverflowError if it cannot be."""
    pieces = _pieces(data, facts["sizes"])
    for column in _columns(state):
        piece = next(pieces)
        if isinstance(column, bytearray):
            column[:] = piece
        else:
            del column[:]
            column.frombytes(piece)
    for lists in (state.others, state.progress):
        keys, counts, numbers = (array("i", bytes(piece)) for piece in islice(pieces, 3))
        left = iter(numbers)
        lists.update(
            (key, list(islice(left, count))) for key, count in zip(keys, counts, strict=True)
        )
    state.log.base = data[sum(facts["sizes"][:-2]) :]
    machines = [_machine(*parts) for parts in facts["machines"]]
    for number, (*values, machine) in enumerate(facts["writers"]):
        writer = Writer(values[0], number, values[1])
        writer.machine = machines[machine]
        for name, value in zip(_WRITER, values, strict=True):
            setattr(writer, name, value)
        state.add_restored(writer)
    state.orders.last = {order[1]: Event(*order) for order in facts["orders"]}
    state.orders.overridden = facts["overridden"]
    state.orders.beyond_target, state.orders.beyond_limits = facts["beyond"]
    state.orders.changed()
    state.log.heads = dict(facts["heads"])
    state.log.afters = facts["afters"]
    state.latest = facts["latest"]
    state.ends.spent = facts["spent"]
    state.notices = {about: set(numbers) for about, numbers in facts["notices"].items()}
    state.excess.count.update(facts["excess"])
    state.rebuild()


def _machine(  # noqa: PLR0917 - the parts of a Machine
    python: str,
    system: str,
    driver: str,
    accelerators: list[Any],
    packages: list[Any],
    memory: int,
    elsewhere: bool,
) -> Machine:
    return Machine(
        python,
        system,
        driver,
        tuple(Accelerator(*each) for each in accelerators),
        tuple((name, version) for name, version in packages),
        memory,
        elsewhere,
    )


def _columns(state: SweepState) -> "list[array[Any] | bytearray]":
    tasks, log = state.columns, state.log
    return [
        tasks.statuses, tasks.claims, tasks.outcomes, tasks.values, tasks.lacking, tasks.seconds,
        log.times, log.writers, log.numbers, log.kinds, log.after, log.starts,
    ]  # fmt: skip


def _flattened(lists: _Lists) -> "list[array[int]]":
    """Return a map of lists as three columns: the keys, the lengths of the lists, their items."""
    return [
        array("i", lists),
        array("i", map(len, lists.values())),
        array("i", chain.from_iterable(lists.values())),
    ]


def _pieces(data: memoryview, sizes: Sequence[int]) -> Iterator[memoryview]:
    start = 0
    for size in sizes:
        yield data[start : start + size]
        start += size
