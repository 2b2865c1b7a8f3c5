"""The attempts at a task: who ran each of them, and how it ended."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from colabctl.errors import UserError
from colabctl.ledger import SweepState, task_name

_LEAST = ("lost", "released", "failed", "running", "pruned", "done")


@dataclass(frozen=True)
class Attempt:
    """One attempt at a task.

    Attributes:
        ending: running, done, pruned, failed, released (it did not run to its end, through no fault
            of its own), or lost (with its worker).
        end: The end of what a failed attempt printed.

    """

    task: int
    number: int
    worker: str
    ending: str
    error: str = ""
    end: str = ""


def attempts_at(state: SweepState, index: int) -> list[Attempt]:
    """Return the attempts at a task, in the order in which they started."""
    attempts: dict[tuple[str, int], Attempt] = {}
    for event in state.events_of(index):
        writer, kind = event.writer, event.kind
        if kind == "claim":
            number = next(number for task, number in event.body["tasks"] if task == index)
            attempts[writer, number] = Attempt(index, number, writer, "lost")
        elif kind in ("done", "pruned", "failed"):
            end = event.outcome
            attempts[writer, end.attempt] = Attempt(
                index, end.attempt, writer, kind, end.error, end.output
            )
        elif kind == "released":
            _end_last(attempts, writer, "released")
    if holder := state.tasks[index].holder:
        _end_last(attempts, holder, "running")
    return list(attempts.values())


def _end_last(attempts: dict[tuple[str, int], Attempt], writer: str, ending: str) -> None:
    """Set how a writer's last attempt ended, if that is not known yet."""
    is_open = [key for key in attempts if key[0] == writer and attempts[key].ending == "lost"]
    for key in is_open[-1:]:
        attempts[key] = replace(attempts[key], ending=ending)


def chosen(attempts: Iterable[Attempt], number: int | None) -> Attempt | None:
    """Return attempt `number`, else the one that counts; None if no attempt has started.

    That is the one that finished the task, else the one that runs, else the last one that failed.
    Raises UserError for a number that no attempt has.
    """
    listed = list(attempts)
    if number is None:
        ranks = [(_LEAST.index(each.ending), place) for place, each in enumerate(listed)]
        return listed[max(ranks)[1]] if ranks else None
    same = [each for each in listed if each.number == number]
    if not same:
        there = ", ".join(str(n) for n in sorted({each.number for each in listed}))
        say = f"its attempts are {there}" if there else "no worker has started it yet"
        raise UserError(f"there is no attempt {number} at this task; {say}")
    return same[-1]


def heading(attempt: Attempt) -> str:
    """Return a line on an attempt, such as "t000017, attempt 2, by ana-vm-1: failed: KeyError"."""
    error = f": {attempt.error}" if attempt.error else ""
    ending = "is running" if attempt.ending == "running" else attempt.ending
    name = task_name(attempt.task)
    return f"{name}, attempt {attempt.number}, by {attempt.worker}: {ending}{error}"
