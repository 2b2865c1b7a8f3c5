"""Merges two versions of a notebook into one, and marks what only a person can decide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from colabctl.notebook.versions.alignment import align, moved
from colabctl.notebook.versions.history import CONFLICT, last_run
from colabctl.notebook.versions.saved import SavedCell, SavedNotebook

_MISSING = object()


@dataclass(frozen=True)
class Merged:
    """Two versions of a notebook in one.

    Attributes:
        notebook: the cells of both.
        conflicts: the number of marked conflicts.
        from_first, from_second: the number of cells that only this version has or changed.
        dropped: the cells that one version deleted and the other left as they were.
    """

    notebook: SavedNotebook
    conflicts: int
    from_first: int
    from_second: int
    dropped: tuple[SavedCell, ...]


@dataclass(eq=False)
class _Item:
    """One cell in up to three versions; None where it is missing."""

    base: SavedCell | None = None
    first: SavedCell | None = None
    second: SavedCell | None = None


@dataclass(frozen=True)
class _Resolved:
    """The cells that an item becomes; `conflict` says what a person has to decide."""

    cells: tuple[SavedCell, ...] = ()
    source: Literal["both", "first", "second"] = "both"
    conflict: str = ""
    dropped: tuple[SavedCell, ...] = field(default=())


def merge(
    first: SavedNotebook,
    second: SavedNotebook,
    base: SavedNotebook | None = None,
    *,
    is_certain: bool = True,
) -> Merged:
    """Merge two versions of a notebook, by what each of them changed since the version `base`.

    A cell that only one version changed or deleted is taken from there. A cell that both changed,
    or one changed and the other deleted, is a conflict: a cell of text marks it, and each version
    of it follows. Without a base, every cell of both is in the result. The order is that of
    `first`, unless only `second` moved cells of the base. This is diff3 with cells for lines
    (Khanna, Kunal, Pierce: A Formal Investigation of Diff3, 2007), except that it knows moves.

    If it is not certain that both started from `base`, no cell is deleted: what one version of the
    notebook lacks may be younger than it, so it is a conflict.
    """
    items = _ordered_items(first.cells, second.cells, base.cells if base else ())
    keep = "" if base is None or is_certain else base.name
    resolved = [_resolved(item, first.name, second.name, keep) for item in items]
    total = sum(bool(each.conflict) for each in resolved)
    cells: list[SavedCell] = []
    number = 0
    for each in resolved:
        if each.conflict:
            number += 1
            cells.append(_marker(f"**Conflict {number} of {total}.** {each.conflict}"))
        cells += each.cells
    metadata = _metadata(base.metadata if base else {}, first.metadata, second.metadata)
    return Merged(
        SavedNotebook(first.name, tuple(cells), metadata, max(first.minor, second.minor)),
        conflicts=total,
        from_first=sum(each.source == "first" and not each.conflict for each in resolved),
        from_second=sum(each.source == "second" and not each.conflict for each in resolved),
        dropped=tuple(cell for each in resolved for cell in each.dropped),
    )


def nearest_ancestor(
    first: SavedNotebook, second: SavedNotebook, candidates: Sequence[SavedNotebook]
) -> SavedNotebook | None:
    """Return the candidate from which both versions need the fewest changes; None if none is close.

    Of equals, the last: list the newest first. A version with the cells of either is no candidate:
    it may be younger than the point where both parted, and then what it has more than the other
    would count as deleted there. Nor is one that has nothing in common with either.
    """
    best: tuple[int, SavedNotebook] | None = None
    for candidate in candidates:
        if any(_keys(candidate) == _keys(version) for version in (first, second)):
            continue
        one, two = _changes(candidate, first), _changes(candidate, second)
        if one is not None and two is not None and (best is None or one + two <= best[0]):
            best = one + two, candidate
    return best[1] if best else None


def _keys(notebook: SavedNotebook) -> list[tuple[str, ...]]:
    return [cell.key for cell in notebook.cells if cell.source.strip()]


def _changes(old: SavedNotebook, new: SavedNotebook) -> int | None:
    """Return how many cells were added, deleted or edited; None if no cell is in both."""
    pairs = zip(align(old.cells, new.cells), new.cells, strict=True)
    shared = [(old.cells[at], cell) for at, cell in pairs if at is not None]
    edited = sum(before.key != after.key for before, after in shared)
    return len(old.cells) + len(new.cells) - 2 * len(shared) + edited if shared else None


def _ordered_items(
    first: Sequence[SavedCell], second: Sequence[SavedCell], base: Sequence[SavedCell]
) -> list[_Item]:
    """Return every cell of the three versions, once, in the order of the result."""
    base_of_first, base_of_second = align(base, first), align(base, second)
    items = [_Item(base=cell) for cell in base]
    in_first = [_Item() if at is None else items[at] for at in base_of_first]
    for item, cell in zip(in_first, first, strict=True):
        item.first = cell
    in_second: list[_Item] = [_Item() if at is None else items[at] for at in base_of_second]
    # What both added may be the same.
    added = [index for index, at in enumerate(base_of_first) if at is None]
    also_added = [index for index, at in enumerate(base_of_second) if at is None]
    pairs = align([first[index] for index in added], [second[index] for index in also_added])
    for index, at in zip(also_added, pairs, strict=True):
        if at is not None:
            in_second[index] = in_first[added[at]]
    for item, cell in zip(in_second, second, strict=True):
        item.second = cell
    only_second_moved = moved(base_of_second) and not moved(base_of_first)
    order = (
        _interleaved(in_second, in_first)
        if only_second_moved
        else _interleaved(in_first, in_second)
    )
    return [*order, *(item for item in items if item.first is None and item.second is None)]


def _interleaved(order: Sequence[_Item], other: Sequence[_Item]) -> list[_Item]:
    """Return the items in `order`, each of the rest before the one that follows it in `other`."""
    placed, shared = set(map(id, order)), set(map(id, other))
    after: dict[int, list[_Item]] = {}
    anchor = 0
    for item in other:
        if id(item) in placed:
            anchor = id(item)
        else:
            after.setdefault(anchor, []).append(item)
    items: list[_Item] = []
    waiting = after.get(0, [])
    for item in order:
        if id(item) in shared:
            items += waiting
            waiting = after.get(id(item), [])
        items.append(item)
    return items + waiting


def _resolved(item: _Item, first_name: str, second_name: str, keep: str) -> _Resolved:
    base, first, second = item.base, item.first, item.second
    names = _quoted(first_name), _quoted(second_name)
    if first is None or second is None:
        return _from_one(item, names, keep)
    if first.key == second.key:
        return _Resolved((_latest(base, first, second),))
    if base and first.key == base.key:
        return _Resolved((second,), "second")
    if base and second.key == base.key:
        return _Resolved((first,), "first")
    what = "Both changed this cell." if base else "Each has its own version of this cell."
    return _Resolved(
        (first, second),
        conflict=f"{what} The next cell is from {names[0]}, the one after it from {names[1]}. "
        "Keep one of them, or write one from both. Then delete the rest, and this text.",
    )


def _from_one(item: _Item, names: tuple[str, str], keep: str) -> _Resolved:
    """Resolve a cell that a version lacks; `keep` is the name of an uncertain base."""
    cell = item.first or item.second
    if cell is None:  # both deleted it
        return _Resolved()
    source: Literal["first", "second"] = "first" if item.first else "second"
    if item.base is None:
        return _Resolved((cell,), source)
    here, elsewhere = names if item.first else names[::-1]
    if cell.key != item.base.key:
        what = f"was changed in {here} and deleted in {elsewhere}"
    elif keep:
        what = f"is in {here}, as in {_quoted(keep)}, and not in {elsewhere}"
    else:
        return _Resolved(dropped=(cell,))
    return _Resolved(
        (cell,), source, f"The next cell {what}. Keep it or delete it. Then delete this text."
    )


def _latest(base: SavedCell | None, first: SavedCell, second: SavedCell) -> SavedCell:
    """Return, of two cells with one text, that with the outputs to keep."""
    if first == base:
        return second
    if second == base:
        return first
    ran = last_run(first.metadata), last_run(second.metadata)
    if ran[0] != ran[1]:
        return first if ran[0] > ran[1] else second
    return second if second.outputs and not first.outputs else first


def _marker(text: str) -> SavedCell:
    return SavedCell("markdown", text, (CONFLICT,), metadata={"tags": [CONFLICT]})


def _quoted(name: str) -> str:
    """Return a file's name as code in Markdown."""
    return f"`{' '.join(name.replace('`', chr(39)).split())}`"


def _metadata(
    base: Mapping[str, Any], first: Mapping[str, Any], second: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge metadata key by key; where both changed a key, take the first."""
    merged = {}
    for name in dict.fromkeys([*first, *second]):
        before = base.get(name, _MISSING)
        value, other = first.get(name, _MISSING), second.get(name, _MISSING)
        chosen = other if value == before else value
        if chosen is _MISSING and other != before:  # one deleted it, the other changed it
            chosen = other
        if chosen is not _MISSING:
            merged[name] = chosen
    return merged
