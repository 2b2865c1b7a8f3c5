"""Names copies of files, which a Drive makes when two machines write the same file at once.

What it advises is safe if members follow it on several machines at once: each of these may see the
other file as the copy.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from colabctl.doctor.check import Check
from colabctl.ledger import Plan
from colabctl.project.layout import Layout, SweepLayout
from colabctl.sharedfs.droppings import original_of
from colabctl.sweeps import every_sweep, plan_if_readable

_MOST_ENTRIES = 50_000


def copies(layout: Layout) -> Iterator[Check]:
    """Yield a check for each copy in the project; the folders of twins are no copies."""
    twins, eventual = _folders_of_sweeps(layout)
    seen = count = 0
    for folder, folders, files in os.walk(layout.root):
        names = {*folders, *files}
        seen += len(names)
        for name in sorted(names):
            path, of = Path(folder, name), original_of(name)
            if of not in names or path in twins:
                continue
            count += 1
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
