"""The commands that steer single tasks; each writes one event to the ledger of a sweep."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colabctl.cli.options import (
    Member,
    Root,
    Sweeps,
    Yes,
    confirm,
    open_project,
    tell,
    working_member,
)
from colabctl.cli.steer import selection
from colabctl.cli.steer.selection import Tasks, Where
from colabctl.cli.terminal import command_line, counted, cut, one_line
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.ledger import SweepState
    from colabctl.work.open_sweep import OpenSweep

_MOST_SHOWN = 10  # tasks that are listed before a question
_MOST_METRICS = 3  # of each


def cancel(
    sweeps: Sweeps,
    task: Tasks = None,
    where: Where = None,
    yes: Yes = False,
    member: Member = None,
    root: Root = None,
) -> None:
    """Cancel sweeps or tasks: attempts that run are ended, and the other tasks do not start.

    Results stay. Undo it with `colabctl retry SWEEP --cancelled`.
    """
    from colabctl.work import control

    who, open_sweeps = _open(sweeps, member, root, one_sweep="--task" if task else None)
    chosen: list[tuple[OpenSweep, list[int], list[int]]] = []
    for sweep in open_sweeps:
        columns = sweep.ledger.state.columns
        among = [*columns.having("open"), *columns.having("held")]
        tasks = selection.select(sweep, among, task, where, selection.not_to_cancel)
        held = [index for index in tasks if columns.status(index) == "held"]
        chosen.append((sweep, tasks, held))
    if not task and any(held for _, _, held in chosen):
        for sweep, tasks, held in chosen:
            now = f"{len(held)} of them claimed or running now:" if held else "none of them running"
            tell(f"{sweep.plan.sweep}: {counted(len(tasks), 'task')} to cancel, {now}")
            _show(held, lambda index, at=sweep: _running(at, index))  # type: ignore[misc]
        confirm("end them, and cancel all?", yes=yes)
    for sweep, tasks, held in chosen:
        name = sweep.plan.sweep
        if not tasks:
            tell(f"{name} has no such task to cancel")
            continue
        control.cancel(sweep, who, tasks)
        ending = ""
        if held:
            ending = (
                f"; {len(held)} of them are ended by their workers, and a result that comes before "
                "still counts"
            )
        undo = command_line("retry", name, "--cancelled")
        tell(f"{counted(len(tasks), 'task')} of {name} cancelled{ending}. Undo it: {undo}")


def retry(
    sweeps: Sweeps,
    failed: Annotated[
        bool, typer.Option("--failed", help="Failed tasks, as without --cancelled.")
    ] = False,
    cancelled: Annotated[bool, typer.Option("--cancelled", help="Cancelled tasks.")] = False,
    task: Tasks = None,
    cause: Annotated[
        str | None,
        typer.Option(
            "--cause",
            metavar="CAUSE",
            help="Only tasks that failed for this cause: its id, or a part of the error.",
            show_default=False,
        ),
    ] = None,
    where: Where = None,
    worker: Annotated[
        str | None,
        typer.Option(
            "--worker",
            metavar="NAME",
            help="Instead, the tasks of this worker, which is gone; its name or a part of it.",
            show_default=False,
        ),
    ] = None,
    longer: Annotated[
        bool,
        typer.Option(
            "--continue",
            help="Instead, train finished tasks longer: they continue from their last saves.",
        ),
    ] = False,
    yes: Yes = False,
    member: Member = None,
    root: Root = None,
) -> None:
    """Make failed or cancelled tasks, or those of a lost worker, available again.

    They run with the same parameters, and task.resume() finds what they have saved.
    """
    from colabctl.work import control

    if longer:
        if failed or cancelled or cause or worker is not None:
            raise UserError("--continue is for finished tasks; with it, use only --task or --where")
        train_longer(sweeps, task, where, yes=yes, member=member, root=root)
        return
    if worker is not None and (failed or cancelled or task or cause or where):
        raise UserError("--worker is for held tasks; use no other option with it")
    if cause is not None and cancelled:
        raise UserError("--cause is for failed tasks, so leave out --cancelled")
    single = "--task" if task else "--worker" if worker is not None else None
    who, open_sweeps = _open(sweeps, member, root, one_sweep=single)
    if worker is not None:
        name, count = control.retry_lost(open_sweeps[0], who, worker)
        are = "is" if count == 1 else "are"
        run = command_line("work", open_sweeps[0].plan.sweep)
        tell(f"{counted(count, 'task')} of {name} {are} available again; run: {run}")
        return
    chosen = []
    for sweep in open_sweeps:
        having = sweep.ledger.state.columns.having
        among = [
            *(having("failed") if failed or task or not cancelled else ()),
            *(having("cancelled") if cancelled or task else ()),
        ]
        if cause is not None:
            among = selection.by_cause(sweep, among, cause)
        chosen.append(selection.select(sweep, among, task, where, selection.not_to_retry))
    for sweep, tasks in zip(open_sweeps, chosen, strict=True):
        name, state = sweep.plan.sweep, sweep.ledger.state
        if tasks:
            again, are = _described(state, tasks), "is" if len(tasks) == 1 else "are"
            control.retry(sweep, who, tasks)
            tell(f"{again} of {name} {are} available again; run: {command_line('work', name)}")
        elif where is not None or cause is not None:
            tell(f"{name} has no such task to retry")
        elif cancelled:
            tell(f"no task of {name} is cancelled" + (" or has failed" if failed else ""))
        else:
            number = state.counts["cancelled"]
            tasks_are = f"{counted(number, 'task')} {'is' if number == 1 else 'are'}"
            again = command_line("retry", name, "--cancelled")
            hint = f"; {tasks_are} cancelled, to run them: {again}" if number else ""
            tell(f"no task has failed{hint}")


def train_longer(
    sweeps: list[str],
    task: list[str] | None,
    where: str | None,
    *,
    yes: bool,
    member: str | None,
    root: Path | None,
) -> None:
    """Let finished tasks continue from their last saves, after a question."""
    from colabctl.ledger import task_name
    from colabctl.work import control

    if not task and where is None:
        raise UserError("say which tasks to train longer, with --task or --where")
    who, open_sweeps = _open(sweeps, member, root, one_sweep="--task" if task else None)
    chosen: list[tuple[OpenSweep, list[int]]] = []
    for sweep in open_sweeps:
        if not (tasks := _finished(sweep, task, where, selection.not_to_continue)):
            tell(f"{sweep.plan.sweep} has no such finished task")
            continue
        chosen.append((sweep, tasks))
        tell(f"{sweep.plan.sweep}: {counted(len(tasks), 'finished task')} to train longer:")
        _show_results(sweep, tasks)
        if unsaved := [task_name(index) for index in tasks if not sweep.has_saves(index)]:
            more = f" and {len(unsaved) - 3} more" if len(unsaved) > 3 else ""
            tell(f"no saves of {', '.join(unsaved[:3])}{more} are here: they start from scratch")
    if not chosen:
        return
    confirm("train them longer? Their results do not count until they are done again", yes=yes)
    for sweep, tasks in chosen:
        control.train_longer(sweep, who, tasks)
        name, verb = sweep.plan.sweep, "continues" if len(tasks) == 1 else "continue"
        run = command_line("work", name)
        tell(f"{counted(len(tasks), 'task')} of {name} {verb}; run: {run}")


def discard(
    sweeps: Sweeps,
    task: Tasks = None,
    where: Where = None,
    yes: Yes = False,
    member: Member = None,
    root: Root = None,
) -> None:
    """Discard results: they no longer count, and their tasks may run again.

    The files of the attempts stay, and so do their events in the journal.
    """
    from colabctl.work import control

    if not task and where is None:
        raise UserError("say which results to discard, with --task or --where")
    who, open_sweeps = _open(sweeps, member, root, one_sweep="--task" if task else None)
    chosen: list[tuple[OpenSweep, list[int]]] = []
    for sweep in open_sweeps:
        if not (tasks := _finished(sweep, task, where, selection.not_to_discard)):
            tell(f"{sweep.plan.sweep} has no such result")
            continue
        chosen.append((sweep, tasks))
        tell(f"{sweep.plan.sweep}: {counted(len(tasks), 'result')} to discard:")
        _show_results(sweep, tasks)
    if not chosen:
        return
    confirm("discard them? Their tasks may run again", yes=yes)
    for sweep, tasks in chosen:
        control.discard(sweep, who, tasks)
        name = sweep.plan.sweep
        may = "its task may" if len(tasks) == 1 else "their tasks may"
        tell(
            f"{counted(len(tasks), 'result')} of {name} discarded; {may} run again: "
            f"{command_line('work', name)}"
        )


def _open(
    sweeps: list[str], member: str | None, root: Path | None, *, one_sweep: str | None
) -> "tuple[str, list[OpenSweep]]":
    """Return the member, and the sweeps as of now; `one_sweep` is an option that needs just one."""
    from colabctl.work.open_sweep import OpenSweep

    if one_sweep and len(set(sweeps)) > 1:
        raise UserError(f"{one_sweep} names something of one sweep; give only that one")
    layout, config = open_project(root)
    open_sweeps = [OpenSweep.named(layout, sweep) for sweep in dict.fromkeys(sweeps)]
    who = working_member(config, member)
    for sweep in open_sweeps:
        sweep.ledger.refresh()
    return who, open_sweeps


def _described(state: "SweepState", tasks: Sequence[int]) -> str:
    """Return "3 failed tasks", or "2 failed and 1 cancelled tasks"."""
    cancelled = sum(state.columns.status(index) == "cancelled" for index in tasks)
    failed = len(tasks) - cancelled
    if failed and cancelled:
        return f"{failed} failed and {cancelled} cancelled tasks"
    return counted(len(tasks), f"{'failed' if failed else 'cancelled'} task")


def _finished(
    sweep: "OpenSweep",
    task: list[str] | None,
    where: str | None,
    why_not: "Callable[[OpenSweep, int], str]",
) -> list[int]:
    """Return the chosen tasks among those whose results count."""
    columns = sweep.ledger.state.columns
    among = [*columns.having("done"), *columns.having("pruned")]
    return selection.select(sweep, among, task, where, why_not)


def _show_results(sweep: "OpenSweep", tasks: Sequence[int]) -> None:
    _show(tasks, lambda index: _result(sweep, index))


def _show(tasks: Sequence[int], line: Callable[[int], str]) -> None:
    for index in tasks[:_MOST_SHOWN]:
        tell(one_line(f"  {line(index)}"))
    if len(tasks) > _MOST_SHOWN:
        tell(f"  and {len(tasks) - _MOST_SHOWN:,} more")


def _running(sweep: "OpenSweep", index: int) -> str:
    from colabctl.ledger import task_name

    task = sweep.ledger.state.tasks[index]
    state = sweep.ledger.state
    writer = state.writers[str(task.holder)]
    where = (
        f"by {state.called(writer.member)} on {writer.host}"
        if writer.member
        else f"by {writer.name}"
    )
    return f"{task_name(index)}  {where}, claimed {_ago(sweep, task.held_since)}"


def _result(sweep: "OpenSweep", index: int) -> str:
    from colabctl.ledger import task_name

    state, metric = sweep.ledger.state, sweep.plan.metric
    task = state.tasks[index]
    assert task.event is not None
    values = task.outcome.metrics
    if metric in values:
        values = {metric: values[metric]}
    shown = [f"{cut(name)}={cut(str(value))}" for name, value in values.items()]
    member = state.called(state.writers[task.event.writer].member)
    by = f"by {member}, {_ago(sweep, task.event.t)}" if member else _ago(sweep, task.event.t)
    return "  ".join((task_name(index), task.status, *shown[:_MOST_METRICS], by))


def _ago(sweep: "OpenSweep", t: float) -> str:
    from colabctl.durations import format_duration

    return f"{format_duration(max(0.0, sweep.ledger.clock.now() - t))} ago"
