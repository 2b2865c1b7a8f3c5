"""Says what the tasks of a sweep need, and which workers have it."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
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
    fixed = {*repeat.params(0)}.union(*cells)
    are_fixed = all(rule.names <= fixed for rule in rules)
    needs: list[Need | None] = [None] * plan.total
    alike: dict[Hashable, Need] = {}  # one value for each cell and repeat, or for equal ones

    def in_cell(index: int) -> Need:
        cell = places.place(index)[0]
        key = cell, index % repeat.count
        if key not in alike:
            alike[key] = of({**cells[cell], **repeat.params(index)})
        return alike[key]

    def of(params: Mapping[str, Any]) -> Need:
        return most(rule.need for rule in rules if rule.applies(params))

    def need_of(index: int) -> Need:
        need = needs[index]
        if need is not None:
            return need
        if are_fixed:
            need = in_cell(index)
        elif (params := tasks.params(index)) is None:  # damaged, but it may be restored
            return in_cell(index)
        else:
            need = of(params)
            need = alike.setdefault(need, need)
        needs[index] = need
        return need

    return need_of


def most_needed(plan: Plan) -> Need:
    """Return the most that any task of a sweep may need."""
    return most(rule.need for rule in decode(plan.needs))


def capacity_of(plan: Plan, machine: Machine, jobs: int) -> Capacity:
    """Return what each of `jobs` tasks at a time has on a machine; a TPU does not count."""
    if machine.elsewhere:
        return ANYTHING
    gpus = most_needed(plan).gpu
    return capacity(gpu_memories(machine), machine.memory or None, jobs, gpus)


def _gpus(machine: Machine) -> list[Accelerator]:
    return [each for each in machine.accelerators if not each.name.startswith("TPU")]


def able_of(plan: Plan, state: SweepState, need_of: NeedOf, me: str, own: Capacity) -> Able:
    """Return what says which workers a task fits.

    The worker `me` has `own`; of others, it is what their start events say. A worker of whom only
    the name has arrived may take any task.
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
        workers = memo.get((need, names))
        if workers is None:
            workers = frozenset(name for name in names if need.fits(has(name)))
            memo[need, names] = workers
        return workers

    return able


def waiting_needs(state: SweepState, need_of: NeedOf, now: float) -> Counter[Need]:
    """Return how many tasks that can be claimed at ledger time `now` have each need."""
    lapsed = (index for index in state.lapsed(now) if not state.ends.is_parked(index))
    return Counter(map(need_of, chain(state.open, lapsed)))


def gpu_memories(machine: Machine) -> list[int | None]:
    """Return the bytes of memory of each GPU, None where that is not known."""
    return [each.memory or None for each in _gpus(machine)]


def gpu_name(machine: Machine) -> str:
    """Return the name of a machine's first GPU."""
    return next((each.name for each in _gpus(machine)), "GPU").removeprefix("NVIDIA ")
