"""The command that writes the page of sweeps, one HTML file to look at and to send."""

from pathlib import Path
from typing import Annotated

import typer

from colabctl.cli.options import Force, Root, complete_sweep, open_project, tell
from colabctl.cli.terminal import counted, one_line


def report(
    sweeps: Annotated[
        list[str],
        typer.Argument(
            metavar="SWEEP",
            help="Names of sweeps, which the page shows side by side.",
            autocompletion=complete_sweep,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="File to write to, which ends in .html or .htm. By default the names of the "
            "sweeps: SWEEP.html, or A-B.html of two.",
        ),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    force: Force = False,
    root: Root = None,
) -> None:
    """Write a page of sweeps: the best tasks, every figure, workers and failures, in one file.

    The page needs no network. You can send it, and it opens in any browser.
    """
    from colabctl.report.page import check_plotly
    from colabctl.report.write import check_name, usual_file, write_page
    from colabctl.sharedfs.links import check_inside
    from colabctl.views import files
    from colabctl.work.open_sweep import OpenSweep

    check_plotly()
    layout, _ = open_project(root)

    def check(file: Path) -> Path:
        check_inside(file, layout.root)
        files.check_regular(file)
        check_name(file)
        return file

    if output is not None:
        check(output)
    every = (OpenSweep.named(layout, name) for name in dict.fromkeys(sweeps))
    by_name = {each.plan.sweep: each for each in every}
    open_sweeps = list(by_name.values())
    file = output or check(usual_file(list(by_name)))
    written = write_page(open_sweeps, file, replace=force)
    for each in open_sweeps:
        for sentence in (*each.ledger.damage, *each.tasks.damage()):
            tell(f"note: {one_line(str(sentence))}")
    if written.tasks < written.total:
        tell(f"note: the page shows {written.tasks:,} of {written.total:,} tasks: the best, failed "
             "and running ones, and an even sample of the others")  # fmt: skip
    if not written.finished:
        tell("note: no task has finished yet, so the page has no figures")
    print(file)
    tell(f"{counted(written.tasks, 'task')}, {written.size / 1e6:.1f} MB")
    if show:
        _open(file)


def _open(page: Path) -> None:
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        tell(f"no browser was found here; open {page} on your own computer")
