"""Finds the sweeps of a project."""

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
        with suppress(UserError):  # others may have made a folder that cannot be a sweep's
            place = layout.sweep(folder.name)
            if place.plan.is_file():
                names.append(place.name)
    return names


def find_sweep(layout: Layout, name: str) -> SweepLayout:
    """Return the paths of a declared sweep; raise UserError if there is none of that name."""
    place = layout.sweep(name)
    if place.plan.is_file():
        return place
    names = sweep_names(layout)
    if not names:
        raise UserError(
            f"sweep {name!r} does not exist, nor any other; declare one: colabctl sweep FILE"
        )
    near = nearest(name, names)
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(names)}"
    raise UserError(f"sweep {name!r} does not exist; {hint}")
