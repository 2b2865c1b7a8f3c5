"""Names links that lead out of the project, and files that are not part of a sweep."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from colabctl.doctor.check import Check
from colabctl.errors import UserError
from colabctl.ledger import read_plan
from colabctl.project.layout import Layout, SweepLayout
from colabctl.sharedfs.droppings import is_stray
from colabctl.sharedfs.links import description, way_out
from colabctl.sweeps import every_sweep

_MOST = 5  # checks to show for one sweep
_TASK_FILE = re.compile(r"\d{5,}\.jsonl")


def links(layout: Layout) -> Iterator[Check]:
    """Yield a check for each of colabctl's own paths that a link leads out of the project."""
    data = {layout.data, layout.raw, layout.interim, layout.processed}
    paths = [path for path in (*layout.folders(), layout.earlier_finals) if path not in data]
    for name in _names(layout.sweeps):
        paths += _own(SweepLayout(layout.sweeps / name))
    ways_out = (way_out(path, layout.root) for path in paths)
    for link in dict.fromkeys(link for link in ways_out if link is not None):
        yield Check(
            "links", "wrong", description(link, layout.root),
            "ask who placed it, and remove the link (not what it leads to)",
        )  # fmt: skip


def is_linked(layout: Layout, sweep: SweepLayout) -> bool:
    """Whether a link leads any of a sweep's own paths out of the project."""
    return any(way_out(path, layout.root) for path in _own(sweep))


def strays(layout: Layout) -> Iterator[Check]:
    """Yield a note for each file that someone may need, but that is not part of the sweep it is in.

    What programs leave behind is passed over, and copies have a check of their own.
    """
    for sweep in every_sweep(layout):
        for path in islice(_strays_in(sweep), _MOST):
            yield Check(
                "strays", "note",
                f"{layout.relative(path)} is not part of the sweep and has no effect",
                "if it is yours, move it elsewhere",
            )  # fmt: skip


def _strays_in(sweep: SweepLayout) -> Iterator[Path]:
    own = {path.name for path in _own(sweep)}
    yield from (sweep.root / name for name in _names(sweep.root) if name not in own)
    for name in _names(sweep.tasks):
        if not _TASK_FILE.fullmatch(name):
            yield sweep.tasks / name
    for name in _names(sweep.journal):
        path = sweep.journal / name
        if path.is_symlink() or not path.is_dir():
            yield path
    files = None
    with suppress(OSError, UserError):  # the check of the sweep says what is wrong
        files = read_plan(sweep.plan).code_files
    if files is not None:
        yield from _other_code(sweep.code, frozenset(files))


def _own(sweep: SweepLayout) -> list[Path]:
    return [*sweep.folders(), sweep.pilots, sweep.declaration, sweep.plan, sweep.lock, sweep.claims]


def _other_code(code: Path, files: frozenset[str]) -> Iterator[Path]:
    """Yield what is in the folder of frozen code, but not frozen."""
    folders = {str(above) for file in files for above in Path(file).parents}
    for parent, inside, names in os.walk(code):
        for name in sorted([*inside, *names]):
            path = Path(parent, name).relative_to(code).as_posix()
            if path not in files | folders and not is_stray(name):
                yield code / path
        here = Path(parent).relative_to(code)
        inside[:] = [each for each in inside if (here / each).as_posix() in folders]


def _names(folder: Path) -> list[str]:
    """Return the names in a folder, without droppings and copies."""
    try:
        return sorted(name for name in os.listdir(folder) if not is_stray(name))  # noqa: PTH208
    except (FileNotFoundError, NotADirectoryError):
        return []
