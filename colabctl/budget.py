"""Says when a sweep ends before all its tasks have run: its budget, and its patience."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Budget:
    """What all workers of a sweep together may use.

    Attributes:
        tasks: how many tasks may run; one that runs again counts once.
        time: seconds that attempts may take, those that failed included.

    """

    tasks: int | None = None
    time: float | None = None


@dataclass(frozen=True)
class Patience:
    """A search ends after this many `trials` in a row without a better one.

    A trial is better if its metric is better by more than `min_delta` than that of all before it.
    """

    trials: int
    min_delta: float = 0.0


MOST = 1e12  # larger numbers limit nothing; 1e12 seconds are 30,000 years

NO_BUDGET = Budget()


def encode(budget: Budget | Patience | None) -> dict[str, Any] | None:
    """Return the value as plan.json has it, without the parts that it does not limit."""
    if budget is None or budget == NO_BUDGET:
        return None
    return {name: value for name, value in vars(budget).items() if value is not None}


def decode_budget(value: Mapping[str, Any] | None) -> Budget:
    """Return the budget that plan.json has; raise ValueError if it is damaged."""
    match value:
        case None:
            return NO_BUDGET
        case dict() if value and value.keys() <= {"tasks", "time"}:
            tasks, time = value.get("tasks"), value.get("time")
            if (tasks is None or _is_count(tasks)) and (
                time is None or (_is_size(time) and time > 0)
            ):
                return Budget(tasks, time)
    raise ValueError(f"budget is {value!r:.60}")


def decode_patience(value: Mapping[str, Any] | None) -> Patience | None:
    """Return the patience that plan.json has; raise ValueError if it is damaged."""
    match value:
        case None:
            return None
        case {"trials": trials, "min_delta": delta} if _is_count(trials) and _is_size(delta):
            return Patience(trials, delta)
    raise ValueError(f"patience is {value!r:.60}")


def _is_count(value: object) -> bool:
    return type(value) is int and 0 < value <= MOST


def _is_size(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= MOST
