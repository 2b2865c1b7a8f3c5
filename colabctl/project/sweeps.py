"""Finds the sweeps of a project."""

from colabctl.errors import UserError, nearest
from colabctl.project.layout import Layout, SweepLayout


def sweep_names(layout: Layout) -> list[str]:
    """Return the names of the declared sweeps, sorted."""
    try:
        folders = sorted(layout.sweeps.iterdir())
    except FileNotFoundError:
        return []
    return [folder.name for folder in folders if SweepLayout(folder).plan.is_file()]


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
