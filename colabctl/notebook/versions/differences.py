"""Compares two versions of a notebook, cell by cell."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Literal

from colabctl.notebook.versions.alignment import align, moved
from colabctl.notebook.versions.saved import SavedCell, SavedNotebook
from colabctl.notebook.versions.shown_outputs import output_lines, same_outputs, summary

Change = Literal["same", "changed", "outputs", "metadata", "added", "removed"]
_CONTEXT = 2  # lines before and after a difference


@dataclass(frozen=True)
class CellDifference:
    """How one cell differs.

    Attributes:
        change: "outputs" and "metadata" if nothing else differs.
        kind: code, markdown or raw, in the new version if it is there.
        old_number, new_number: position from 1; None where the cell is missing.
        moved: whether its place among the others has changed.
        lines: what differs: each line starts with "-", "+" or a space; "@" is for a gap.
        outputs: the old and the new outputs in a few words, if they differ.
        first_line: the first line of its text that is not empty.
    """

    change: Change
    kind: str
    old_number: int | None
    new_number: int | None
    moved: bool = False
    lines: tuple[str, ...] = ()
    outputs: tuple[str, str] | None = None
    first_line: str = ""

    @property
    def is_same(self) -> bool:
        """Whether nothing differs, the place included."""
        return self.change == "same" and not self.moved


@dataclass(frozen=True)
class Difference:
    """What differs between two notebooks.

    Attributes:
        cells: every cell of both, in the new order; removed ones follow their old predecessor.
        lines: what differs in the metadata of the notebook, if that was asked for.
    """

    cells: tuple[CellDifference, ...]
    lines: tuple[str, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether nothing differs."""
        return not self.lines and all(cell.is_same for cell in self.cells)


def compare(old: SavedNotebook, new: SavedNotebook, *, everything: bool = False) -> Difference:
    """Compare two notebooks: kinds, sources, tags, attachments, outputs and order of their cells.

    With `everything`, the text of outputs, ids, execution counts and all metadata are compared too.
    """
    old_of = align(old.cells, new.cells)
    places = moved(old_of)
    new_of = {other: index for index, other in enumerate(old_of) if other is not None}
    cells: list[CellDifference] = list(_removed(old, new_of, None))
    for index, cell in enumerate(new.cells):
        other = old_of[index]
        if other is None:
            lines = tuple(f"+{line}" for line in cell.lines)
            cells.append(_difference(cell, None, index, change="added", lines=lines))
            continue
        differs = _between(old.cells[other], cell, everything=everything)
        cells.append(_difference(cell, other, index, moved=index in places, **differs))
        cells += _removed(old, new_of, other)
    lines = _lines(_as_text(old.metadata), _as_text(new.metadata)) if everything else ()
    return Difference(tuple(cells), lines)


def _removed(
    old: SavedNotebook, new_of: dict[int, int], after: int | None
) -> Iterator[CellDifference]:
    """Yield the removed cells that followed the old cell `after`, which is not removed."""
    index = -1 if after is None else after
    while (index := index + 1) < len(old.cells) and index not in new_of:
        cell = old.cells[index]
        lines = tuple(f"-{line}" for line in cell.lines)
        yield _difference(cell, index, None, change="removed", lines=lines)


def _between(old: SavedCell, new: SavedCell, *, everything: bool) -> dict[str, Any]:
    """Return what differs between two versions of a cell, except its place."""
    lines: tuple[str, ...] = ()
    change: Change = "same"
    outputs = None
    if everything and (extra := _lines(_extra(old), _extra(new))):
        change, lines = "metadata", extra
    if not same_outputs(old.outputs, new.outputs):
        change, outputs = "outputs", (summary(old.outputs), summary(new.outputs))
        if everything:
            lines += _lines(output_lines(old.outputs), output_lines(new.outputs))
    if old.key != new.key:
        change, lines = "changed", _lines(old.lines, new.lines) + _aside(old, new) + lines
    return {"change": change, "lines": lines, "outputs": outputs}


def _difference(cell: SavedCell, old: int | None, new: int | None, **rest: Any) -> CellDifference:
    return CellDifference(
        kind=cell.kind,
        old_number=None if old is None else old + 1,
        new_number=None if new is None else new + 1,
        first_line=next((line.strip() for line in cell.lines if line.strip()), ""),
        **rest,
    )


def _aside(old: SavedCell, new: SavedCell) -> tuple[str, ...]:
    """Return what differs of a cell and is not its text."""
    lines: list[str] = []
    for name, before, after in (
        ("kind", old.kind, new.kind),
        ("tags", ", ".join(sorted(old.tags)), ", ".join(sorted(new.tags))),
        ("attachments", *(", ".join(sorted(cell.attachments)) for cell in (old, new))),
    ):
        if before != after:
            lines += [f"-{name}: {before or 'none'}", f"+{name}: {after or 'none'}"]
    if not lines and old.attachments != new.attachments:
        lines.append(f"+attachments: other content in {', '.join(sorted(new.attachments))}")
    return tuple(lines)


def _extra(cell: SavedCell) -> list[str]:
    return [f"id: {cell.id}", f"execution count: {cell.count}", *_as_text(cell.metadata)]


def _as_text(value: Any) -> list[str]:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).split("\n")


def _lines(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    if old == new:
        return ()
    lines = list(unified_diff(old, new, n=_CONTEXT, lineterm=""))[2:]
    return tuple("@" if line.startswith("@@") else line for line in lines[1:])
