"""The status of a sweep: counts, workers, rate, time left, the best task so far, failures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from colabctl.ledger import Ledger, Plan, SweepState, TaskFiles, Writer, params_of, task_name

_RECENT = 100  # outcomes that determine the rate


@dataclass(frozen=True)
class WorkerStatus:
    """One worker; `state` is running, idle, ended or lost, `task` the one it runs."""

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
        failures: {error, tasks} for each error, the most frequent first.
        damage: A sentence for each damaged line of a journal.
        changed: Files of the program that have changed since they were frozen.

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
    damage: list[str] = field(default_factory=list)
    consistency: str = "coherent"
    changed: list[str] = field(default_factory=list)


def status(plan: Plan, ledger: Ledger, tasks: TaskFiles, changed: Sequence[str] = ()) -> Status:
    """Return the status of a sweep from its ledger, as far as that has been read."""
    state = ledger.state
    now = ledger.clock.now()
    # What a silent or ended worker held waits for the next one, like a task never claimed.
    lapsed = set(state.lapsed(now))
    waiting = state.counts["open"] + len(lapsed)
    held = {
        name: sorted(indices - lapsed, key=lambda index: (state.tasks[index].held_since, index))
        for name, indices in state.held.items()
    }
    running = sum(min(len(indices), state.writers[name].jobs) for name, indices in held.items())
    claimed = sum(map(len, held.values())) - running
    stopped = state.order == "stop"
    rate = _rate(state, now)
    left = state.total - state.finished
    return Status(
        sweep=plan.sweep,
        state=_state(state, now),
        total=state.total,
        pending=0 if stopped else waiting,
        claimed=claimed,
        running=running,
        done=state.counts["done"],
        failed=state.counts["failed"],
        pruned=state.counts["pruned"],
        cancelled=waiting if stopped else 0,
        duplicates=state.duplicates,
        rate=rate,
        seconds_left=left / rate if rate and left and running else None,
        best=best(plan, state, tasks),
        workers=[
            _worker(writer, held.get(writer.name, []), now)
            for writer in sorted(state.writers.values(), key=lambda each: each.name)
            if writer.is_worker
        ],
        failures=_failures(state),
        damage=[str(each) for each in ledger.damage],
        consistency=plan.consistency,
        changed=list(changed),
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
        last_seen_seconds=round(max(0.0, now - writer.last_sign), 3),
        task=task_name(held[0]) if held else None,
        done=writer.done,
        failed=writer.failed,
    )


def _rate(state: SweepState, now: float) -> float | None:
    ends = sorted(
        task.outcome.t for task in state.tasks if task.outcome is not None and task.finished
    )[-_RECENT:]
    if len(ends) < 2 or not any(writer.lives_at(now) for writer in state.writers.values()):
        return None
    return len(ends) / max(now - ends[0], 1e-3)


def best(plan: Plan, state: SweepState, tasks: TaskFiles) -> dict[str, Any] | None:
    """Return the done task with the best value of the sweep's metric; among equals, the first."""
    sign = 1 if plan.goal == "minimize" else -1
    found: tuple[float, int] | None = None
    for index, task in enumerate(state.tasks):
        if task.status == "done" and task.outcome is not None:
            value = plan.value_of(task.outcome.body.get("metrics", {}))
            if value is not None and (found is None or sign * value < found[0]):
                found = sign * value, index
    if found is None:
        return None
    index = found[1]
    outcome = state.tasks[index].outcome
    assert outcome is not None
    return {
        "task": task_name(index),
        "index": index,
        "metric": plan.metric,
        "value": sign * found[0],
        "params": params_of(state, tasks, index),
        "worker": outcome.writer,
        "member": state.writers[outcome.writer].member,
    }


def _failures(state: SweepState) -> list[dict[str, Any]]:
    errors = Counter(
        error_of(task.outcome.body if task.outcome else None)
        for task in state.tasks
        if task.status == "failed"
    )
    return [{"error": error, "tasks": count} for error, count in errors.most_common()]


def error_of(body: dict[str, Any] | None) -> str:
    """Return why a task failed for good, from its last failure if there was one."""
    if body is None:
        return "its workers vanished every time"
    error = body.get("error")
    return error if isinstance(error, str) else "unknown"


@dataclass(frozen=True)
class Failure:
    """The last failure of one task: its attempt, worker and error, and the end of its output."""

    task: str
    attempt: int
    worker: str
    error: str
    output: str


def last_failures(state: SweepState) -> list[Failure]:
    """Return the last failure of each task that failed and is still unfinished or failed."""
    found = []
    for index, task in enumerate(state.tasks):
        if task.status in ("done", "pruned"):
            continue
        failed = [event for event in state.events_of(index) if event.kind == "failed"]
        if failed:
            last = failed[-1]
            found.append(
                Failure(
                    task_name(index),
                    last.body["attempt"],
                    last.writer,
                    error_of(last.body),
                    str(last.body.get("output", "")),
                )
            )
    return found
