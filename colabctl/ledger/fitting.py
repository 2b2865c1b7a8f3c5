"""Says what the tasks of a sweep need, and which workers have it."""

from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import Any

from colabctl.ledger.choice import Able
from colabctl.ledger.extensions.stretches import stretches
from colabctl.ledger.plan import Plan
from colabctl.ledger.state.machine import Accelerator, Machine
from colabctl.ledger.sweep_state import SweepState
from colabctl.ledger.tasks import TaskFiles
from colabctl.needs import ANYTHING, Capacity, Need, capacity, decode, most

NeedOf = Callable[[int], Need]
"""Returns what a task needs."""


def needs_of(plan: Plan, tasks: TaskFiles) -> NeedOf:
    """Return what says what each task needs: the most of all rules that apply to it.

    Task files are read only if a rule names a parameter that neither the task's cell nor its repeat
    has, and then when the task is first asked for.
    """
    rules, places, repeat = decode(plan.needs), stretches(plan), plan.repeats
    cells = [cell["values"] for cell in plan.cells] or [{}]
    known = {*repeat.params(0)}.union(*cells)
    are_known = all(rule.names <= known for rule in rules)
    seen: dict[object, Need] = {}
    memo: list[Need | None] = [None] * plan.total

    def found(index: int) -> Need:
        values: dict[str, Any] = {**cells[places.place(index)[0]], **repeat.params(index)}
        if not are_known:
            values |= tasks.params(index) or {}
        return most(rule.need for rule in rules if rule.applies(values))

    def need_of(index: int) -> Need:
        need = memo[index]
        if need is None:
            key = (places.place(index)[0], index % repeat.count) if are_known else index
            need = seen.get(key)
            if need is None:
                need = found(index)
                need = seen.setdefault(need if not are_known else key, need)
            memo[index] = need
        return need

    return need_of


def most_needed(plan: Plan) -> Need:
    """Return the most that any task of a sweep may need."""
    return most(rule.need for rule in decode(plan.needs))


def capacity_of(plan: Plan, machine: Machine, jobs: int) -> Capacity:
    """Return what each of `jobs` tasks at a time has on a machine; a TPU is no GPU."""
    if machine.elsewhere:
        return ANYTHING
    gpus = most_needed(plan).gpu
    return capacity(gpu_memories(machine), machine.memory or None, jobs, gpus)


def _gpus(machine: Machine) -> list[Accelerator]:
    return [each for each in machine.accelerators if not each.name.startswith("TPU")]


def able_of(plan: Plan, state: SweepState, need_of: NeedOf, me: str, own: Capacity) -> Able:
    """Return what says which workers a task fits.

    The worker `me` has `own`; of others, it is what their start events say. Whoever is only known
    by name may take any task.
    """
    memo: dict[tuple[Need, frozenset[str]], frozenset[str]] = {}
    revision = -1

    def has(name: str) -> Capacity:
        writer = state.writers.get(name)
        if name == me:
            return own
        if writer is None or writer.started is None:
            return ANYTHING
        return capacity_of(plan, writer.machine, writer.jobs)

    def able(index: int, names: frozenset[str]) -> frozenset[str]:
        nonlocal revision
        if state.revision != revision:  # a start event may have arrived
            revision = state.revision
            memo.clear()
        need = need_of(index)
        found = memo.get((need, names))
        if found is None:
            found = frozenset(name for name in names if need.fits(has(name)))
            memo[need, names] = found
        return found

    return able


def waiting_needs(state: SweepState, need_of: NeedOf, now: float) -> Counter[Need]:
    """Return how many tasks that can be claimed at ledger time `now` have each need."""
    return Counter(map(need_of, chain(state.open, state.lapsed(now))))


def gpu_memories(machine: Machine) -> list[int | None]:
    """Return the bytes of memory of each GPU, None where that is not known."""
    return [each.memory or None for each in _gpus(machine)]


def gpu_name(machine: Machine) -> str:
    """Return the name of a machine's first GPU."""
    return next((each.name for each in _gpus(machine)), "GPU").removeprefix("NVIDIA ")
