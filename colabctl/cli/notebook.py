"""The commands that write notebooks: starters, copies for a sweep, and workers."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from colabctl.cli.options import (
    Force,
    Json,
    Member,
    Root,
    Sweep,
    open_project,
    print_json,
    tell,
    working_member,
)
from colabctl.cli.terminal import command_line, for_screen
from colabctl.durations import parse_duration
from colabctl.errors import UserError

_LARGEST = 1 << 30  # bytes of a notebook, most of which are outputs

if TYPE_CHECKING:
    from colabctl.ledger import Plan
    from colabctl.project.config import Config
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


def prepare(
    notebook: Annotated[Path, typer.Argument(metavar="FILE", help="Notebook to prepare.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write the copy.",
            show_default="FILE with -sweep added to its name",
        ),
    ] = None,
    parameters: Annotated[
        str | None,
        typer.Option(
            "--parameters",
            metavar="NAME,...",
            help="Constants of the notebook to vary.",
            show_default="those that are known by their names",
        ),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="What to optimize: a name in the notebook.",
            show_default="the best that is found",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the changes and write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Write without asking.")] = False,
    force: Force = False,
) -> None:
    """Propose a copy of a plain notebook as the program of a sweep, with a sweep file.

    The copy has a cell with the parameters, and a last cell that records the result. The notebook
    itself is never changed. On a terminal, the command shows the changes and asks before it writes.
    """
    names = [name.strip() for name in (parameters or "").split(",") if name.strip()]
    written = propose_copy(
        notebook, output, names, metric, asks=not (yes or dry_run), writes=not dry_run, force=force
    )
    if written is not None:
        tell(f"look at both, then run: {command_line('sweep', str(written))}")


def propose_copy(
    notebook: Path,
    output: Path | None = None,
    parameters: list[str] | None = None,
    metric: str | None = None,
    *,
    asks: bool = True,
    writes: bool = True,
    force: bool = False,
) -> Path | None:
    """Show how a notebook becomes the program of a sweep; return the sweep file if it is written.

    Raises UserError if nothing can be proposed, or if a file exists and `force` is not set.
    """
    from colabctl.notebook.listing import listing
    from colabctl.notebook.prepare.proposal import propose
    from colabctl.project.root import check_in_project
    from colabctl.sharedfs.files import read_file, write_whole

    check_in_project(notebook)
    try:
        content = read_file(notebook, _LARGEST)
    except OSError as error:
        raise UserError(f"{notebook}: {error.strerror}; give the path of a notebook") from None
    copy = output or notebook.with_name(f"{notebook.stem}-sweep.ipynb")
    if copy.suffix != ".ipynb":
        raise UserError(f"{copy} is not the name of a notebook; it has to end with .ipynb")
    sweep = copy.with_suffix(".yaml")
    check_in_project(copy)
    proposal = propose(
        content, notebook.name, copy.name, parameters=parameters or [], metric=metric
    )
    print(for_screen(_difference(listing(content), listing(proposal.content), notebook, copy)))
    print(for_screen(f"{sweep}:\n{proposal.sweep}"))
    if proposal.left:
        tell(f"other constants: {', '.join(proposal.left)}; choose with --parameters NAME,...")
    if not proposal.measures:
        tell(
            "note: no metric was found; name it with --metric, or end the copy with: "
            "import colabctl; colabctl.task().done(NAME=VALUE)"
        )
    if not writes:
        return None
    if copy.exists() and copy.samefile(notebook):
        raise UserError(f"{copy} is the notebook itself, which is never changed; choose another -o")
    for file in (copy, sweep):
        if file.exists() and not force:
            raise UserError(f"{file} exists; write another copy (-o), or replace it (--force)")
    interactive = sys.stdin.isatty() and sys.stderr.isatty()
    if asks and interactive and not typer.confirm(f"write {copy} and {sweep}?", err=True):
        return None
    write_whole(copy, proposal.content)
    write_whole(sweep, proposal.sweep.encode())
    tell(f"wrote {copy} and {sweep}")
    return sweep


def _difference(before: str | None, after: str | None, notebook: Path, copy: Path) -> str:
    import difflib

    old, new = (before or "").splitlines(), (after or "").splitlines()
    return "\n".join(difflib.unified_diff(old, new, f"{notebook}", f"{copy}", n=1, lineterm=""))


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
            print(_line(layout, path))
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
