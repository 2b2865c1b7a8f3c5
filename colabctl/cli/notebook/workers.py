"""The command that writes worker notebooks."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.notebook.links import line
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
    from colabctl.project.config import Config
    from colabctl.project.layout import Layout
    from colabctl.project.notebooks.worker import WorkerNotebooks


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
    plan = _trusted_plan(layout, config, sweep)
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
            print(line(layout, path))
    existing = len(written.paths) - len(written.new)
    tell(f"{len(written.new)} created, {existing} already existed")
    if written.new:
        tell(TERMS)


def _trusted_plan(layout: "Layout", config: "Config", sweep: str) -> "Plan":
    """Return a sweep's plan; raise UserError if this member has not approved its code."""
    from colabctl.cli.trust import check_trusted
    from colabctl.ledger import program_of
    from colabctl.sweeps import find_sweep, plan_of

    plan = plan_of(find_sweep(layout, sweep))
    program_of(plan)
    check_trusted(config, plan)
    return plan


def _entry(layout: "Layout", written: "WorkerNotebooks", path: Path) -> dict[str, Any]:
    from colabctl.project.notebooks.rendering import colab_link

    return {
        "notebook": layout.relative(path),
        "new": path in written.new,
        "link": colab_link(path),
    }
