"""The status of a sweep: counts, cells, workers, time left, the best task so far, failures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any

from colabctl.durations import format_duration
from colabctl.ledger import (
    Ledger,
    Plan,
    SweepState,
    TaskFiles,
    Writer,
    is_over,
    long_leases,
    params_of,
    started,
    task_name,
)
from colabctl.views import task_status
from colabctl.views.best import best, best_configuration, unreported
from colabctl.views.cells import Cell, Division, divide, progress
from colabctl.views.columns import flat
from colabctl.views.extensions import sentences, waits_beyond_end
from colabctl.views.limits import ends as limits
from colabctl.views.limits.needs import Unmet, unmet
from colabctl.views.pareto import described
from colabctl.views.repeats import in_words
from colabctl.views.steering import decisions
from colabctl.views.varying import varying

_RECENT = 100  # outcomes that determine the rate


_SAMPLE = 20  # tasks of a file that tell which parameters vary
_MOST_SILENT = 3  # workers that are named
_BEATS = 3  # heartbeats without a sign of life


@dataclass(frozen=True)
class WorkerStatus:
    """One worker; `state` is running, idle, ended or lost.

    Attributes:
        task: the first task that it runs, or None.
        jobs: how many tasks it can run at a time.
        running: how many it runs.
        task_seconds: for how long it has run `task`, or None.
        accelerator: the name of its GPU or TPU, or None without one.
        accelerators: how many of these it has.
        accelerator_memory: bytes of each, or None if unknown.

    """

    worker: str
    member: str
    host: str
    state: str
    last_seen_seconds: float
    task: str | None
    done: int
    failed: int
    jobs: int = 1
    running: int = 0
    task_seconds: float | None = None
    accelerator: str | None = None
    accelerators: int = 0
    accelerator_memory: int | None = None


@dataclass(frozen=True)
class Status:
    """A sweep at one moment; the counts from `pending` to `cancelled` add up to `total`.

    Attributes:
        rate: Tasks per second, or None if unknown.
        seconds_left: An estimate, or None if unknown.
        best: {task, index, value, metric, params, worker, member}, or None. With repeats, it is a
            configuration: `value` is that of its tasks together, `task` the one with the nearest
            value; it also has `aggregate`, `sd`, `count`, `tasks`
            and, for people, `in_words`.
        varying: The parameters that differ between tasks, as far as a sample of them tells; nested
            names with dots.
        cells: How far each cell is; a sweep that nothing divides is one.
        divided_by: The parameters that divide the sweep into cells.
        metric: The sweep's metric, or None.
        ordered: {order, member, seconds}: who paused or stopped the sweep, and how long ago.
        unseen: A sentence for each reason why this machine may not have seen everything yet.
        failures: The causes of the failures, as failures.summary returns them.
        unreported: A sentence if done tasks have not reported the sweep's metric, or None.
        damage: A sentence for each writer whose journal has damaged lines, and for each damaged
            task file that was read for this status.
        changed: Files of the program that have changed since they were frozen.
        waiting: A sentence for each worker that may hold tasks for long although it is gone.
        needs: What free tasks need and no worker that runs now has; see views/limits/needs.py.
        steering: A sentence for each decision of a member that still shows, such as "paused by ana
            5 min ago".
        title: The sweep's name in its file, where that cannot be the name of a folder.
        metrics: {name, goal} of each of several metrics.
        ended: What ended the sweep before all its tasks had run: target, budget, patience; or None.
        budget: {tasks: {used, limit}, seconds: {used, limit}}, those that are limited, or None.
        patience: {trials, min_delta, searches: [{values, waited, ended}]}, or None. `waited` is how
            many trials in a row were not better, up to the last one.
        front: With several metrics, the Pareto front: {task, index, tasks, values, params} of each
            task or configuration that no other one beats in all metrics, the best by the first
            metric first.
        pilots: {engine, member, job, state, count, reason} of workers that an engine has to start,
            and of those that run there; as far as this machine can tell.

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
    varying: list[str] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    divided_by: list[str] = field(default_factory=list)
    metric: str | None = None
    ordered: dict[str, Any] | None = None
    unseen: list[str] = field(default_factory=list)
    steering: list[str] = field(default_factory=list)
    pilots: list[dict[str, Any]] = field(default_factory=list)
    metrics: list[dict[str, Any]] = field(default_factory=list)
    front: list[dict[str, Any]] = field(default_factory=list)
    ended: str | None = None
    budget: dict[str, Any] | None = None
    patience: dict[str, Any] | None = None

    needs: list[Unmet] = field(default_factory=list)


def status(
    plan: Plan,
    ledger: Ledger,
    tasks: TaskFiles,
    changed: Sequence[str] = (),
    damage: Sequence[str] = (),
    *,
    division: Division | None = None,
) -> Status:
    """Return the status of a sweep from its ledger, as far as that has been read.

    `changed` are files of the program, `damage` sentences on its frozen copy, `division` what
    `cells.divide` returned for an earlier status.
    """
    state = ledger.state
    now = ledger.clock.now()
    counts = task_status.counts(plan, state, now)
    held = task_status.held_tasks(state, now)
    recent = recent_rate(state, now)
    division = division or divide(plan, tasks)
    forecast = progress(plan, state, division, now, recent)
    first = best_task(plan, state, tasks)
    front = described(plan, state, tasks)
    return Status(
        sweep=plan.sweep,
        state=_state(plan, state, now),
        total=state.total,
        pending=counts["pending"],
        claimed=counts["claimed"],
        running=counts["running"],
        done=counts["done"],
        failed=counts["failed"],
        pruned=counts["pruned"],
        cancelled=counts["cancelled"],
        duplicates=state.duplicates,
        rate=forecast.rate,
        seconds_left=limits.seconds_left(plan, state, now, forecast.rate, forecast.seconds_left),
        best=first,
        workers=[
            _worker(state, writer, held.get(writer.name, []), now)
            for writer in sorted(state.writers.values(), key=lambda writer: writer.name)
            if writer.is_worker
        ],
        failures=_failures(state, tasks),
        unreported=unreported(plan, state),
        damage=[*map(str, ledger.damage), *tasks.damage(), *damage],
        consistency=plan.consistency,
        changed=list(changed),
        title=plan.title,
        steering=[
            *(decision.text(now) for decision in decisions(state)),
            *sentences(plan, state, now),
            *(limits.sentences(plan, state, now) if not waits_beyond_end(plan, state) else ()),
        ],
        waiting=list(long_leases(plan, state, now).values()),
        needs=unmet(plan, state, tasks, now),
        varying=_varying(plan, state, tasks, (first or front[0])["params"])
        if first or front
        else [],
        cells=forecast.cells,
        divided_by=list(division.names),
        metric=plan.metric,
        metrics=list(map(dict, plan.metrics)),
        front=front,
        ordered=_ordered(state, now),
        ended=state.ended,
        budget=limits.budget(plan, state),
        patience=limits.patience(plan, state),
        unseen=list(_unseen(plan, ledger, now)),
    )


def _failures(state: SweepState, tasks: TaskFiles) -> list[dict[str, Any]]:
    if not state.others:  # a task that has failed is not simple
        return []
    from colabctl.views.failures import causes, summary  # noqa: PLC0415 - most sweeps have none

    return summary(causes(state, tasks))


def _state(plan: Plan, state: SweepState, now: float) -> str:
    if waits_beyond_end(plan, state):
        return "stopped"
    if is_over(state, now):
        return "finished"
    if state.ended:
        return "running"
    if state.order != "go":
        return {"pause": "paused", "stop": "stopped"}[state.order]
    if state.live_workers(now):
        return "running"
    return "idle" if any(writer.is_worker for writer in state.writers.values()) else "pending"


def _ordered(state: SweepState, now: float) -> dict[str, Any] | None:
    control = state.orders.control
    if control is None or state.order == "go" or state.ended:
        return None
    member = control.body.get("member")
    return {
        "order": control.kind,
        "member": state.called(member) if isinstance(member, str) else "",
        "seconds": round(max(0.0, now - control.t), 3),
    }


def _unseen(plan: Plan, ledger: Ledger, now: float) -> Iterator[str]:
    """Yield what the files that have arrived say of those that have not."""
    for name, number in ledger.missing().items():
        events = "1 event" if number == 1 else f"{number:,} events"
        yield f"{events} of {name} did not arrive yet, although later ones did"
    if plan.consistency != "eventual":
        return
    silent = sorted(
        (now - writer.last_seen, writer.name)
        for writer in ledger.state.live_workers(now)
        if now - writer.last_seen > _BEATS * plan.heartbeat
    )
    for seconds, name in silent[-_MOST_SILENT:]:
        yield (
            f"what {name} did in the last {format_duration(seconds)} has not arrived here, or it "
            "is gone"
        )
    if more := len(silent[:-_MOST_SILENT]):
        yield f"and so for {more:,} more workers"


def _varying(
    plan: Plan, state: SweepState, tasks: TaskFiles, shown: Mapping[str, Any]
) -> list[str]:
    """Return the parameters that differ between tasks of the first, a middle and the last file.

    In a grid, the first and the last task differ in every parameter that varies.
    """
    numbers = sorted({0, plan.files // 2, plan.files - 1})
    parts = [plan.tasks_in(number) for number in numbers]
    some = (index for part in parts for index in {*part[:: max(1, len(part) // _SAMPLE)], part[-1]})
    reported = (params for index in some if (params := params_of(state, tasks, index)))
    names = varying([shown, *reported])
    return names or list(flat(shown))


def _worker(state: SweepState, writer: Writer, held: list[int], now: float) -> WorkerStatus:
    if writer.ended is not None:
        word = "ended"
    elif not writer.lives_at(now):
        word = "lost"
    else:
        word = "running" if held else "idle"
    since = next((since for _, since in started(state, writer.name, held)), None)
    chips = writer.machine.accelerators
    return WorkerStatus(
        worker=writer.name,
        member=state.called(writer.member),
        host=writer.host,
        state=word,
        last_seen_seconds=round(max(0.0, now - writer.last_seen), 3),
        task=task_name(held[0]) if held else None,
        done=writer.done,
        failed=writer.failed,
        jobs=writer.jobs,
        running=min(len(held), writer.jobs),
        task_seconds=None if since is None else round(max(0.0, now - since), 3),
        accelerator=chips[0].name if chips else None,
        accelerators=len(chips),
        accelerator_memory=(chips[0].memory or None) if chips else None,
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
    """Return the task or configuration with the best value of the metric, the first of several."""
    first = best(plan, state)
    if first is None:
        return None
    index, value = first
    event = state.tasks[index].event
    assert event is not None
    more: dict[str, Any] = {}
    if (own := best_configuration(plan, state)) is not None:
        more = {
            "aggregate": plan.repeats.aggregate,
            "sd": own.sd,
            "count": len(own.tasks),
            "tasks": list(map(task_name, own.tasks)),
            "in_words": in_words(plan.repeats.aggregate, own.sd, len(own.tasks)),
        }
    return more | {
        "task": task_name(index),
        "index": index,
        "metric": plan.metric,
        "value": value,
        "params": plan.repeats.configuration(params_of(state, tasks, index)),
        "worker": event.writer,
        "member": state.called(state.writers[event.writer].member),
    }
