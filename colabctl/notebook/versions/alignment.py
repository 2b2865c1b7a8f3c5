"""Finds which cell of one version of a notebook is which cell of another."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

from colabctl.notebook.versions.saved import SavedCell

# Some tools number the cells, and then an id says where a cell is, not which one it is.
_POSITION = re.compile(r"[a-z]{0,8}[-_]?\d{1,6}", re.IGNORECASE)
_WORD = re.compile(r"\w+")
_ALIKE = 0.5  # share of words that two versions of a cell have in common
_NEAR = 12  # cells before and after the expected place that are compared
_MOST_TEXT = 20_000  # characters of a cell that are compared


def align(old: Sequence[SavedCell], new: Sequence[SavedCell]) -> list[int | None]:
    """Return, for each new cell, the index of the old cell that it is a version of.

    In this order: cells with the same id and text; the longest sequence of cells with the same
    text; cells with the same id; cells with the same text elsewhere; and near cells that have half
    of their words in common. No old cell is used twice.
    """
    pairs = _Pairs(old, new)
    by_id = {cell.identity: index for index, cell in reversed(list(enumerate(old)))}
    for index, cell in enumerate(new):
        other = by_id.get(cell.identity) if cell.identity else None
        if other is not None and old[other].key == cell.key:
            pairs.add(other, index)
    _add_sequence(pairs)
    for index, cell in enumerate(new):
        other = by_id.get(cell.identity) if cell.identity else None
        if other is not None and not _POSITION.fullmatch(cell.identity):
            pairs.add(other, index)
    _add_moved(pairs)
    _add_alike(pairs)
    return pairs.old_of


def moved(old_of: Sequence[int | None]) -> set[int]:
    """Return the new indices of the fewest cells whose moves explain the new order."""
    places = [(new, old) for new, old in enumerate(old_of) if old is not None]
    ends: list[int] = []  # the smallest old index that ends an ascending sequence of each length
    last: list[int] = []  # the position in `places` of that end
    before: list[int] = []
    for position, (_, old) in enumerate(places):
        length = bisect_left(ends, old)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [old]
        last[length : length + 1] = [position]
    stays: set[int] = set()
    position = last[-1] if last else -1
    while position >= 0:
        stays.add(places[position][0])
        position = before[position]
    return {new for new, _ in places} - stays


class _Pairs:
    def __init__(self, old: Sequence[SavedCell], new: Sequence[SavedCell]) -> None:
        self.old, self.new = old, new
        self.old_of: list[int | None] = [None] * len(new)
        self.used: set[int] = set()

    def add(self, old: int, new: int) -> None:
        if old not in self.used and self.old_of[new] is None:
            self.used.add(old)
            self.old_of[new] = old

    def rest(self) -> tuple[list[int], list[int]]:
        """Return the indices of the cells without a partner."""
        old = [index for index in range(len(self.old)) if index not in self.used]
        return old, [index for index, other in enumerate(self.old_of) if other is None]


def _add_sequence(pairs: _Pairs) -> None:
    old, new = pairs.rest()
    keys = [pairs.old[index].key for index in old], [pairs.new[index].key for index in new]
    for block in SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks():
        for offset in range(block.size):
            pairs.add(old[block.a + offset], new[block.b + offset])


def _add_moved(pairs: _Pairs) -> None:
    old, new = pairs.rest()
    places: dict[tuple[str, ...], list[int]] = {}
    for index in reversed(old):
        if pairs.old[index].source.strip():  # an empty cell is not moved, but removed and added
            places.setdefault(pairs.old[index].key, []).append(index)
    for index in new:
        if same := places.get(pairs.new[index].key):
            pairs.add(same.pop(), index)


def _add_alike(pairs: _Pairs) -> None:
    old, new = pairs.rest()
    words_of_old = [_words(pairs.old[index]) for index in old]
    scores: list[tuple[float, int, int, int]] = []
    for index in new:
        words = _words(pairs.new[index])
        expected = bisect_left(old, _expected(pairs.old_of, index))
        for place in range(max(0, expected - _NEAR), min(len(old), expected + _NEAR)):
            other = old[place]
            if pairs.old[other].kind == pairs.new[index].kind:
                score = _alike(words_of_old[place], words)
                if score >= _ALIKE:
                    scores.append((-score, abs(place - expected), other, index))
    for _, _, other, index in sorted(scores):
        pairs.add(other, index)


def _expected(old_of: Sequence[int | None], index: int) -> int:
    """Return the old index that a new cell would have, judged by the cells before it."""
    for back in range(1, index + 1):
        before = old_of[index - back]
        if before is not None:
            return before + back
    return index


def _words(cell: SavedCell) -> Counter[str]:
    return Counter(_WORD.findall(cell.source[:_MOST_TEXT]))


def _alike(first: Counter[str], second: Counter[str]) -> float:
    """Return the share of words that two texts have in common, from 0 to 1."""
    total = first.total() + second.total()
    return 2 * (first & second).total() / total if total else 0.0
