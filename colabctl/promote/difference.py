"""Tells what the files of a final result become if another one replaces it."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from colabctl.errors import UserError
from colabctl.project.layout import Layout
from colabctl.promote.content import Content, list_content
from colabctl.promote.finals import Final
from colabctl.promote.promote import RESULT, Candidate


@dataclass(frozen=True)
class Difference:
    """The files that a folder gets, those that change, and those that it would not have any more.

    A single file has the name of the final result.
    """

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def difference(layout: Layout, replaced: Sequence[Final], candidate: Candidate) -> Difference:
    """Return what changes if a candidate replaces a final result.

    Only files whose sizes are the same are read. What cannot be read counts as changed. Without one
    final result to compare, nothing is said.
    """
    if len(replaced) != 1 or not replaced[0].is_present:
        return Difference()
    try:
        content = list_content(replaced[0].path, layout.root)
    except UserError:
        return Difference()
    name = candidate.name
    before = _named(content, name)
    after = _named(candidate.content, name) if candidate.content else {}
    names = {*after, RESULT} if candidate.adds_result else {*after}
    both = sorted(before.keys() & after.keys())
    return Difference(
        tuple(sorted(names - before.keys())),
        tuple(each for each in both if not _is_same(before[each], after[each])),
        tuple(sorted(before.keys() - names)),
    )


def last_change(content: Content) -> float | None:
    """Return when a file of some content was last written, in seconds; None if it has none."""
    times = []
    for path in content.files.values():
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times, default=None)


def _named(content: Content, name: str) -> dict[str, Path]:
    return {each or name: path for each, path in content.files.items()}


def _is_same(one: Path, other: Path) -> bool:
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
        return Content(one, {"": one}).digest() == Content(other, {"": other}).digest()
    except OSError:
        return False
