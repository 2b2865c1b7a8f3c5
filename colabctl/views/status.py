"""The status of a sweep: counts, workers, rate, time left, the best task so far, failures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any

from colabctl.ledger import (
    Ledger,
    Plan,
    SweepState,
    TaskFiles,
    Writer,
    long_leases,
    params_of,
    task_name,
)
from colabctl.views import failures, task_status
from colabctl.views.best import best, unreported
from colabctl.views.steering import decisions

_RECENT = 100  # outcomes that determine the rate


@dataclass(frozen=True)
class WorkerStatus:
    """One worker; `state` is running, idle, ended or lost; `task` is the first that it runs."""

    worker: str
    member: str
    host: str
    state: str
    last_seen_seconds: float
    task: str | None
    done: int
    failed: int


@dataclass(frozen=True)
class Status:
    """A sweep at one moment; the counts from `pending` to `cancelled` add up to `total`.

    Attributes:
        rate: Tasks per second, or None if unknown.
        seconds_left: An estimate, or None if unknown.
        best: {task, index, value, metric, params, worker, member}, or None.
        failures: The causes of the failures, as failures.summary returns them.
        unreported: A sentence if done tasks have not reported the sweep's metric, or None.
        damage: A sentence for each writer whose journal has damaged lines, and for each damaged
            task file that was read for this status.
        changed: Files of the program that have changed since they were frozen.
        waiting: A sentence for each worker that may hold tasks for long although it is gone.
        steering: A sentence for each decision of a member that still shows, such as "paused by ana
            5 min ago".
        title: The sweep's name in its file, where that cannot be the name of a folder.

    """

    sweep: str
    state: str
    total: int
    pending: int
    claimed: int
    running: int
    done: int
    failed: int
    pruned: int
    cancelled: int
    duplicates: int
    rate: float | None
    seconds_left: float | None
    best: dict[str, Any] | None
    workers: list[WorkerStatus]
    failures: list[dict[str, Any]] = field(default_factory=list)
    unreported: str | None = None
    damage: list[str] = field(default_factory=list)
    consistency: str = "coherent"
    changed: list[str] = field(default_factory=list)
    title: str | None = None
    waiting: list[str] = field(default_factory=list)
    steering: list[str] = field(default_factory=list)


def status(
    plan: Plan,
    ledger: Ledger,
    tasks: TaskFiles,
    changed: Sequence[str] = (),
    damage: Sequence[str] = (),
) -> Status:
    """Return the status of a sweep from its ledger, as far as that has been read.

    `changed` are files of the program, `damage` sentences on its frozen copy.
    """
    state = ledger.state
    now = ledger.clock.now()
    counts = task_status.counts(state, now)
    held = task_status.held_tasks(state, now)
    rate = recent_rate(state, now)
    left = state.total - state.finished
    return Status(
        sweep=plan.sweep,
        state=_state(state, now),
        total=state.total,
        pending=counts["pending"],
        claimed=counts["claimed"],
        running=counts["running"],
        done=counts["done"],
        failed=counts["failed"],
        pruned=counts["pruned"],
        cancelled=counts["cancelled"],
        duplicates=state.duplicates,
        rate=rate,
        seconds_left=left / rate if rate and left and counts["running"] else None,
        best=best_task(plan, state, tasks),
        workers=[
            _worker(writer, held.get(writer.name, []), now)
            for writer in sorted(state.writers.values(), key=lambda writer: writer.name)
            if writer.is_worker
        ],
        failures=failures.summary(failures.causes(state, tasks)),
        unreported=unreported(plan, state),
        damage=[*map(str, ledger.damage), *tasks.damage(), *damage],
        consistency=plan.consistency,
        changed=list(changed),
        title=plan.title,
        steering=[decision.text(now) for decision in decisions(state)],
        waiting=list(long_leases(plan, state, now).values()),
    )


def _state(state: SweepState, now: float) -> str:
    if state.finished == state.total or state.reached_target:
        return "finished"
    if state.order != "go":
        return {"pause": "paused", "stop": "stopped"}[state.order]
    if state.live_workers(now):
        return "running"
    return "idle" if any(writer.is_worker for writer in state.writers.values()) else "pending"


def _worker(writer: Writer, held: list[int], now: float) -> WorkerStatus:
    if writer.ended is not None:
        word = "ended"
    elif not writer.lives_at(now):
        word = "lost"
    else:
        word = "running" if held else "idle"
    return WorkerStatus(
        worker=writer.name,
        member=writer.member,
        host=writer.host,
        state=word,
        last_seen_seconds=round(max(0.0, now - writer.last_seen), 3),
        task=task_name(held[0]) if held else None,
        done=writer.done,
        failed=writer.failed,
    )


def recent_rate(state: SweepState, now: float) -> float | None:
    """Return the tasks per second of late, None if that is unknown or no worker is alive."""
    if not any(writer.lives_at(now) for writer in state.writers.values()):
        return None
    times = state.log.times
    dates = (times[number] for number in state.columns.outcome_numbers())
    ends = nlargest(_RECENT, (t for t in dates if t <= now))  # later ones are of wrong clocks
    if len(ends) < 2:
        return None
    return len(ends) / max(now - ends[-1], 1e-3)


def best_task(plan: Plan, state: SweepState, tasks: TaskFiles) -> dict[str, Any] | None:
    """Return the done task with the best value of the sweep's metric, the first of several."""
    first = best(plan, state)
    if first is None:
        return None
    index, value = first
    event = state.tasks[index].event
    assert event is not None
    return {
        "task": task_name(index),
        "index": index,
        "metric": plan.metric,
        "value": value,
        "params": params_of(state, tasks, index),
        "worker": event.writer,
        "member": state.writers[event.writer].member,
    }
