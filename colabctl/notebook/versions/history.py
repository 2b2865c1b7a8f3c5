"""Reads from a notebook who ran its cells, and whether a merge left conflicts in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from colabctl.notebook.document import parse

CONFLICT = "colabctl-conflict"
"""The tag of the cell that marks a conflict of a merge."""

_LONGEST_NAME = 60  # characters
_LATEST = 1e14  # milliseconds since 1970: no date after the year 5138


@dataclass(frozen=True)
class Person:
    """Someone who ran cells in Colab.

    Attributes:
        id: the number of their Google account, as Colab writes it.
        name: their name, as others see it.
        cells: the number of cells that they were the last to run.
        last: when they last ran one, in seconds since 1970.
    """

    id: str
    name: str
    cells: int
    last: float


@dataclass(frozen=True)
class History:
    """What a notebook says of its past.

    Attributes:
        people: those who ran cells, the latest first. Colab notes in each cell only who ran it
            last, and nothing if outputs are not saved.
        conflicts: the number of marked conflicts.
    """

    people: tuple[Person, ...]
    conflicts: int


def history(content: bytes, name: str) -> History:
    """Return what a notebook's file says of its past; raise UserError if it is not JSON."""
    cells = parse(content, name, _without_outputs).get("cells")
    people: dict[str, Person] = {}
    conflicts = 0
    for cell in cells if isinstance(cells, list) else ():
        metadata = cell.get("metadata") if isinstance(cell, dict) else None
        if not isinstance(metadata, dict):
            continue
        tags = metadata.get("tags")
        conflicts += isinstance(tags, list) and CONFLICT in tags
        if seen := _person(metadata):
            before = people.get(seen.id, Person(seen.id, seen.name, 0, seen.last))
            latest = max(before, seen, key=lambda person: person.last)
            people[seen.id] = Person(seen.id, latest.name, before.cells + 1, latest.last)
    return History(
        tuple(sorted(people.values(), key=lambda person: (-person.last, person.id))), conflicts
    )


def last_run(metadata: Mapping[str, Any]) -> float:
    """Return when a cell with this metadata last ran in Colab, in seconds since 1970; else 0."""
    info = metadata.get("executionInfo")
    stamp = info.get("timestamp") if isinstance(info, dict) else None
    if not isinstance(stamp, int | float) or isinstance(stamp, bool):
        return 0.0
    return stamp / 1000 if 0 < stamp < _LATEST else 0.0


def _person(metadata: Mapping[str, Any]) -> Person | None:
    info = metadata.get("executionInfo")
    user = info.get("user") if isinstance(info, dict) else None
    id_ = user.get("userId") if isinstance(user, dict) else None
    if not isinstance(user, dict) or not isinstance(id_, str) or not id_:
        return None
    name = user.get("displayName")
    shown = name.strip()[:_LONGEST_NAME] if isinstance(name, str) else ""
    return Person(id_, shown or f"the account {id_[-4:]}", 1, last_run(metadata))


def _without_outputs(parts: dict[str, Any]) -> dict[str, Any]:
    if "cell_type" in parts:
        parts.pop("outputs", None)
    return parts
