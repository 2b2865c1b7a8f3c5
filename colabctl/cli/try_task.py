"""The command that runs one task here, outside the ledger."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl import interrupts
from colabctl.cli.options import (
    Member,
    Root,
    carrier_of_command,
    complete_sweep,
    open_project,
    tell,
    working_member,
)
from colabctl.cli.terminal import command_line, cut, one_line, plain
from colabctl.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable

    from colabctl.project.config import Config
    from colabctl.project.layout import Layout
    from colabctl.work.trying import Trial, Tried

_MOST_REPORTS = 20  # the last ones
_FILES = (".yaml", ".yml", ".json")


def try_task(
    what: Annotated[
        str,
        typer.Argument(
            metavar="SWEEP-OR-FILE",
            help="A declared sweep, or a sweep file.",
            autocompletion=complete_sweep,
        ),
    ],
    task: Annotated[
        str | None,
        typer.Argument(
            metavar="TASK",
            help="Task of the sweep, such as t000017 or 17.",
            show_default="with FILE: its first task",
        ),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="With FILE: give a parameter this value; can be repeated.",
            show_default="the values of the first task",
        ),
    ] = None,
    member: Member = None,
    root: Root = None,
) -> None:
    """Run one task here and record nothing; a debugger works."""
    from colabctl.run.redaction import concealer
    from colabctl.work.data.stored import NO_STORE
    from colabctl.work.trying import run_here

    layout, config = open_project(root)
    who = working_member(config, member)
    if task is not None:
        if values:
            raise UserError("--set is for a sweep file; give FILE instead of SWEEP TASK")
        trial = _declared(layout, config, what, task)
        name = f"{what} {task}"
    else:
        trial = _draft(
            layout, config, _sweep_file(layout, what, sets=bool(values)), values or [], who
        )
        name = what
    conceal = concealer(config.all_secrets, os.environ)
    params = ", ".join(f"{key}={cut(conceal(str(value)))}" for key, value in trial.params.items())
    tell(one_line(conceal(f"trying {name}: {params or 'without parameters'}")))
    store = carrier_of_command() or NO_STORE
    tried = run_here(trial, config, who, lambda text: tell(conceal(text)), store.bring)
    _print(trial, tried, conceal)


def _sweep_file(layout: "Layout", what: str, *, sets: bool) -> Path:
    """Return the sweep file that is meant; raise UserError where a sweep is, or may be.

    A file that someone puts next to a sweep's name must not run instead of the sweep.
    """
    from colabctl.sweeps import every_sweep, find_sweep

    is_path = any(mark and mark in what for mark in (os.sep, os.altsep))
    file = Path(what)
    looks_like_file = is_path or file.suffix in _FILES
    is_sweep = not is_path and any(what in (s.name, s.called) for s in every_sweep(layout))
    of_sweep = f"name a task of {what}, such as: {command_line('try', what, '0')}"
    if sets:
        of_sweep = (
            f"--set needs a sweep file, and {what} is a sweep; give FILE, such as {what}.yaml"
        )
    if is_sweep and looks_like_file and file.is_file():
        here = command_line("try", f"./{what}")
        raise UserError(f"{what} is both a sweep and a file; for the file: {here}; else {of_sweep}")
    if is_sweep:
        raise UserError(of_sweep)
    if looks_like_file and not file.is_file():
        from colabctl.cli.sweep import missing_file

        raise UserError(missing_file(file))
    if not looks_like_file:
        if file.is_file():
            here = command_line("try", f"./{what}")
            raise UserError(f"{what} is not a sweep; if you mean the file: {here}")
        find_sweep(layout, what)
        raise UserError(of_sweep)
    return file


def _declared(layout: "Layout", config: "Config", sweep: str, task: str) -> "Trial":
    from colabctl.cli.trust import check_trusted
    from colabctl.work.open_sweep import OpenSweep
    from colabctl.work.task_names import index_of
    from colabctl.work.trying import trial_of

    open_sweep = OpenSweep.named(layout, sweep)
    index = index_of(task, open_sweep.plan)
    check_trusted(config, open_sweep.plan)
    open_sweep.ledger.refresh()
    return trial_of(open_sweep, index)


def _draft(
    layout: "Layout", config: "Config", file: Path, values: list[str], member: str
) -> "Trial":
    from colabctl.cli.sweep import read_file
    from colabctl.declare.planned import planned
    from colabctl.declare.preview import draft, places_in, preview
    from colabctl.search.with_values import with_values
    from colabctl.sharedfs.names import safe_name
    from colabctl.work.trying import Trial, study_of

    drafted = draft(read_file(file), str(file))
    name = safe_name(drafted.declaration.name or file.name.removesuffix(file.suffix))
    program = preview(drafted, name, places_in(layout, file, Path.cwd()))
    for note in (*drafted.notes, *program.notes):
        tell(f"note: {note}")
    params = with_values(drafted.expansion, dict(map(assigned, values)))
    plan = planned(drafted, program, layout, config, name=name, member=member, now=time.time())
    return Trial(plan, program.code, 0, params, study_of(plan))


def assigned(text: str, option: str = "--set", example: str = "lr=0.1") -> tuple[str, Any]:
    """Return the name and the value in an option such as lr=0.1, read as a sweep file's."""
    from colabctl.yamlfile.reader import read_yaml

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"{option} {text!r:.60}: write NAME=VALUE, such as {option} {example}")
    if not value.strip():
        return name.strip(), value
    try:
        document, problems = read_yaml(value, option)
    except UserError:
        return name.strip(), value
    return name.strip(), value if problems else document.content


def _print(trial: "Trial", tried: "Tried", conceal: "Callable[[str], str]") -> None:
    """Print how a task ended; exit with 1 if it failed, 130 if it was interrupted."""
    from colabctl.durations import format_duration
    from colabctl.ledger import lack

    outcome = tried.outcome
    for name, value in outcome.suggested.items():
        tell(one_line(conceal(f"suggested {name} = {value!r}")))
    skipped = len(outcome.reports) - _MOST_REPORTS
    if skipped > 0:
        print(f"({skipped:,} earlier reports)")
    for step, values in outcome.reports[-_MOST_REPORTS:]:
        at = "report" if step is None else f"report at {step:g}"
        pairs = ", ".join(f"{key}={value}" for key, value in values.items())
        print(plain(one_line(conceal(f"{at}: {pairs}"))))
    for name, value in outcome.metrics.items():
        print(plain(one_line(conceal(f"{name} = {value}"))))
    if tried.folder is not None:
        tell(conceal(f"its files are in {tried.folder}"))
    if tried.interrupted:
        tell("interrupted; nothing is recorded")
        raise typer.Exit(interrupts.CODE)
    if outcome.error:
        tell(one_line(conceal(f"failed: {outcome.error}; nothing is recorded")))
        raise typer.Exit(1)
    if lacking := lack(trial.plan, outcome.metrics):
        tell(conceal(f"note: {lacking}"))
    tell(f"done in {format_duration(outcome.seconds)}; nothing is recorded")
