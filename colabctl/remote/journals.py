"""Finds how far the files of a writer have arrived without a gap, from their names alone."""

import re
from collections.abc import Iterable

_NAME = re.compile(r"(\d{8})-(\d{8})(?:-\d+)?\.jsonl")


def whole_until(names: Iterable[str]) -> str:
    """Return the last name before the first gap in the numbers of a writer's events; "" for none.

    The files are those of ledger.journals.numbered. What sorts before that name is complete, as far
    as the events go, so a listing can start after it.
    """
    numbered: list[tuple[int, int, str]] = []
    for name in names:
        match = _NAME.fullmatch(name.rpartition("/")[2])
        if match:
            numbered.append((int(match[1]), int(match[2]), name))
    following, last = 0, ""
    for first, end, name in sorted(numbered):
        if first > following:
            break
        following = max(following, end + 1)
        last = max(last, name)
    return last
