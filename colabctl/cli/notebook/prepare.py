"""The command that proposes a copy of a notebook as the program of a sweep."""

from pathlib import Path
from typing import Annotated

import typer

from colabctl.cli.notebook.links import content_of
from colabctl.cli.options import Force, tell
from colabctl.cli.terminal import can_ask, command_line, for_screen
from colabctl.errors import UserError


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
    from colabctl.sharedfs.files import write_whole

    content = content_of(notebook)
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
    wanted = {copy: proposal.content, sweep: proposal.sweep.encode()}
    different = [file for file, text in wanted.items() if not _holds(file, text)]
    if not different:
        tell(f"{copy} and {sweep} are already prepared; nothing has changed")
        return sweep
    for file in different:
        if file.exists() and not force:
            raise UserError(f"{file} exists; write another copy (-o), or replace it (--force)")
    interactive = can_ask()
    if asks and interactive and not typer.confirm(f"write {copy} and {sweep}?", err=True):
        return None
    for file, text in wanted.items():
        write_whole(file, text)
    tell(f"wrote {copy} and {sweep}")
    return sweep


def _holds(file: Path, text: bytes) -> bool:
    from colabctl.sharedfs.files import read_file

    try:
        return read_file(file, len(text)) == text
    except OSError:  # it is missing, larger, or no file
        return False


def _difference(before: str | None, after: str | None, notebook: Path, copy: Path) -> str:
    import difflib

    old, new = (before or "").splitlines(), (after or "").splitlines()
    return "\n".join(difflib.unified_diff(old, new, f"{notebook}", f"{copy}", n=1, lineterm=""))
