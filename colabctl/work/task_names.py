"""Finds tasks by the names that people type, such as t000017 or 17."""

from collections.abc import Iterable

from colabctl.errors import UserError, nearest
from colabctl.ledger import Plan, task_name

_MOST_COMPARED = 1000  # names


def index_of(name: str, plan: Plan) -> int:
    """Return the index of the task that is called `name`, t000017 or 17.

    Raises UserError for a task that does not exist, with the nearest name and the range.
    """
    text = name.strip()
    digits = text.removeprefix("t").removeprefix("T")
    if digits.isascii() and digits.isdecimal() and len(digits) < 20 and int(digits) < plan.total:
        return int(digits)
    last = plan.total - 1
    near = nearest(text, map(task_name, range(min(plan.total, _MOST_COMPARED))))
    hint = f"did you mean {near}? " if near and not digits.isdecimal() else ""
    raise UserError(
        f"{name!r:.60} is not a task of {plan.sweep}; {hint}its tasks are "
        f"{task_name(0)} to {task_name(last)}, or 0 to {last}"
    )


def indices_of(names: Iterable[str], plan: Plan) -> list[int]:
    """Return the indices of the tasks with these names; raises as `index_of` does."""
    return sorted({index_of(name, plan) for name in names})
