"""The attempts at a task: who ran each of them, and how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from colabctl.errors import UserError
from colabctl.ledger import ENDED, Event, SweepState, task_name

_LEAST = ("lost", "released", "done", "pruned", "failed", "running")


@dataclass(frozen=True)
class Attempt:
    """One attempt at a task.

    Attributes:
        ending: running, done, pruned, failed, released (it did not run to its end, through no fault
            of its own), lost (with its worker), or discarded (by a member).
        end: The end of what a failed attempt printed.
        counts: Whether it decided how the task ended.

    """

    task: int
    number: int
    worker: str
    ending: str
    error: str = ""
    end: str = ""
    counts: bool = False


def attempts_at(state: SweepState, index: int) -> list[Attempt]:
    """Return the attempts at a task, in the order in which they started."""
    attempts: dict[tuple[str, int], Attempt] = {}
    events = state.events_of(index)
    discards = [event for event in events if event.kind == "discard"]
    claims: dict[str, Event] = {}
    task = state.tasks[index]
    decided = (task.event.writer, task.event.n) if task.event else None
    for event in events:
        writer, kind = event.writer, event.kind
        if kind == "claim":
            claims[writer] = event
            number = next(number for each, number in event.body["tasks"] if each == index)
            is_over = any(discard.ends(event) for discard in discards)
            ending = "discarded" if is_over else "lost"
            attempts[writer, number] = Attempt(index, number, writer, ending)
        elif kind in ("done", "pruned", "failed"):
            end, claim = event.outcome, claims.get(writer, event)
            is_over = kind != "failed" and any(discard.ends(claim) for discard in discards)
            attempts[writer, end.attempt] = Attempt(
                index,
                end.attempt,
                writer,
                "discarded" if is_over else kind,
                end.error,
                end.output,
                (writer, event.n) == decided,
            )
        elif kind == "released" and not event.is_loss:
            _end_last(attempts, writer, "released")
    if task.holder:
        _end_last(attempts, task.holder, "running")
    return list(attempts.values())


def _end_last(attempts: dict[tuple[str, int], Attempt], writer: str, ending: str) -> None:
    """Set how a writer's last attempt ended, if that is not known yet."""
    is_open = [key for key in attempts if key[0] == writer and attempts[key].ending == "lost"]
    for key in is_open[-1:]:
        attempts[key] = replace(attempts[key], ending=ending)


def chosen(attempts: Iterable[Attempt], number: int | None) -> Attempt | None:
    """Return attempt `number`, else the one that counts; None if there is none.

    Until one counts, it is the one that runs, else the last one that failed. A discarded attempt is
    chosen by its number alone. Raises UserError for a number that no attempt has.
    """
    listed = list(attempts)
    if number is None:
        ranks = [
            (each.counts, _LEAST.index(each.ending), place)
            for place, each in enumerate(listed)
            if each.ending != "discarded"
        ]
        return listed[max(ranks)[-1]] if ranks else None
    same = [each for each in listed if each.number == number]
    if not same:
        there = ", ".join(str(n) for n in sorted({each.number for each in listed}))
        say = f"its attempts are {there}" if there else "no worker has started it yet"
        raise UserError(f"there is no attempt {number} at this task; {say}")
    return next((each for each in same if each.counts), same[-1])


def heading(attempt: Attempt) -> str:
    """Return a line on an attempt, such as "t000017, attempt 2, by ana-vm-1: failed: KeyError"."""
    error = f": {attempt.error}" if attempt.error else ""
    ending = "is running" if attempt.ending == "running" else attempt.ending
    name = task_name(attempt.task)
    return f"{name}, attempt {attempt.number}, by {attempt.worker}: {ending}{error}"


def unstarted(state: SweepState, index: int) -> str:
    """Say why there is no attempt to show at a task, or no result of it."""
    task, name = state.tasks[index], task_name(index)
    if task.status == "cancelled":
        cancels = [event for event in state.events_of(index) if event.kind == "cancel"]
        by = cancels[-1].member if cancels else ""
        return f"{name} was cancelled{f' by {by}' if by else ''}"
    if task.status == "failed":
        return f"{name} failed: {task.outcome.error}"
    why = {"pause": "; the sweep is paused", "stop": "; the sweep is stopped"}.get(state.order, "")
    if state.ended or state.ends.is_parked(index):
        why = f"; the sweep {ENDED[state.ended or 'patience']}"
    over = sorted({a.number for a in attempts_at(state, index) if a.ending == "discarded"})
    if over:
        why += f"; {'attempt' if len(over) == 1 else 'attempts'} {', '.join(map(str, over))} "
        why += f"{'was' if len(over) == 1 else 'were'} discarded, --attempt {over[-1]} shows it"
    return f"{name} waits for a worker{why}"
