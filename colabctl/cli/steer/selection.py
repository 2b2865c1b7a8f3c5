"""Selects the tasks of a sweep that a command is for: by name, by a condition, or by a cause."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.terminal import command_line
from colabctl.errors import UserError, nearest

if TYPE_CHECKING:
    from colabctl.work.open_sweep import OpenSweep

Tasks = Annotated[
    list[str] | None,
    typer.Option(
        "--task",
        metavar="TASK",
        help="Only this task, such as t000017; can be repeated.",
        show_default=False,
    ),
]
Where = Annotated[
    str | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Only tasks that meet a condition, such as \"lr < 0.01 and model == 'svm'\".",
        show_default=False,
    ),
]

_TASK = re.compile(r"t?(\d{1,9})", re.ASCII)


def select(
    sweep: "OpenSweep",
    among: Iterable[int],
    names: Sequence[str] | None,
    condition: str | None,
    why_not: "Callable[[OpenSweep, int], str]",
) -> list[int]:
    """Return the tasks `among` these that have one of the names and meet the condition, sorted.

    Raises UserError as `by_name` and `by_condition` do. For a named task that is not among these,
    `why_not` says why.
    """
    tasks = sorted(among)
    if names:
        tasks = by_name(sweep, names, tasks, lambda index: why_not(sweep, index))
    return tasks if condition is None else by_condition(sweep, tasks, condition)


def by_name(
    sweep: "OpenSweep", names: Iterable[str], among: Iterable[int], why_not: Callable[[int], str]
) -> list[int]:
    """Return the tasks with these names, sorted.

    Raises UserError for a name that no task has, and with the reason that `why_not` returns for a
    task that is not `among` those that the command is for.
    """
    from colabctl.ledger import task_name

    total, allowed, chosen = sweep.plan.total, set(among), set()
    for name in names:
        match = _TASK.fullmatch(name.strip())
        index = int(match[1]) if match else total
        if index >= total:
            tasks = f"{task_name(0)} to {task_name(total - 1)}"
            raise UserError(f"sweep {sweep.plan.sweep} has no task {name!r:.40}; it has {tasks}")
        if index not in allowed:
            raise UserError(f"{task_name(index)} {why_not(index)}")
        chosen.add(index)
    return sorted(chosen)


def by_condition(sweep: "OpenSweep", tasks: Sequence[int], condition: str) -> list[int]:
    """Return those of the tasks that meet a condition on what `results` shows of them.

    Raises UserError for a condition that cannot be read, or names what no task has.
    """
    from colabctl.views.results import Results
    from colabctl.views.results.names import Names
    from colabctl.views.results.query import Query, choose

    plan, state = sweep.plan, sweep.ledger.state
    results = Results(plan, state, sweep.tasks, tasks)
    names = Names(plan, sweep.tasks, results)
    return list(choose(Query(where=condition), results, names, plan, state).indices)


def by_cause(sweep: "OpenSweep", tasks: Sequence[int], cause: str) -> list[int]:
    """Return those of the tasks that last failed for a cause: an id, or a part of the error.

    Raises UserError if there is no such cause.
    """
    from colabctl.views.failures import causes, named

    matching = named(causes(sweep.ledger.state, sweep.tasks), cause)
    failed = {index for each in matching for index in each.failed}
    return [index for index in tasks if index in failed]


def not_to_retry(sweep: "OpenSweep", index: int) -> str:
    """Say why a task cannot be retried."""
    from colabctl.ledger import task_name

    task = sweep.ledger.state.tasks[index]
    if task.has_outcome and task.status != "failed":
        name = sweep.plan.sweep
        first = command_line("discard", name, "--task", task_name(index))
        longer = command_line("retry", name, "--continue", "--task", task_name(index))
        return (
            f"is {task.status}; to run it again, discard its result first: {first}; to train it "
            f"longer: {longer}"
        )
    if task.holder is not None:
        return f"has not failed: {task.holder} holds it"
    columns = sweep.ledger.state.columns
    others = sorted((*columns.having("failed"), *columns.having("cancelled")))
    near = nearest(task_name(index), map(task_name, others))
    return f"has not failed; did you mean {near}?" if near else "has not failed"


def not_to_cancel(sweep: "OpenSweep", index: int) -> str:
    """Say why a task cannot be cancelled."""
    from colabctl.ledger import task_name

    status = sweep.ledger.state.columns.status(index)
    if status in ("done", "pruned"):
        drop = command_line("discard", sweep.plan.sweep, "--task", task_name(index))
        return f"is {status}; if its result should not count: {drop}"
    return "has failed, so it does not run" if status == "failed" else "is cancelled already"


def not_to_discard(sweep: "OpenSweep", index: int) -> str:
    """Say why a task has nothing to discard."""
    status = sweep.ledger.state.columns.status(index)
    if status == "failed":
        return "has failed, so it has no result"
    return f"has no result: it is {'not finished' if status in ('open', 'held') else status}"


def not_to_continue(sweep: "OpenSweep", index: int) -> str:
    """Say why a task cannot be trained longer."""
    status = sweep.ledger.state.columns.status(index)
    if status == "failed":
        return "has failed; without --continue, retry continues from its last save too"
    return f"has no result: it is {'not finished' if status in ('open', 'held') else status}"
