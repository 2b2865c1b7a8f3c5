"""The command that declares a sweep, and leads to the one that exports it."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from colabctl.cli.export import export
from colabctl.cli.options import Json, Member, Root, answer, open_project, talk
from colabctl.cli.terminal import counted
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.declare import Draft

_LARGEST = 1_000_000  # bytes; a sweep file is written by a person
_PROGRAMS = (".ipynb", ".py", ".sh", ".R", ".jl")

_exports = typer.Typer(add_completion=False)
_exports.command()(export)


class SweepCommand(TyperCommand):
    """`sweep FILE`, and beside it `sweep export SWEEP`, a command with options of its own."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,
        **extra: Any,
    ) -> Any:
        """Parse the words after `sweep`, as export's if the first is `export`."""
        if args[:1] == ["export"]:
            command = typer.main.get_command(_exports)
            return command.make_context(f"{info_name} export", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file: W&B's form, and more.")],
    name: Annotated[
        str | None, typer.Option("--name", help="What to call it; else its `name:`, else the file.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it comes to and write nothing.")
    ] = False,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Tasks in each combination of `foreach`.")
    ] = None,
    run_cap: Annotated[
        int | None, typer.Option("--run-cap", min=1, help="Tasks in all, at most.")
    ] = None,
    member: Member = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Declare a sweep, or find the same one again, and write its task files.

    For W&B, Optuna or a spreadsheet see: colabctl sweep export --help
    """
    from colabctl.declare import declare, draft
    from colabctl.project.approvals import approvals_for
    from colabctl.project.members import current_member
    from colabctl.project.wheel import place_wheel

    made = draft(_read(file), str(file), trials=trials, run_cap=run_cap)
    called = name or made.declaration.name or file.name.removesuffix(file.suffix)
    if dry_run:
        notes, put_in = _notebook(made, file.absolute().parent, root)
        _show(_summary(made, called, (*made.notes, *notes)), made, put_in, as_json)
        return
    layout, config = open_project(root)
    declared = declare(
        made,
        layout,
        config,
        name=called,
        member=current_member(config, os.environ, member),
        now=time.time(),
        approvals=approvals_for(layout.root, os.environ),
        beside=file.absolute().parent,
    )
    place_wheel(layout)
    for note in declared.notes:
        talk(f"note: {note}")
    if as_json:
        answer({**_summary(made, called, declared.notes), "new": declared.new})
        return
    verb = "declared" if declared.new else "was declared already"
    print(f"{called}: {counted(declared.plan.total, 'task')}, {verb}")
    talk(f"run it: colabctl work {called}    see it: colabctl status {called}")


def _notebook(made: "Draft", beside: Path, root: Path | None) -> tuple[tuple[str, ...], str]:
    """Return what there is to say of a sweep's notebook, and the cell that is put into it.

    Raises UserError for a notebook that the sweep could not be declared with.
    """
    program = made.declaration.program
    if program is None or not program.endswith(".ipynb") or made.declaration.command is not None:
        return (), ""
    from colabctl import notebook
    from colabctl.declare import examined_notebook
    from colabctl.project.code import freeze

    places = [beside]
    with suppress(UserError):  # a dry run needs no project
        places.append(open_project(root)[0].root)
    code = freeze(program, made.declaration.code, places)
    found, notes = examined_notebook(made, code)
    first = next((draw.params for draw in made.expansion.tasks()), None) or {}
    return notes, notebook.shown(found, first, "the first task")


def _read(file: Path) -> bytes:
    if file.suffix in _PROGRAMS and file.is_file():
        raise UserError(
            f"{file} is a program and no sweep file; write one that says what to vary, with the "
            f"line `program: {file.name}`"
        )
    try:
        size = file.stat().st_size
        if size > _LARGEST:
            raise UserError(f"{file} has {size:,} bytes; a sweep file has less than {_LARGEST:,}")
        return file.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{file} does not exist; give the path of a sweep file") from None
    except IsADirectoryError:
        raise UserError(f"{file} is a folder; give the path of a sweep file") from None


def _summary(made: "Draft", name: str, notes: tuple[str, ...]) -> dict[str, Any]:
    expansion = made.expansion
    first: list[dict[str, Any] | None] = []
    for draw in expansion.tasks():
        if len(first) == 5:
            break
        first.append(draw.params)
    return {
        "sweep": name,
        "tasks": expansion.total,
        "cells": [{"values": cell.values, "tasks": cell.tasks} for cell in expansion.cells],
        "first": first,
        "notes": list(notes),
    }


def _show(summary: dict[str, Any], made: "Draft", put_in: str, as_json: bool) -> None:
    if as_json:
        answer(summary)
        return
    print(
        f"{summary['sweep']}: {counted(summary['tasks'], 'task')}, method {made.declaration.method}"
    )
    if made.declaration.foreach:
        for cell in summary["cells"]:
            values = ", ".join(f"{key}={value}" for key, value in cell["values"].items())
            print(f"  {values}: {cell['tasks']}")
    print("first tasks:")
    for params in summary["first"]:
        shown = "(proposed when it is claimed)" if params is None else params
        print(f"  {shown}")
    for note in summary["notes"]:
        print(f"note: {note}")
    if put_in:
        print(put_in)
