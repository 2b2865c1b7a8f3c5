"""Names copies of files, which a Drive makes when two machines write the same file at once.

What it advises is safe if members follow it on several machines at once: each of these may see the
other file as the copy.
"""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from colabctl.doctor.check import Check
from colabctl.errors import UserError
from colabctl.ledger import Plan
from colabctl.notebook.versions.differences import compare
from colabctl.notebook.versions.saved import read_saved
from colabctl.project.layout import Layout, SweepLayout
from colabctl.sharedfs.droppings import original_of
from colabctl.sharedfs.files import read_file
from colabctl.sweeps import every_sweep, plan_if_readable

_MOST_ENTRIES = 50_000
_LARGEST = 100 << 20  # bytes of a notebook that is compared


def copies(layout: Layout) -> Iterator[Check]:
    """Yield a check for each copy in the project; the folders of twins are no copies."""
    twins, eventual = _folders_of_sweeps(layout)
    seen = count = 0
    for folder, folders, files in os.walk(layout.root):
        names = {*folders, *files}
        seen += len(names)
        for name in sorted(names):
            path, of = Path(folder, name), _original_in(names, name)
            if of is None or path in twins:
                continue
            count += 1
            if check := _notebook(layout, path.with_name(of), path):
                yield check
                continue
            if Path(folder) in eventual and of in _parts(Path(folder)):
                yield Check(
                    "copies", "note",
                    f"{layout.relative(path)} is a second {of}: several machines declared this "
                    "sweep at the same time",
                    "leave both as they are; the journals in both count",
                )  # fmt: skip
            else:
                yield Check(
                    "copies", "wrong",
                    f"{layout.relative(path)} is a second {of}, and colabctl reads only the first",
                    f"on one machine, rename {name} to a name of its own, then compare the two; "
                    "delete neither before everyone has what they need",
                )  # fmt: skip
        if seen > _MOST_ENTRIES:
            yield Check("copies", "note", f"only the first {_MOST_ENTRIES:,} files were checked")
            break
    if not count:
        yield Check("copies", "ok", f"no copies among {seen:,} files and folders")


def _original_in(names: set[str], name: str) -> str | None:
    """Return the name in `names` of which `name` is a copy, or the copy of a copy."""
    of = original_of(name)
    while of is not None and of not in names:
        of = original_of(of)
    return of


def _notebook(layout: Layout, original: Path, copy: Path) -> Check | None:
    """Return the check of a copy of a notebook; None if the two are not notebooks."""
    if copy.suffix != ".ipynb":
        return None
    try:
        old, new = (
            read_saved(read_file(path, _LARGEST, layout.root), path.name)
            for path in (original, copy)
        )
    except (OSError, UserError):
        return None
    names = layout.relative(original), layout.relative(copy)
    number = sum(not cell.is_same for cell in compare(old, new).cells)
    if not number:
        return Check(
            "copies", "note", f"{names[1]} is a copy of {original.name} with the same cells",
            "if no one works in it, delete one of the two",
        )  # fmt: skip
    merged = layout.relative(original.with_name(f"{original.stem}-merged.ipynb"))
    commands = ("diff", *names), ("merge", *names, "-o", merged)
    see, join = (shlex.join(["colabctl", "notebook", *words]) for words in commands)
    return Check(
        "copies", "wrong",
        f"{names[1]} is a second {original.name}, and {number} "
        f"{'cell differs' if number == 1 else 'cells differ'}",
        f"see what differs: {see}; then make one of both: {join}",
    )  # fmt: skip


def _folders_of_sweeps(layout: Layout) -> tuple[set[Path], set[Path]]:
    """Return the folders of all sweeps, and those of sweeps on an eventual folder."""
    sweeps: dict[Path, Plan | None] = {
        folder: plan_if_readable(SweepLayout(folder))
        for sweep in every_sweep(layout)
        for folder in (sweep.root, *sweep.twins)
    }
    eventual = {each for each, plan in sweeps.items() if plan and plan.consistency == "eventual"}
    return set(sweeps), eventual


def _parts(folder: Path) -> set[str]:
    """Return the names of what a sweep consists of."""
    sweep = SweepLayout(folder)
    return {path.name for path in (*sweep.folders(), sweep.declaration, sweep.plan)}
