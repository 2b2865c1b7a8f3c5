"""Finds a project's sweeps."""

from contextlib import suppress
from pathlib import Path

from colabctl.errors import UserError, nearest
from colabctl.project.layout import Layout, SweepLayout
from colabctl.sharedfs.droppings import is_dropping, original_of
from colabctl.sharedfs.links import check_inside
from colabctl.sharedfs.records import read_record

_LARGEST = 1 << 28  # bytes of a plan
_NEWEST = 1_000_000  # any format: only the name is read here


def sweep_names(layout: Layout) -> list[str]:
    """Return the names of the declared sweeps, sorted."""
    try:
        folders = sorted(layout.sweeps.iterdir())
    except FileNotFoundError:
        return []
    names = []
    for folder in folders:
        with suppress(UserError):  # someone may have created a folder that cannot be a sweep
            sweep_layout = layout.sweep(folder.name)
            try:
                is_declared = sweep_layout.plan.is_file() and not _is_stray(folder)
            except PermissionError:  # opening it says who the owner is
                is_declared = True
            if is_declared:
                names.append(sweep_layout.name)
    return names


def find_sweep(layout: Layout, name: str) -> SweepLayout:
    """Return the paths of the declared sweep `name`.

    Raises UserError if it does not exist, and as `check_links` does.
    """
    sweep_layout = layout.sweep(name)
    check_links(layout.root, sweep_layout)
    if sweep_layout.plan.is_file():
        return sweep_layout
    names = sweep_names(layout)
    if not names:
        raise UserError(
            f"sweep {name!r} does not exist; no sweeps yet: declare one with colabctl sweep FILE"
        )
    near = nearest(name, names)
    hint = f"did you mean {near}?" if near else f"the sweeps are {', '.join(names)}"
    raise UserError(f"sweep {name!r} does not exist; {hint}")


def check_links(root: Path, sweep: SweepLayout) -> None:
    """Raise UserError if a link leads one of a sweep's paths out of the project in `root`."""
    for path in (sweep.declaration, sweep.plan, sweep.lock, *sweep.folders()):
        check_inside(path, root)
    if sweep.lock.is_symlink():
        raise UserError(f"{sweep.lock} is a link, which a lock cannot be; remove it")


def _is_stray(folder: Path) -> bool:
    """Whether a folder with a plan is no sweep, but a dropping, or a second copy of one."""
    if original_of(folder.name) is None:
        return is_dropping(folder.name)
    try:
        plan = read_record(SweepLayout(folder).plan, _LARGEST, _NEWEST)
    except (OSError, UserError):
        return False  # opening it says what is wrong
    return isinstance(plan.get("sweep"), str) and plan["sweep"] != folder.name
