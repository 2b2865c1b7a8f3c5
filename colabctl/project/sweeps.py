"""Finds a project's sweeps."""

from contextlib import suppress

from colabctl.errors import UserError, nearest
from colabctl.project.layout import Layout, SweepLayout


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
                is_declared = sweep_layout.plan.is_file()
            except PermissionError:  # opening it says who the owner is
                is_declared = True
            if is_declared:
                names.append(sweep_layout.name)
    return names


def find_sweep(layout: Layout, name: str) -> SweepLayout:
    """Return the paths of the declared sweep `name`; raise UserError if it does not exist."""
    sweep_layout = layout.sweep(name)
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
