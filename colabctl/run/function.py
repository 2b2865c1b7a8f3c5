"""Runs a task by calling a function, and turns the return value into metrics."""

from collections.abc import Callable
from typing import Any

from colabctl.run.failure import ProgramError, Pruned, TaskError
from colabctl.task import Task, plain_metrics

Run = Callable[[dict[str, Any], Task], dict[str, Any]]
"""Runs one task: (params, task) -> metrics."""


def call(function: Callable[..., Any], params: dict[str, Any], task: Task) -> dict[str, Any]:
    """Call a function (params, task) -> metrics or None, which may also call task.done(...)."""
    answer = function(params, task)
    if answer is None:
        answer = {}
    elif not isinstance(answer, dict):
        raise TaskError(
            f"the function returned a {type(answer).__name__}; "
            'return a dict of metrics, such as {"accuracy": 0.91}'
        )
    task.metrics = plain_metrics({**(task.metrics or {}), **answer})
    if task.stop_requested:
        raise Pruned
    return task.metrics


def run_one(run: Run, task: Task) -> dict[str, Any]:
    """Run one task and return its metrics; raise whatever it raises."""
    try:
        return run(task.params, task)
    except SystemExit as end:
        if end.code not in (None, 0):
            # After a number, as after a program's exit code, the output says why.
            kind = ProgramError if isinstance(end.code, int) else TaskError
            raise kind(f"sys.exit({end.code!r})") from None
    if task.stop_requested:
        raise Pruned
    return task.metrics or {}
