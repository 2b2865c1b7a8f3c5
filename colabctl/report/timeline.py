"""The timeline of a sweep's workers: what each ran and when, and what did not count."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from colabctl.ledger import Event, SweepState, Writer
from colabctl.views.task_status import held_tasks

_MOST_SPANS = 3000  # of a page; more are joined with their neighbours
_MOST_WORKERS = 200
_JOINED = frozenset({"done", "pruned", "failed"})  # the other kinds stay apart


@dataclass(frozen=True)
class Span:
    """Work on one task, or on `count` tasks one after another; `start` and `end` in ledger time.

    Attributes:
        kind: done, pruned, failed, duplicate (another result of the task counts), discarded (by a
            member), lost or running.
        task: index of the task, -1 for several.

    """

    worker: str
    kind: str
    start: float
    end: float
    task: int
    count: int = 1


def timeline(state: SweepState, now: float) -> list[Span]:
    """Return all work on a sweep's tasks, by worker and start; at most some thousand spans.

    Of more, neighbours of one kind are joined, then all neighbours: the longer one gives the kind.
    """
    spans = sorted(_spans(state, now), key=lambda span: (span.worker, span.start))
    if len(spans) <= _MOST_SPANS:
        return spans
    begin = min(span.start for span in spans)
    whole = max(span.end for span in spans) - begin
    gap, long = whole / 2000, sum(span.end - span.start for span in spans) / _MOST_SPANS
    joined = list(_joined(spans, gap, long, alike=True))
    if len(joined) > _MOST_SPANS:
        joined = list(_joined(spans, gap, long * 2, alike=False))
    return joined[:_MOST_SPANS]


def workers_shown(state: SweepState) -> list[Writer]:
    """Return the workers of a sweep in the order of their starts; of very many, the latest."""
    workers = [writer for writer in state.writers.values() if writer.is_worker]
    return sorted(workers, key=lambda each: (each.started, each.name))[-_MOST_WORKERS:]


def machine(writer: Writer) -> str:
    """Return what a worker ran on, such as "2 x Tesla T4 of 15 GiB, Python 3.12"; "" if unknown."""
    own = writer.machine
    parts = []
    if own.accelerators:
        first = own.accelerators[0]
        count = f"{len(own.accelerators)} x " if len(own.accelerators) > 1 else ""
        memory = f" of {first.memory / 2**30:.0f} GiB" if first.memory else ""
        parts.append(f"{count}{first.name}{memory}")
    parts += [f"Python {own.python}"] if own.python else []
    return ", ".join(parts)


def _spans(state: SweepState, now: float) -> Iterator[Span]:
    log, counted = state.log, state.columns.outcomes
    discards = _discards(state)
    claims: dict[tuple[str, int], Event] = {}
    latest: dict[str, float] = {}  # when each worker ended its latest attempt
    for number in range(len(log)):
        event = log.event(number)
        t, writer, kind = event.t, event.writer, event.kind
        if kind == "claim":
            claims.update(((writer, index), event) for index, _ in event.body["tasks"])
        elif kind == "released":
            for index in event.body["tasks"]:
                claims.pop((writer, index), None)
        elif kind in ("done", "pruned", "failed"):
            index = event.body["task"]
            claim = claims.pop((writer, index), None)
            claimed = claim.t if claim and claim.t <= t else 0.0
            begun = max(t - _seconds(event.body), claimed)
            shown = kind
            if kind != "failed" and any(each.ends(claim or event) for each in discards(index)):
                shown = "discarded"
            elif kind != "failed" and counted[index] != number:
                shown = "duplicate"
            yield Span(writer, shown, begun, t, index)
            latest[writer] = max(t, latest.get(writer, 0.0))
    begins = {key: claim.t for key, claim in claims.items()}
    yield from _open(state, now, begins, latest)


def _discards(state: SweepState) -> Callable[[int], Sequence[Event]]:
    """Return a function that returns the discards of a task."""
    discards: dict[int, list[Event]] = {}
    for event in state.log.steering():
        if event.kind == "discard":
            for index in event.tasks():
                discards.setdefault(index, []).append(event)
    return lambda index: discards.get(index, ())


def _open(
    state: SweepState,
    now: float,
    claims: Mapping[tuple[str, int], float],
    latest: Mapping[str, float],
) -> Iterator[Span]:
    """Yield the attempts that have not ended: they run, or were lost with their workers.

    Of the tasks that a worker has claimed, it runs as many at once as it has jobs.
    """
    held = held_tasks(state, now)
    left: dict[str, list[tuple[float, int]]] = {}
    for (name, index), claimed in claims.items():
        left.setdefault(name, []).append((claimed, index))
    for name, tasks in left.items():
        writer = state.writers[name]
        if not writer.is_worker or writer.ended is not None:
            continue
        alive = writer.lives_at(now)
        running = set(held.get(name, ()))
        tasks.sort()
        for claimed, index in [each for each in tasks if not alive or each[1] in running][
            : writer.jobs
        ]:
            begun = max(claimed, latest.get(name, 0.0)) if writer.jobs == 1 else claimed
            until = now if alive else max(writer.last_seen, begun)
            yield Span(name, "running" if alive else "lost", begun, until, index)


def _joined(spans: Sequence[Span], gap: float, long: float, *, alike: bool) -> Iterator[Span]:
    """Yield the spans, sorted by worker, with neighbours joined until they are `long`.

    Those that are further apart than `gap` stay apart; so do different kinds if only `alike` ones
    are joined.
    """
    last: Span | None = None
    for span in spans:
        if last is None:
            last = span
        elif (
            last.worker == span.worker
            and span.start - last.end <= gap
            and {last.kind, span.kind} <= _JOINED
            and (last.kind == span.kind if alike else last.end - last.start < long)
        ):
            longer = last.kind if last.end - last.start >= span.end - span.start else span.kind
            end, count = max(last.end, span.end), last.count + span.count
            last = Span(last.worker, longer, last.start, end, -1, count)
        else:
            yield last
            last = span
    if last is not None:
        yield last


def _seconds(body: Mapping[str, Any]) -> float:
    seconds = body.get("seconds", 0.0)
    return float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < 1e9 else 0.0
