"""The tasks for which no worker that runs now has enough, and what would."""

from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass

from colabctl.durations import format_duration
from colabctl.ledger import (
    Machine,
    Plan,
    SweepState,
    TaskFiles,
    Writer,
    capacity_of,
    gpu_name,
    most_needed,
    needs_of,
    waiting_needs,
)
from colabctl.needs import USUAL, Capacity, Need, advice, decode

_MOST = 5  # different needs


@dataclass(frozen=True)
class Unmet:
    """What some tasks need and no worker that runs now has.

    Attributes:
        tasks: how many tasks.
        gpu: how many GPUs each needs.
        gpu_memory: bytes on each of these.
        memory: bytes of the machine's memory.
        why: a sentence that says so, and which worker had it.
        fix: what would run them.

    """

    tasks: int
    gpu: int
    gpu_memory: int
    memory: int
    why: str
    fix: str

    def __str__(self) -> str:
        return f"{self.why}; {self.fix}"


def unmet(plan: Plan, state: SweepState, tasks: TaskFiles, now: float) -> list[Unmet]:
    """Return what no worker that runs at ledger time `now` has, of what free tasks need.

    If none runs, it is what the latest one lacked: the next one will probably be the same.
    """
    if not plan.needs or state.order != "go":
        return []
    live = state.live_workers(now)
    has = [_has(plan, each, each.jobs) for each in live or _latest(state)] or [USUAL]
    whole = most_needed(plan)
    if any(whole.fits(each) for each in has):
        return []
    counts = waiting_needs(state, needs_of(plan, tasks), now).most_common()
    return [
        Unmet(
            count,
            **asdict(need),
            why=_why(plan, state, need, count, now),
            fix=_fix(plan, need, live or _latest(state)),
        )
        for need, count in counts
        if not any(need.fits(each) for each in has)
    ][:_MOST]


def _latest(state: SweepState) -> list[Writer]:
    """Return the worker that was seen last, if there was any."""
    workers = (each for each in state.writers.values() if each.is_worker)
    return sorted(workers, key=lambda each: each.last_seen)[-1:]


def never_had(plan: Plan, machines: Collection[Machine]) -> Iterator[str]:
    """Yield a sentence for each rule of a sweep's needs that none of these machines would meet.

    There is none if nothing is known of any machine.
    """
    if not machines:
        return
    for rule in decode(plan.needs):
        if not any(rule.need.fits(capacity_of(plan, each, 1)) for each in machines):
            where = f" where {rule.where}" if rule.where else ""
            yield (
                f"needs: {rule.need}{where}: no worker of this project has had that so far; "
                f"{advice(rule.need)}"
            )


def _has(plan: Plan, worker: Writer, jobs: int) -> Capacity:
    return capacity_of(plan, worker.machine, jobs)


def _why(plan: Plan, state: SweepState, need: Need, count: int, now: float) -> str:
    what = f"1 task needs {need}" if count == 1 else f"{count:,} tasks need {need}"
    workers = [each for each in state.writers.values() if each.is_worker]
    once = [each for each in workers if need.fits(_has(plan, each, 1)) and not each.lives_at(now)]
    if not once:
        return f"{what}, which no worker of this sweep has had{'' if workers else ' yet'}"
    last = max(once, key=lambda each: each.last_seen)
    ago = format_duration(max(0.0, now - last.last_seen))
    name = gpu_name(last.machine) if need.gpu else "worker"
    return (
        f"{what}, which no worker that runs now has; the {name} of {state.called(last.member)} "
        f"({last.host}) had it {ago} ago"
    )


def _fix(plan: Plan, need: Need, workers: list[Writer]) -> str:
    for each in workers:
        for jobs in range(each.jobs - 1, 0, -1):
            if need.fits(_has(plan, each, jobs)):
                return f"a worker on {each.host} would run them with -j {jobs}"
    return advice(need)
