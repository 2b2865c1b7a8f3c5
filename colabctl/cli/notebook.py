"""The commands that write notebooks: starters for members and workers for a sweep."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import (
    Json,
    Member,
    Root,
    Sweep,
    open_project,
    print_json,
    tell,
    working_member,
)
from colabctl.durations import parse_duration

if TYPE_CHECKING:
    from colabctl.ledger import Plan
    from colabctl.project.layout import Layout
    from colabctl.project.notebooks.worker import WorkerNotebooks


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the notebook.")],
    member: Member = None,
    root: Root = None,
) -> None:
    """Create a notebook that opens the project, in your own notebooks folder."""
    from colabctl.project.notebooks.starter import write_starter
    from colabctl.project.notebooks.wheel import place_wheel

    layout, config = open_project(root)
    who = working_member(config, member)
    path = write_starter(layout, who, name)
    place_wheel(layout)
    print(_line(layout, path))


def workers(
    sweep: Sweep,
    number: Annotated[
        int, typer.Option("--number", "-n", metavar="N", help="Number of notebooks.")
    ] = 1,
    member: Member = None,
    max_time: Annotated[
        str, typer.Option("--max-time", metavar="TIME", help="How long each worker may run.")
    ] = "11h",
    release: Annotated[
        bool, typer.Option("--release", help="Disconnect and delete the Colab runtime at the end.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Create worker notebooks for Colab; a machine that runs one is a worker of the sweep.

    Nothing is overwritten. An identical notebook that already exists counts as one of them.
    """
    from colabctl.project.notebooks.worker import TERMS, Job, write_workers
    from colabctl.version import VERSION

    layout, config = open_project(root)
    who = working_member(config, member)
    parse_duration(max_time, "--max-time")
    plan = _trusted_plan(layout, sweep)
    job = Job(
        sweep=plan.sweep,
        tasks=plan.total,
        program=f"{plan.program}",
        digest=plan.run_digest,
        declared_by=plan.declared_by,
        declared_at=plan.declared_at,
        made_with=plan.made_with or VERSION,
        max_time=max_time,
        release=release,
    )
    written = write_workers(layout, who, job, number)
    for path in written.other:
        tell(f"{layout.relative(path)} exists with other cells; it stays unchanged")
    if as_json:
        print_json([_entry(layout, written, path) for path in written.paths])
    else:
        for path in written.paths:
            print(_line(layout, path))
    existing = len(written.paths) - len(written.new)
    tell(f"{len(written.new)} created, {existing} already existed")
    if written.new:
        tell(TERMS)


def _trusted_plan(layout: "Layout", sweep: str) -> "Plan":
    """Return a sweep's plan; raise UserError if this member has not approved its code."""
    from colabctl.ledger import check_approved, program_of, read_plan
    from colabctl.project.approvals import approvals_for
    from colabctl.project.sweeps import find_sweep

    plan = read_plan(find_sweep(layout, sweep).plan)
    program_of(plan)
    check_approved(plan, approvals_for(layout.root, os.environ).has)
    return plan


def _line(layout: "Layout", path: Path) -> str:
    """Return a notebook's path, and a link that opens it in Colab if its Drive id is known."""
    from colabctl.project.notebooks.rendering import colab_link

    link = colab_link(path)
    return f"{layout.relative(path)}  {link}" if link else layout.relative(path)


def _entry(layout: "Layout", written: "WorkerNotebooks", path: Path) -> dict[str, Any]:
    from colabctl.project.notebooks.rendering import colab_link

    return {
        "notebook": layout.relative(path),
        "new": path in written.new,
        "link": colab_link(path),
    }
