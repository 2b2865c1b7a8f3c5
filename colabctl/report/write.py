"""Writes the page of sweeps to a file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.report.facts import facts
from colabctl.report.page import mark, page
from colabctl.views import files
from colabctl.work.open_sweep import OpenSweep

_LONGEST = 80  # characters of a file's name, without its ending
_SUFFIXES = (".html", ".htm")


@dataclass(frozen=True)
class Written:
    """What a page holds: how many of how many tasks, how many finished, and its size in bytes."""

    tasks: int
    total: int
    finished: int
    size: int


def usual_file(names: Sequence[str]) -> Path:
    """Return the name of the page of some sweeps: theirs, joined by "-"."""
    return Path(f"{'-'.join(names)[:_LONGEST]}.html")


def check_name(file: Path) -> None:
    """Raise UserError if a file's name is not one of an HTML file."""
    if file.suffix.lower() not in _SUFFIXES:
        raise UserError(f"{file}: a report is an HTML file; give a name that ends in .html")


def write_page(sweeps: Sequence[OpenSweep], file: Path, *, replace: bool = False) -> Written:
    """Write the page of some sweeps, whole; read their ledgers first.

    Raises UserError if plotly is not installed, if the file's name does not end in .html or .htm,
    or if the file exists and is not a page of these sweeps, unless `replace`.
    """
    check_name(file)
    names = [sweep.plan.sweep for sweep in sweeps]
    if not replace:
        what = f"is not a report of {' and '.join(names)} from colabctl"
        files.refuse_foreign(file, files.begins_with(mark(names)), what)
    for sweep in sweeps:
        sweep.ledger.refresh()
    shown = facts(sweeps, file.parent)
    content = page(shown).encode()
    files.write(file, content)
    return Written(
        tasks=shown["rows"],
        total=sum(sweep.plan.total for sweep in sweeps),
        finished=sum(sweep.ledger.state.finished for sweep in sweeps),
        size=len(content),
    )
