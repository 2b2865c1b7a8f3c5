"""Decides what a sync does with each file, from what both sides have and had."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from colabctl.remote.known import Base
from colabctl.remote.store import Entry
from colabctl.remote.travel import Travel

Step = Literal["push", "pull", "compare", "rest"]


class Local(NamedTuple):
    """A file in the mirror: its size in bytes, and when it was changed, in nanoseconds."""

    size: int
    changed: int


def step_for(travel: Travel, local: Local | None, there: Entry | None, base: Base | None) -> Step:
    """Return what to do with one file; `base` is the last form that both sides had.

    Nothing is ever removed on the other side, because it was removed on this one; it stays removed
    on this one until the other changes it.
    """
    if travel == "stays" or (local is None and there is None):
        return "rest"
    if travel == "once":
        return _written_once(local, there)
    if local is None or there is None:
        return _on_one_side(local, there, base)
    if base is None:
        is_data = travel == "data"
        return "rest" if is_data and local.size == there.size else "compare"
    is_new_here = (local.size, local.changed) != (base.size, base.changed)
    is_new_there = there.size != base.size or there.token != base.token
    if is_new_there:
        return "pull" if not is_new_here and base.token is not None else "compare"
    return "push" if is_new_here else "rest"


def _written_once(local: Local | None, there: Entry | None) -> Step:
    here, away = (-1 if each is None else each.size for each in (local, there))
    if here == away:
        return "rest"
    return "push" if here > away else "pull"


def _on_one_side(local: Local | None, there: Entry | None, base: Base | None) -> Step:
    if there is not None:
        known = base is not None and (there.size, there.token) == (base.size, base.token)
        return "rest" if known else "pull"
    assert local is not None
    known = base is not None and (local.size, local.changed) == (base.size, base.changed)
    return "rest" if known else "push"


def steps(
    names: Iterable[str],
    travels: Mapping[str, Travel],
    here: Mapping[str, Local],
    there: Mapping[str, Entry],
    bases: Mapping[str, Base],
) -> dict[Step, list[str]]:
    """Return the names for each step, sorted; those to leave alone are left out."""
    found: dict[Step, list[str]] = {"push": [], "pull": [], "compare": []}
    for name in sorted(names):
        step = step_for(travels[name], here.get(name), there.get(name), bases.get(name))
        if step != "rest":
            found[step].append(name)
    return found
