"""The command that shows why tasks failed."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import Json, Root, Sweep, open_project, print_json, tell
from colabctl.cli.terminal import command_line, counted, cut, one_line, plain

if TYPE_CHECKING:
    from colabctl.views.failures import Attempt, Cause, Shared
    from colabctl.work.open_sweep import OpenSweep

_FEW_LINES = 15  # of an example's output
_MOST_NAMED = 8  # tasks of a cause


def failures(
    sweep: Sweep,
    task: Annotated[
        list[str] | None,
        typer.Option(
            "--task",
            metavar="TASK",
            help="Only the failed attempts at this task, such as t000017 or 17; can be repeated.",
            show_default="all tasks",
        ),
    ] = None,
    cause: Annotated[
        str | None,
        typer.Option(
            "--cause",
            metavar="CAUSE",
            help="Only this cause: its id, or a part of its error.",
            show_default="all causes",
        ),
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Show the end of the output of every failed task.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Show why tasks failed: grouped by cause, with the parameters that the failing tasks share."""
    from colabctl.views.failures import causes, named, of_tasks, shared
    from colabctl.work.open_sweep import OpenSweep
    from colabctl.work.task_names import indices_of

    layout, _ = open_project(root)
    open_sweep = OpenSweep.named(layout, sweep)
    open_sweep.ledger.refresh()
    state = open_sweep.ledger.state
    for damage in open_sweep.ledger.damage:
        tell(f"note: {one_line(str(damage))}")
    groups = causes(state, open_sweep.tasks)
    if cause is not None:
        groups = named(groups, cause)
    common = {each.id: shared(state, open_sweep.tasks, each) for each in groups}
    if task:
        groups = of_tasks(groups, indices_of(task, open_sweep.plan))
    if as_json:
        print_json([_object(each, common[each.id], every=every or bool(task)) for each in groups])
        return
    if not groups:
        which = f" of {', '.join(task)}" if task else ""
        print(plain(one_line(f"{open_sweep.plan.sweep}: no attempt{which} has failed")))
        return
    for number, each in enumerate(groups):
        print("\n" * bool(number), end="")
        _print_cause(each, common[each.id], every=every or bool(task))
    _print_next_steps(open_sweep, groups)


def _print_cause(cause: "Cause", common: "Shared | None", *, every: bool) -> None:
    from colabctl.views.failures import in_words

    attempts = "" if cause.attempts == len(cause.tasks) else f" in {cause.attempts} attempts"
    done = len(cause.tasks) - len(cause.failed) - len(cause.to_retry)
    counts = [
        f"{number} {what}"
        for number, what in (
            (len(cause.failed), "failed for good"),
            (len(cause.to_retry), "to be tried again"),
            (done, "not failed any more"),
        )
        if number
    ]
    _line(f"{cause.id}  {counted(len(cause.tasks), 'task')}{attempts}: {', '.join(counts)}")
    _line(f"  {cause.error}")
    place = f"{cause.place}; " if cause.place else ""
    seen = [_time(when) for when in (cause.first_seen, cause.last_seen)]
    _line(f"  {place}{' to '.join(dict.fromkeys(seen))}")
    if common is not None:
        _line(f"  {in_words(common, lambda value: cut(str(value)))}")
    _line(f"  tasks: {_names(cause.tasks)}")
    if every:
        for attempt in cause.all_attempts:
            error = "" if attempt.error == cause.error else f" {attempt.error}"
            _print_attempt(attempt, error, None)
    else:
        _print_attempt(cause.example, "", _FEW_LINES)


def _print_attempt(attempt: "Attempt", error: str, most: int | None) -> None:
    lines = attempt.output.splitlines()
    error = error or ("" if lines else " no output")
    _line(f"  {attempt.task}, attempt {attempt.attempt}, by {attempt.worker}:{error}")
    if most is not None and len(lines) > most:
        _line("    ...")
        lines = lines[-most:]
    for line in lines:
        _line(f"    {line}")


def _print_next_steps(sweep: "OpenSweep", groups: "list[Cause]") -> None:
    name, example = sweep.plan.sweep, groups[0].example.task
    tell(f"\nall it printed: {command_line('log', name, example)}")
    tell(f"run it here: {command_line('try', name, example)}")
    failed = next((cause for cause in groups if cause.failed), None)
    if failed is not None:
        retry = command_line("retry", name, "--cause", failed.id)
        tell(f"once the cause is gone: {retry}")


def _line(text: str) -> None:
    print(plain(one_line(text)))


def _names(indices: list[int]) -> str:
    from colabctl.ledger import task_name

    names = ", ".join(map(task_name, indices[:_MOST_NAMED]))
    more = len(indices) - _MOST_NAMED
    return f"{names} and {more:,} more" if more > 0 else names


def _time(t: float) -> str:
    """Return a time of the ledger in this machine's time zone."""
    return f"{datetime.fromtimestamp(t, UTC).astimezone():%Y-%m-%d %H:%M:%S}"


def _object(cause: "Cause", common: "Shared | None", *, every: bool) -> dict[str, Any]:
    from colabctl.ledger import task_name
    from colabctl.views.failures import in_words
    from colabctl.views.results import as_json

    parts = {
        "cause": cause.id,
        "error": cause.error,
        "place": cause.place,
        "tasks": [*map(task_name, cause.tasks)],
        "attempts": cause.attempts,
        "failed": [*map(task_name, cause.failed)],
        "to_retry": [*map(task_name, cause.to_retry)],
        "first_seen": _iso(cause.first_seen),
        "last_seen": _iso(cause.last_seen),
        "shared": None
        if common is None
        else {
            "text": in_words(common),
            "conditions": [each._asdict() for each in common.conditions],
            "others": common.others,
            "of": common.total,
        },
        "example": _attempt(cause.example),
    }
    if every:
        parts["all"] = [*map(_attempt, cause.all_attempts)]
    return as_json(parts)  # type: ignore[no-any-return]


def _attempt(attempt: "Attempt") -> dict[str, Any]:
    names = ("task", "index", "attempt", "worker", "error", "output")
    return {
        **{name: getattr(attempt, name) for name in names},
        "ended_at": _iso(attempt.seen),
    }


def _iso(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).isoformat(timespec="milliseconds")
