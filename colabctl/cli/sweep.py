"""The command that declares a sweep."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import (
    Json,
    Member,
    Root,
    Yes,
    open_project,
    print_json,
    tell,
    working_member,
)
from colabctl.cli.terminal import can_ask, command_line, counted, cut, one_line, plain
from colabctl.errors import UserError, nearest

if TYPE_CHECKING:
    from colabctl.declare.preview import Draft, Preview
    from colabctl.ledger import Plan
    from colabctl.project.layout import Layout

_MAX_SIZE = 1_000_000  # bytes; people write sweep files by hand
_LATEST = 10  # sweeps whose workers are looked at, to see what machines there are
_SUFFIXES = (".yaml", ".yml", ".json")
_PROGRAMS = (".ipynb", ".py", ".sh", ".R", ".jl")


def _not_export(file: Path) -> Path:
    """Hint at the right command after `sweep export SWEEP`, before the extra word is refused."""
    if file == Path("export") and not file.exists():
        raise UserError(
            "export does not exist; give the path of a sweep file. "
            "To export a declared sweep: colabctl export SWEEP"
        )
    return file


def sweep(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Sweep file, in W&B's format or colabctl's.", callback=_not_export
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Name of the sweep.",
            show_default="`name` in FILE, else the name of FILE",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the tasks and write nothing.")
    ] = False,
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            min=1,
            metavar="N",
            help="Tasks for each combination of `foreach`; with `repeat`, configurations.",
            show_default="`trials` in FILE",
        ),
    ] = None,
    run_cap: Annotated[
        int | None,
        typer.Option(
            "--run-cap",
            min=1,
            metavar="N",
            help="Maximum number of tasks; with `repeat`, of configurations.",
            show_default="`run_cap` in FILE",
        ),
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Take the name of a different sweep, which is archived under a name of its own.",
        ),
    ] = False,
    extend: Annotated[
        bool,
        typer.Option(
            "--extend",
            help="Add to the declared sweep what the changed file has: values, trials, a new "
            "version of the program.",
        ),
    ] = False,
    yes: Yes = False,
    member: Member = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Declare a sweep from a file; declaring the same one again changes nothing."""
    from colabctl.cli.steer.archive import stop_running, tell_if_archived
    from colabctl.declare.declare import declare
    from colabctl.declare.preview import draft as read_draft
    from colabctl.notebook.installed import lacks
    from colabctl.notebook.reading import NoParametersError
    from colabctl.project.approvals import approvals_for
    from colabctl.project.notebooks.wheel import place_wheel
    from colabctl.project.raw.damage import sentences
    from colabctl.sharedfs.names import safe_name
    from colabctl.sweeps import differing

    sweep_draft = read_draft(read_file(file), str(file), trials=trials, run_cap=run_cap)
    name = name or safe_name(sweep_draft.declaration.name or file.stem)
    if extend:
        from colabctl.cli.steer.extend import extend_from_file

        extend_from_file(
            sweep_draft, name, file, member, root,
            yes=yes, dry_run=dry_run, as_json=as_json, replace=replace,
        )  # fmt: skip
        return
    if dry_run:
        program, notes, inserted = _previewed(sweep_draft, name, file, root)
        summary = _summary(sweep_draft, name, (*sweep_draft.notes, *notes), program)
        _show(summary, sweep_draft, inserted, as_json)
        return
    layout, config = open_project(root)
    who = working_member(config, member)
    for note in sentences(layout, config.read_only):
        tell(f"note: {note}")
    try:
        declared = declare(
            sweep_draft,
            layout,
            config,
            name=name,
            member=who,
            now=time.time(),
            approvals=approvals_for(layout.root, os.environ),
            file=file,
            here=Path.cwd(),
            replace_old=partial(stop_running, layout, who, yes=yes) if replace else None,
        )
    except NoParametersError as error:
        notebook = sweep_draft.declaration.program or ""
        folders = (Path.cwd(), file.absolute().parent, layout.root)
        _offer_a_copy(error, [folder / notebook for folder in folders])
        return
    if declared.damage:
        raise UserError("\n".join(declared.damage))
    place_wheel(layout)
    tell_if_archived(declared.layout)
    unseen = (*_unseen(declared.program, layout.root), *_never_had(layout, declared.plan))
    for note in (*declared.notes, *unseen, *differing(declared.layout, declared.plan)):
        tell(f"note: {note}")
    if declared.plan.is_notebook and (lacking := lacks()):
        tell(f"note: on this machine, {lacking}")
    if replace and not declared.replaced:
        tell(f"note: nothing to replace: no other sweep has the name {declared.layout.name}")
    for old in declared.replaced:
        tell(f"the earlier one is archived as {old}; see it: {command_line('status', old)}")
    if as_json:
        notes = (*declared.notes, *unseen)
        summary = _summary(sweep_draft, name, notes, declared.program)
        print_json({**summary, "new": declared.new, "replaced": list(declared.replaced)})
        return
    state, name = "declared" if declared.new else "already declared", declared.layout.name
    print(f"{name}: {counted(declared.plan.total, 'task')}, {state}")
    if declared.plan.program is None:
        tell(f'run it in a notebook or script: for task in colabctl.open().sweep("{name}").tasks()')
    else:
        tell(f"run it: {command_line('work', name)}    see it: {command_line('status', name)}")


def _unseen(program: "Preview", root: Path) -> Iterator[str]:
    """Yield a note on each file of the project that the code names but no task sees.

    These are files that could configure the programs of a task, and are not frozen.
    """
    from colabctl.run.startup.settings_files import configures

    code = program.code.files
    folders = dict.fromkeys((root, root / program.frozen.cwd))
    there = {name for folder in folders if folder.is_dir() for name in os.listdir(folder)}  # noqa: PTH208
    for name in sorted(filter(configures, there)):
        if any(path.rpartition("/")[2] == name for path in code):
            continue
        word = re.compile(rb"(?<!\w)%s(?!\w)" % re.escape(name.encode()))
        if user := next((path for path, content in code.items() if word.search(content)), None):
            fix = "add it to code: in the sweep file"
            if name.startswith(".env"):
                fix = "list its variables under secrets: in colabctl.yaml"
            yield f"{user} names {name}, which tasks do not see (colabctl guide trust); {fix}"


def _never_had(layout: "Layout", plan: "Plan") -> Iterator[str]:
    """Yield a note on what tasks need and no worker of the latest sweeps had."""
    if not plan.needs:
        return
    from colabctl.sweeps import sweeps_in_use
    from colabctl.views.limits.needs import never_had
    from colabctl.work.open_sweep import OpenSweep

    machines = set()
    used = [each for each in sweeps_in_use(layout) if each.journal.is_dir()]
    for each in sorted(used, key=lambda each: each.journal.stat().st_mtime)[-_LATEST:]:
        with suppress(UserError, OSError):
            ledger = OpenSweep.at(layout.root, each).ledger
            ledger.refresh()
            machines |= {w.machine for w in ledger.state.writers.values() if w.is_worker}
    yield from never_had(plan, machines)


def _offer_a_copy(error: UserError, places: list[Path]) -> None:
    """Offer to prepare a notebook without a parameters cell; raise the error without a terminal."""
    from colabctl.cli.notebook.prepare import propose_copy

    notebook = next((place for place in places if place.is_file()), None)
    if notebook is None or not can_ask():
        raise error
    tell(f"{error}")
    if not typer.confirm("see a proposal now?", err=True):
        raise typer.Exit(1)
    written = propose_copy(Path(os.path.relpath(notebook)))
    if written is not None:
        tell(f"look at both, then run: {command_line('sweep', str(written))}")


def _check_earlier(draft: "Draft", root: Path | None) -> None:
    """Raise UserError for a sweep in `learn_from` that is not there or does not fit."""
    from colabctl.declare.planned import earlier

    if not draft.declaration.learn_from:
        return
    try:
        layout, _ = open_project(root)
    except UserError:  # a dry run needs no project
        return
    earlier(draft, layout)


def _previewed(
    draft: "Draft", name: str, file: Path, root: Path | None
) -> tuple["Preview | None", tuple[str, ...], str]:
    """Return a draft's program, notes on it, and the cell that is inserted into its notebook.

    Raises UserError if the sweep could not be declared, but not for a missing program: people often
    try a sweep file before its program exists.
    """
    from colabctl.code.places import Places
    from colabctl.code.program import NoProgramError
    from colabctl.declare.preview import places_in, preview
    from colabctl.notebook import injection

    _check_earlier(draft, root)
    places = Places(None, Path.cwd(), file.absolute())
    with suppress(UserError):  # a dry run needs no project
        places = places_in(open_project(root)[0], file, Path.cwd())
    try:
        program = preview(draft, name, places)
    except NoProgramError as missing:
        return None, (f"{missing}",), ""
    if program.notebook is None:
        return program, program.notes, ""
    first = next((draw.params for draw in draft.expansion.tasks()), {})
    if first is None and program.notebook.parameters is not None:
        inserted = (
            f"{program.notebook.name} runs once for each task; its parameters are chosen when a "
            f"task is claimed, and inserted after cell {program.notebook.parameters.number}"
        )
        return program, program.notes, inserted
    return (
        program,
        program.notes,
        injection.preview(program.notebook, first or {}, "the first task"),
    )


def read_file(file: Path) -> bytes:
    """Return the content of a sweep file; raise UserError for anything else."""
    from colabctl.project.root import check_in_project

    check_in_project(file)
    if file.suffix == ".ipynb" and file.is_file():
        raise UserError(
            f"{file} is a program, not a sweep file; to get a proposal for one, run: "
            f"{command_line('notebook', 'prepare', str(file))}"
        )
    if file.suffix in _PROGRAMS and file.is_file():
        raise UserError(
            f"{file} is a program, not a sweep file; write a sweep file with the line "
            f"`program: {file.name}` and the parameters to vary"
        )
    try:
        with file.open("rb") as stream:
            content = stream.read(_MAX_SIZE + 1)
    except FileNotFoundError:
        raise UserError(missing_file(file)) from None
    except IsADirectoryError:
        raise UserError(f"{file} is a folder; give the path of a sweep file") from None
    if len(content) > _MAX_SIZE:
        raise UserError(f"{file} is larger than {_MAX_SIZE:,} bytes, the limit for a sweep file")
    return content


def missing_file(file: Path) -> str:
    """Return that a sweep file does not exist, and the one in its folder that is perhaps meant."""
    with suppress(OSError):
        there = [name for name in os.listdir(file.parent) if Path(name).suffix in _SUFFIXES]  # noqa: PTH208 - only the names
        names = sorted(name for name in there if name != "colabctl.yaml")
        same = (name for name in names if Path(name).stem == file.name.removesuffix(file.suffix))
        if near := next(same, None) or nearest(file.name, names):
            return f"{file} does not exist; did you mean {file.with_name(near)}?"
    return f"{file} does not exist; give the path of a sweep file"


def _summary(
    draft: "Draft", name: str, notes: tuple[str, ...], program: "Preview | None"
) -> dict[str, Any]:
    expansion = draft.expansion
    result = program.frozen if program is not None else None
    return {
        "sweep": name,
        "tasks": expansion.total,
        "cells": [{"values": cell.values, "tasks": cell.tasks} for cell in expansion.cells],
        "first": [draw.params for draw in islice(expansion.tasks(), 5)],
        "program": result.program if result is not None else None,
        "cwd": result.cwd if result is not None else None,
        "files": sorted(result.code.files) if result is not None else [],
        "notes": list(notes),
    }


def _show(summary: dict[str, Any], draft: "Draft", inserted: str, as_json: bool) -> None:
    if as_json:
        print_json(summary)
        return
    declaration = draft.declaration
    tasks = counted(summary["tasks"], "task")
    print(f"{summary['sweep']}: {tasks}, method {declaration.written_method}")
    for note in summary["notes"]:
        print(plain(f"note: {note}"))
    if declaration.foreach:
        for cell in summary["cells"]:
            values = ", ".join(f"{key}={cut(str(value))}" for key, value in cell["values"].items())
            print(plain(one_line(f"  {values}: {cell['tasks']}")))
    print("first tasks:")
    for params in summary["first"]:
        print(f"  {'(chosen when it is claimed)' if params is None else _shown(params)}")
    if summary["files"]:
        print(
            f"runs {plain(one_line(summary['program']))} in {plain(one_line(summary['cwd']))}, with"
        )
        for path in summary["files"]:
            print(plain(one_line(f"  {path}")))
    if inserted:
        print(inserted)


def _shown(params: dict[str, Any]) -> str:
    """Return parameters as a Python dictionary, with long values cut."""
    return f"{{{', '.join(f'{name!r}: {cut(repr(value))}' for name, value in params.items())}}}"
