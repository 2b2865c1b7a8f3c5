"""The command that shows the progress of sweeps."""

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from colabctl.cli.options import Json, Root, complete_sweep, open_project, print_json, tell
from colabctl.cli.terminal import command_line, counted, cut, one_line, plain, styled
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from rich.console import RenderableType

    from colabctl.project.layout import Layout
    from colabctl.views.failures import Attempt
    from colabctl.views.status import Status
    from colabctl.work.open_sweep import OpenSweep

T = TypeVar("T")
S = TypeVar("S")

_NEXT_STEPS = {
    "pending": ("no workers yet; start one", "work"),
    "idle": ("no active workers; start one", "work"),
    "paused": ("resume it", "resume"),
    "stopped": ("resume it", "resume"),
}
_MOST_SHOWN = 100  # workers that are running, and lost ones
_MOST_ENDED = 5  # ended workers that are shown; there may be hundreds
_LONGEST_ERROR = 500  # characters
_REFRESH = 2.0  # seconds between refreshes with --watch


def status(
    sweep: Annotated[
        str | None,
        typer.Argument(
            metavar="SWEEP",
            help="Name of a sweep.",
            show_default="all sweeps",
            autocompletion=complete_sweep,
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Refresh until the sweep is finished.")
    ] = False,
    failures: Annotated[
        bool, typer.Option("--failures", help="Show the end of the output of each failed task.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Show progress, workers, time left, the best result so far and failures."""
    if watch and as_json:
        raise UserError("--watch is for people and --json for scripts; use only one of them")
    layout, _ = open_project(root)
    sweeps = list(_open(layout, sweep))
    if failures and as_json:
        print_json(
            [
                {"sweep": each.plan.sweep, **asdict(failure)}
                for each, last in _readable(sweeps, sweep, _failures)
                for failure in last
            ]
        )
    elif failures:
        for each, last in _readable(sweeps, sweep, _failures):
            _print_failures(each, last)
    elif as_json:
        from colabctl.views.results import as_json as strict

        objects = [strict(asdict(seen)) for _, seen in _readable(sweeps, sweep, _look)]
        print_json(objects[0] if sweep else objects)
    elif not sweeps:
        print("no sweeps yet; declare one: colabctl sweep FILE")
    elif watch:
        _watch([each for each, _ in _readable(sweeps, sweep, _look)])
    else:
        from rich.console import Console

        console = Console()
        for _, seen in _readable(sweeps, sweep, _look):
            console.print(_render(seen, brief=len(sweeps) > 1))


def _open(layout: "Layout", sweep: str | None) -> "Iterator[OpenSweep]":
    """Open the named sweep, or all sweeps; print a note for each that cannot be opened."""
    from colabctl.cli.steer.archive import tell_if_archived
    from colabctl.sweeps import differing, find_sweep, sweeps_in_use
    from colabctl.work.open_sweep import OpenSweep

    said: set[str] = set()
    layouts = [find_sweep(layout, sweep)] if sweep else sweeps_in_use(layout)
    for at in layouts:
        tell_if_archived(at)
    for at, open_sweep in _readable(layouts, sweep, lambda at: OpenSweep.at(layout.root, at)):
        for sentence in differing(at, open_sweep.plan):
            if sentence not in said:
                tell(f"note: {sentence}")
                said.add(sentence)
        yield open_sweep


def _readable(
    items: "Iterable[T]", sweep: str | None, read: "Callable[[T], S]"
) -> "Iterator[tuple[T, S]]":
    """Yield each item and what `read` returns for it.

    Without a named `sweep`, one that cannot be read gets a note, and the others are shown.
    """
    from colabctl.sharedfs.faults import describe

    for item in items:
        try:
            seen = read(item)
        except (UserError, OSError) as error:
            if sweep:
                raise
            tell(f"note: {describe(error) if isinstance(error, OSError) else error}")
        else:
            yield item, seen


def _print_failures(sweep: "OpenSweep", failures: "list[Attempt]") -> None:
    for failure in failures:
        where = f"{failure.task}, attempt {failure.attempt}, by {failure.worker}"
        print(plain(one_line(f"{where}: {failure.error}")))
        print("".join(f"    {plain(line)}\n" for line in failure.output.splitlines()))
    if not failures:
        print(plain(one_line(f"{sweep.plan.sweep}: no task has failed")))


def _failures(sweep: "OpenSweep") -> "list[Attempt]":
    from colabctl.views.failures import causes, last_failures

    sweep.ledger.refresh()
    return last_failures(causes(sweep.ledger.state, sweep.tasks))


def _look(sweep: "OpenSweep") -> "Status":
    from colabctl.views.status import status as status_of

    sweep.ledger.refresh()
    return status_of(sweep.plan, sweep.ledger, sweep.tasks, *sweep.changed_code())


def _watch(sweeps: "list[OpenSweep]") -> None:
    from rich.console import Console, Group
    from rich.live import Live

    try:
        with Live(console=Console(), auto_refresh=False) as live:
            while True:
                seen = [_look(sweep) for sweep in sweeps]
                brief = len(sweeps) > 1
                live.update(Group(*(_render(each, brief=brief) for each in seen)), refresh=True)
                if all(status.state in ("finished", "stopped") for status in seen):
                    return
                time.sleep(_REFRESH)
    except KeyboardInterrupt:
        continues = "the sweep continues" if len(sweeps) == 1 else "the sweeps continue"
        tell(f"stopped watching; {continues}")


def _render(seen: "Status", *, brief: bool) -> "RenderableType":
    from rich.console import Group

    from colabctl.sharedfs.mounts import PROMISES

    lines: list[RenderableType] = [_headline(seen)]
    lines += [styled(f"  {sentence}") for sentence in seen.steering]
    if seen.best:
        params = ", ".join(
            f"{cut(name)}={_short(value)}" for name, value in seen.best["params"].items()
        )
        metric, value = cut(seen.best["metric"]), seen.best["value"]
        lines.append(styled(f"  best {metric} {value:.6g} in {seen.best['task']}: {params}"))
    if not brief:
        lines += [styled(f"  {seen.unreported}", style="yellow")] if seen.unreported else []
        lines.append(
            styled(f"  {seen.consistency} folder: {PROMISES[seen.consistency]}", style="dim")
        )
        lines += [_workers(seen)] if seen.workers else []
        lines += [styled(f"  {sentence}", style="yellow") for sentence in seen.waiting]
        lines += [styled(f"  {_failure(each)}", style="red") for each in seen.failures[:5]]
        if seen.changed:
            files = ", ".join(seen.changed[:5])
            lines.append(
                styled(
                    f"  changed since the sweep was declared: {files}; tasks run the frozen code",
                    style="yellow",
                )
            )
        if seen.state in _NEXT_STEPS:
            step, command = _NEXT_STEPS[seen.state]
            lines.append(styled(f"  {step}: {command_line(command, seen.sweep)}"))
        if seen.failures:
            lines.append(styled(f"  see why: {command_line('status', seen.sweep, '--failures')}"))
        if seen.failed:
            retry = command_line("retry", seen.sweep)
            lines.append(styled(f"  once the cause is gone: {retry}"))
    lines += [styled(f"  {sentence}", style="yellow") for sentence in seen.damage[:5]]
    if more := len(seen.damage[5:]):
        lines.append(styled(f"  and {more:,} more damaged journals", style="yellow"))
    return Group(*lines)


def _failure(group: dict[str, Any]) -> str:
    """Return a line for the tasks that failed with one error."""
    tasks, again = group["tasks"], group["to_retry"]
    which = "" if not again else " and will be tried again" if again == tasks else (
        f" ({again} of them will be tried again)"
    )  # fmt: skip
    return f"{counted(tasks, 'task')} failed{which}: {group['error'][:_LONGEST_ERROR]}"


def _headline(seen: "Status") -> "RenderableType":
    from rich.text import Text

    from colabctl.durations import format_duration

    finished = seen.done + seen.pruned + seen.failed
    line = Text.assemble(
        styled(seen.sweep, "bold"),
        styled(f" ({cut(seen.title)})" if seen.title else ""),
        f"  {seen.state}  {finished}/{seen.total} finished",
    )
    for count, word in (
        (seen.running, "running"),
        (seen.claimed, "claimed"),
        (seen.failed, "failed"),
        (seen.pruned, "pruned"),
        (seen.cancelled, "cancelled"),
        (seen.duplicates, "duplicate result" + "s" * (seen.duplicates > 1)),
    ):
        if count:
            line.append(", ")
            line.append(f"{count} {word}", style="red" if word == "failed" else "")
    if seen.rate and seen.seconds_left is not None:
        line.append(f", about {format_duration(seen.seconds_left)} left")
    return line


def _workers(seen: "Status") -> "RenderableType":
    from rich.table import Table

    from colabctl.durations import format_duration

    table = Table(box=None, padding=(0, 2))
    for title in ("member", "host", "state", "task", "done", "failed", "last seen"):
        table.add_column(title, justify="right" if title in ("done", "failed") else "left")
    alive = [worker for worker in seen.workers if worker.state in ("running", "idle")]
    lost = [worker for worker in seen.workers if worker.state == "lost"]
    ended = [worker for worker in seen.workers if worker.state == "ended"]
    for worker in [*alive[:_MOST_SHOWN], *lost[-_MOST_SHOWN:], *ended[-_MOST_ENDED:]]:
        ago = f"{format_duration(worker.last_seen_seconds)} ago"
        who = worker.member, worker.host, worker.state, worker.task or ""
        table.add_row(*map(styled, (*who, worker.done, worker.failed, ago)))
    more = max(0, len(alive) - _MOST_SHOWN) + max(0, len(lost) - _MOST_SHOWN)
    if more:
        table.caption = styled(f"{more:,} more, which --json lists")
    return table


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else cut(str(value))
