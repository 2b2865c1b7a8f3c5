"""Runs a task by calling a function, and turns the return value into metrics."""

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from colabctl.calling import COMMAND_LINE, UNNAMED, advice, call_of, returned_names, shown
from colabctl.metrics import is_number, plain_metrics
from colabctl.run.failures.failure import ProgramError, Pruned, TaskError
from colabctl.task import Task

Run = Callable[[dict[str, Any], Task], dict[str, Any]]
"""Runs one task: (params, task) -> metrics."""

Function = Callable[[dict[str, Any], Task], Any]
"""A function of the user, to be called with (params, task)."""

_COMMANDS = frozenset(("click", "typer", "rich_click", "asyncclick", "cyclopts", "fire"))


def bind(
    function: Any, name: str, parameters: Mapping[str, bool], *, uses_wandb: bool = False
) -> Function:
    """Return a function of the user as a function of (params, task), by the names it gives.

    A class becomes a new instance for each call. `parameters` has the sweep's parameters, and
    whether every task has them. Raises TaskError if tasks cannot call the function.
    """
    if isinstance(function, type):
        return _by_instances(function, name, parameters, uses_wandb=uses_wandb)
    if _is_command(function):
        raise TaskError(f"{name} reads the command line; {COMMAND_LINE}")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TaskError(f"{name} is a generator; return the metrics, do not yield them")
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError) as error:
        raise TaskError(f"{name} cannot be called for a task ({error})") from None
    try:
        call = call_of(signature, parameters, uses_wandb=uses_wandb)
    except ValueError as error:
        raise TaskError(
            f"{shown(name, signature)} does not fit the sweep: {error}; {advice(name, parameters)}"
        ) from None
    return call.bound(function)


def _by_instances(
    kind: type, name: str, parameters: Mapping[str, bool], *, uses_wandb: bool
) -> Function:
    method = getattr(kind, "__call__", None)  # noqa: B004 - the method itself is called
    if not inspect.isfunction(method):
        raise TaskError(f"{name} is a class without a method __call__; add one")
    try:
        inspect.signature(kind).bind()
    except (ValueError, TypeError) as error:
        raise TaskError(f"{name}() cannot be created ({error}); use defaults") from None
    unbound = partial(method, None)  # checks the arguments without an instance
    bind(unbound, name, parameters, uses_wandb=uses_wandb)

    def run(params: dict[str, Any], task: Task) -> Any:
        return bind(kind(), name, parameters, uses_wandb=uses_wandb)(params, task)

    return run


def _is_command(function: Any) -> bool:
    """Whether a function is one of click or hydra, which get their arguments from sys.argv."""
    roots = {base.__module__.partition(".")[0] for base in type(function).__mro__}
    module = getattr(function, "__globals__", {}).get("__name__")
    return bool(roots & _COMMANDS) or module == "hydra.main"


def call(
    function: Function,
    params: dict[str, Any],
    task: Task,
    *,
    metric: str | None = None,
    source: Any = None,
    uses_wandb: bool = False,
) -> dict[str, Any]:
    """Call a function and return its metrics, those of task.done(...) included.

    It may return None, a dict, a dataclass, a tuple with names, or a number, which is the sweep's
    `metric`. The names of a plain tuple are those in the return statement of `source`, the user's
    own function. What a function that uses W&B returns otherwise is ignored, as W&B's agent does.
    Raises TaskError for any other return value, and Pruned if the task was asked to stop.
    """
    answer = function(params, task)
    if type(answer) is not dict and answer is not None:
        if inspect.isawaitable(answer):
            import asyncio  # noqa: PLC0415 - few functions are asynchronous

            answer = asyncio.run(_result(answer))
        try:
            answer = _metrics(answer, metric, source)
        except TaskError as error:
            if not uses_wandb:
                raise
            print(f"{error}; ignored, as W&B does")
            answer = None
    if answer:
        task.metrics = plain_metrics({**task.metrics, **answer} if task.metrics else answer)
    elif task.metrics is None:
        task.metrics = {}
    if task.stop_requested:
        raise Pruned
    return task.metrics


async def _result(answer: Any) -> Any:
    return await answer


def _metrics(answer: Any, metric: str | None, source: Any) -> Mapping[str, Any] | None:
    """Return the metrics in a return value that is neither None nor a dict."""
    if answer is None or isinstance(answer, Mapping):
        return answer
    if dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        return {each.name: getattr(answer, each.name) for each in dataclasses.fields(answer)}
    if isinstance(answer, tuple) and hasattr(answer, "_asdict"):
        return dict(answer._asdict())
    if isinstance(answer, list | tuple):
        if len(answer) == 1 and metric is not None and is_number(answer[0]):
            return {metric: answer[0]}
        if len(answer) == 2 and isinstance(answer[1], Mapping) and is_number(answer[0]):
            return {**_named(answer[0], metric), **answer[1]}
        names = _tuple_names(source, len(answer))
        if names is None:
            raise TaskError(f"the function {UNNAMED}")
        return dict(zip(names, answer, strict=True))
    return _named(answer, metric)


def _named(answer: Any, metric: str | None) -> dict[str, Any]:
    """Return a number as the sweep's metric."""
    if not is_number(answer):
        raise TaskError(
            f"the function returned a {type(answer).__name__}; "
            'return a dict of metrics, such as {"accuracy": 0.91}'
        )
    if metric is None:
        raise TaskError(
            f"the function returned a {type(answer).__name__}, but the sweep does not say which "
            'metric that is; return a dict, such as {"accuracy": 0.91}, or add `metric:` to the '
            "sweep file"
        )
    return {metric: answer}


def _tuple_names(source: Any, length: int) -> tuple[str, ...] | None:
    """Return the names in the return statements of a function; None if they are not clear."""
    if not inspect.isroutine(source):
        source = getattr(type(source), "__call__", source)  # noqa: B004 - the method itself
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(source))))
    except (OSError, TypeError, ValueError, SyntaxError):
        return None
    choices = {names for names in returned_names(tree.body[0]) if len(names) == length}
    names = choices.pop() if len(choices) == 1 else ()
    return names if len(set(names) - {"", "{}"}) == length else None


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
