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
from colabctl.errors import UserError

if TYPE_CHECKING:
    from colabctl.ledger import Plan
    from colabctl.project.config import Config
    from colabctl.project.layout import Layout
    from colabctl.project.notebooks.worker import Job, WorkerNotebooks

_USUAL = "11h"


def workers(
    sweep: Sweep,
    number: Annotated[
        int, typer.Option("--number", "-n", metavar="N", help="Number of notebooks.")
    ] = 1,
    member: Member = None,
    max_time: Annotated[
        str | None,
        typer.Option(
            "--max-time",
            metavar="TIME",
            help="How long the worker of a notebook for Colab may run.",
            show_default="11h",
        ),
    ] = None,
    release: Annotated[
        bool, typer.Option("--release", help="Disconnect and delete the Colab runtime at the end.")
    ] = False,
    kaggle: Annotated[
        bool,
        typer.Option(
            "--kaggle", help="Write kernels for Kaggle; they reach the project by its store."
        ),
    ] = False,
    accelerator: Annotated[
        str | None,
        typer.Option(
            "--accelerator",
            metavar="NAME",
            help="With --kaggle: cpu, gpu-t4x2, gpu-l4, tpu-v5e8 or tpu-v6e8.",
            show_default="gpu-t4x2",
        ),
    ] = None,
    push: Annotated[
        bool,
        typer.Option(
            "--push", help="With --kaggle: show what will run, ask, and push it with `kaggle`."
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --kaggle: replace kernels with other content.")
    ] = False,
    launch: Annotated[
        int | None,
        typer.Option(
            "--launch",
            metavar="N",
            help="Start N sessions of your own account with Google's `colab`; they reach the "
            "project by its store.",
            show_default="none",
        ),
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(
            "--gpu",
            metavar="NAME",
            help="With --launch: T4, L4, G4, A100 or H100.",
            show_default="no GPU",
        ),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            "--hours",
            metavar="H",
            help="With --kaggle or --launch: how long a machine may run; the work ends some "
            "minutes earlier, for the upload.",
            show_default="the longest session of Kaggle, or 11 in Colab",
        ),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --push or --launch: do not ask.")
    ] = False,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Create worker notebooks for Colab; a machine that runs one is a worker of the sweep.

    Nothing is overwritten. An identical notebook that already exists counts as one of them.
    """
    _check_options(
        {
            "--accelerator": accelerator is not None,
            "--push": push,
            "--force": force,
            "--kaggle": kaggle,
        },
        {"--gpu": gpu is not None, "--launch": launch is not None},
        {"--max-time": max_time is not None, "--release": release},
        hours=hours is not None,
        yes=yes,
    )
    layout, config = open_project(root)
    who = working_member(config, member)
    parse_duration(max_time or _USUAL, "--max-time")
    plan = _trusted_plan(layout, config, sweep)
    job = _job(plan, max_time or _USUAL, release=release)
    if kaggle or launch is not None:
        _check_for_mirrors(plan, config)
    if kaggle:
        from colabctl.cli.notebook import kaggle as kernels

        asked = kernels.Asked(number, accelerator, hours, push, yes, force, as_json)
        kernels.kaggle(layout, config, who, job, asked)
    elif launch is not None:
        from colabctl.cli.notebook import launch as sessions

        sessions.launch(config, who, job, number=launch, gpu=gpu, hours=hours, yes=yes)
    else:
        _write(layout, who, job, number, as_json=as_json)


def _check_options(
    kaggle: dict[str, bool],
    launch: dict[str, bool],
    notebooks: dict[str, bool],
    *,
    hours: bool,
    yes: bool,
) -> None:
    """Raise UserError for options that do not go together."""
    chosen = [name for name in ("--kaggle", "--launch") if {**kaggle, **launch}[name]]
    if len(chosen) == 2:
        raise UserError("--kaggle and --launch do not go together; use one after the other")
    groups = {"--kaggle": kaggle, "--launch": launch}
    for needed, options in groups.items():
        used = [name for name, is_set in options.items() if is_set and name != needed]
        if used and needed not in chosen:
            raise UserError(f"{used[0]} needs {needed}")
    used = [name for name, is_set in notebooks.items() if is_set]
    if chosen and used:
        advice = "; use --hours" if used[0] == "--max-time" else ""
        raise UserError(f"{used[0]} is for notebooks in Colab, not for {chosen[0]}{advice}")
    if hours and not chosen:
        raise UserError("--hours needs --kaggle or --launch; a notebook for Colab takes --max-time")
    if yes and not (kaggle["--push"] or launch["--launch"]):
        raise UserError("--yes needs --push or --launch")


def _check_for_mirrors(plan: "Plan", config: "Config") -> None:
    """Raise UserError for a sweep that only the machines of one folder can work on."""
    from colabctl.remote.record import remote_of

    if remote_of(config.root) is not None and plan.consistency == "coherent":
        raise UserError(
            f"sweep {plan.sweep} was declared before {config.name} had a store, so only this "
            "folder's machines can work on it; declare it again: colabctl sweep FILE --replace"
        )


def _job(plan: "Plan", max_time: str, *, release: bool) -> "Job":
    from colabctl.project.notebooks.worker import Job
    from colabctl.version import VERSION

    return Job(
        sweep=plan.sweep,
        tasks=plan.total,
        program=f"{plan.program}",
        digest=plan.approved.run_digest,
        declared_by=plan.declared_by,
        declared_at=plan.declared_at,
        made_with=plan.made_with or VERSION,
        max_time=max_time,
        release=release,
    )


def _write(layout: "Layout", member: str, job: "Job", number: int, *, as_json: bool) -> None:
    """Write worker notebooks for Colab."""
    from colabctl.project.notebooks.worker import TERMS, write_workers

    written = write_workers(layout, member, job, number)
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
