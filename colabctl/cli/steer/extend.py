"""The command that adds trials and values to a declared sweep."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import (
    Json,
    Member,
    Root,
    Sweep,
    confirm,
    open_project,
    print_json,
    tell,
    working_member,
)
from colabctl.cli.terminal import command_line, counted, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from colabctl.declare.extend import Addable, Asked
    from colabctl.ledger import Plan
    from colabctl.search import NewValue
    from colabctl.work.open_sweep import OpenSweep

_MOST_SHOWN = 5  # tasks, or files


def extend(
    sweep: Sweep,
    trials: Annotated[
        str | None,
        typer.Option(
            "--trials",
            metavar="N|+N",
            help="New number of tasks for each combination of `foreach`; +N for N more.",
            show_default=False,
        ),
    ] = None,
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            metavar="NAME=VALUE",
            help="One more value of a listed parameter, also of `foreach`; can be repeated.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the new tasks and write nothing.")
    ] = False,
    member: Member = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Add trials or values to a sweep; what it has stays, and only new tasks run.

    Workers that run take the new tasks too. To add what a changed file has, also a new version of
    the program: `colabctl sweep FILE --extend`.
    """
    from colabctl.declare.extend import Asked, read_trials
    from colabctl.work.open_sweep import OpenSweep

    if trials is None and not value:
        raise UserError(
            "say what to add: --trials N, --trials +N or --value NAME=VALUE; or change the sweep "
            "file, and run: colabctl sweep FILE --extend"
        )
    number, more = read_trials(trials, "--trials")
    asked = Asked(number, more, _values(value or []))
    layout, config = open_project(root)
    who = working_member(config, member)
    open_sweep = OpenSweep.named(layout, sweep)
    run(open_sweep, asked, who, dry_run=dry_run, yes=True, as_json=as_json)


def _values(texts: list[str]) -> "dict[str, list[NewValue]]":
    """Return the values of each parameter, read as in a sweep file."""
    from colabctl.search import NewValue
    from colabctl.yamlfile.problems import InvalidFileError
    from colabctl.yamlfile.reader import read_yaml

    values: dict[str, list[NewValue]] = {}
    for text in texts:
        name, equals, written = text.partition("=")
        name = name.strip()
        if not equals or not name:
            raise UserError(
                f"--value {text!r:.60}: write NAME=VALUE, such as --value dataset=covtype"
            )
        document, problems = read_yaml(written, f"--value {name}")
        if problems:
            raise InvalidFileError(problems)
        note = next((each.text for each in document.notes), None)
        values.setdefault(name, []).append(NewValue(document.content, written, note))
    return values


def run(
    sweep: "OpenSweep", asked: "Asked", member: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Extend a sweep, and say what it got; ask before a new version of its program is frozen."""
    from functools import partial

    from colabctl.declare.extend import addable
    from colabctl.declare.extend import extend as write
    from colabctl.project.approvals import approvals_for
    from colabctl.project.config import load
    from colabctl.project.layout import Layout
    from colabctl.work.identity import writer_name

    name, config, writer = sweep.plan.sweep, load(sweep.root, os.environ), writer_name(member)
    find = partial(
        addable, Layout(sweep.root), sweep.layout, asked, config,
        writer=writer, member=member, now=time.time(),
    )  # fmt: skip
    if dry_run:
        _show(find(), asked, as_json)
        return
    approvals = approvals_for(sweep.root, os.environ)
    agree = partial(_agree, yes=yes)
    try:
        added, plan = write(find, config, approvals, lock=sweep.lock(), asked=asked, agree=agree)
    except KeyboardInterrupt:
        _tell_interrupted(sweep, writer)
        raise
    if as_json:
        print_json(_summary(added, plan))
        return
    print(plain(one_line(f"{name}: {_outcome(added, asked, plan.total)}")))
    if not added.is_empty:
        _tell_next(sweep, added, approved=approvals.has(plan.approved.run_digest))


def _tell_interrupted(sweep: "OpenSweep", writer: str) -> None:
    """Say what a writer had added when it was interrupted."""
    from colabctl.ledger.extensions.record import START
    from colabctl.sweeps import plan_of

    plan = plan_of(sweep.layout)
    own = next((each for each in plan.extensions if each.name == f"{START}{writer}"), None)
    if own is None:
        tell(f"interrupted; nothing was added to {plan.sweep}")
    else:
        new = counted(own.total, "new task")
        tell(f"interrupted when it was done: {plan.sweep} has {new}, {plan.total} in all")


def _outcome(added: "Addable", asked: "Asked", total: int) -> str:
    """Return what a sweep gets, on one line."""
    if added.is_empty:
        if not asked.values or asked.trials or asked.more:
            return f"{counted(total, 'task')}, nothing new"
        there = [
            f"{name}={each.value if each.text is None else each.text.strip()}"
            for name, some in asked.values.items() for each in some
        ]  # fmt: skip
        return f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already; nothing new"
    limits = [f"{key}: {_limit(limit)}" for key, limit in added.record.limits.items()]
    new_version = [] if added.code is None else ["a new version of the program"]
    others = [*new_version, *limits]
    if limits and not added.tasks and not added.record.values:
        return ", ".join(others)
    version = "".join(f", {each}" for each in others)
    if added.tasks or not added.record.values:
        return f"{counted(len(added.tasks), 'new task')}, {total} in all{version}"
    new = ", ".join(_new_values(added))
    why = "where or exclude leaves it out" if added.runs_each_point else "add some with --trials +N"
    return f"{new} from now on; no new task: {why}{version}"


def _limit(limit: "Mapping[str, Any] | None") -> str:
    """Return a budget or patience in words."""
    from colabctl.durations import format_duration

    words = [
        f"{name} {format_duration(value) if name == 'time' else f'{value:,}'}"
        for name, value in (limit or {}).items()
    ]
    return " and ".join(words) or "none"


def _new_values(added: "Addable") -> "Iterator[str]":
    """Yield which values each parameter can have now."""
    from colabctl.yamlfile.problems import shown

    for path, values in added.record.values:
        name = ".".join(part for part in path if part not in ("parameters", "choices"))
        some = [shown(each[0] if isinstance(each, list) else each) for each in values]
        more = f" and {len(some) - _MOST_SHOWN:,} more" if len(some) > _MOST_SHOWN else ""
        yield f"{name} can be {', '.join(some[:_MOST_SHOWN])}{more}"


def _tell_next(sweep: "OpenSweep", added: "Addable", *, approved: bool) -> None:
    """Say who runs the new tasks, and what keeps them from running."""
    from colabctl.ledger import ENDED
    from colabctl.project.layout import Layout
    from colabctl.work.open_sweep import OpenSweep

    name = sweep.plan.sweep
    ledger = OpenSweep.named(Layout(sweep.root), name).ledger  # of the sweep as it is now
    ledger.refresh()
    state = ledger.state
    if state.ended:
        tell(f"{name} {ENDED[state.ended]}; to run new tasks: {command_line('resume', name)}")
    elif state.order != "go":
        word = "paused" if state.order == "pause" else "stopped"
        tell(f"note: {name} is {word}; to continue it: {command_line('resume', name)}")
    elif state.live_workers(ledger.clock.now()):
        tell("workers that run take them without a restart")
    elif state.finished < state.total and approved and sweep.plan.program is not None:
        tell(f"run them: {command_line('work', name)}")
    if added.code is not None:
        who = "the others" if approved else "the others and you"
        tell(f"{who} approve the new version before they run it: {command_line('trust', name)}")
    elif not approved and sweep.plan.program is not None:
        tell(
            "you have not approved the program; to run it here, look at it first: "
            f"{command_line('trust', name)}"
        )


def _agree(added: "Addable", *, yes: bool) -> None:
    """Show a new version of the program, and ask before it is frozen."""
    for note in added.notes:
        tell(f"note: {note}")
    if added.code is None:
        return
    names = ", ".join(added.changed[:_MOST_SHOWN])
    more = len(added.changed) - _MOST_SHOWN
    what = f"{names}{f' and {more} more' if more > 0 else ''}" or "its command"
    tell(one_line(f"the program has changed: {what}; finished tasks ran the version before"))
    confirm("freeze it as a new version, which all tasks run from now on?", yes=yes)


def _show(added: "Addable", asked: "Asked", as_json: bool) -> None:
    if as_json:
        print_json(_summary(added, None))
        return
    for note in added.notes:
        tell(f"note: {note}")
    print(plain(one_line(f"{added.plan.sweep}: {_outcome(added, asked, added.total)}")))
    for task in added.tasks[:_MOST_SHOWN]:
        params = "(chosen when it is claimed)" if task.params is None else f"{task.params}"
        print(plain(one_line(f"  {params}")))
    if len(added.tasks) > _MOST_SHOWN:
        print(f"  and {len(added.tasks) - _MOST_SHOWN:,} more")


def _summary(added: "Addable", plan: "Plan | None") -> dict[str, Any]:
    return {
        "sweep": added.plan.sweep,
        "new": len(added.tasks),
        "total": plan.total if plan is not None else added.total,
        "cells": [{"values": cell["values"], "new": cell["tasks"]} for cell in added.record.cells],
        "first": [task.params for task in added.tasks[:_MOST_SHOWN]],
        "new_version": added.code is not None,
        "limits": dict(added.record.limits),
    }


def extend_from_file(
    draft: Any, name: str, file: Path, member: str | None, root: Path | None, *, yes: bool,
    dry_run: bool, as_json: bool, replace: bool,
) -> None:  # fmt: skip
    """Add to the sweep of this name what a changed file has."""
    if replace:
        raise UserError("--extend keeps the sweep, and --replace puts another in its place")
    from colabctl.declare.extend import Asked
    from colabctl.work.open_sweep import OpenSweep

    layout, config = open_project(root)
    who = working_member(config, member)
    open_sweep = OpenSweep.named(layout, name)
    asked = Asked(draft=draft, file=file, here=Path.cwd())
    run(open_sweep, asked, who, dry_run=dry_run, yes=yes, as_json=as_json)
