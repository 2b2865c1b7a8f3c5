"""What a sync has carried between a mirror and its store, and how far it has come."""

from dataclasses import dataclass, field
from typing import NamedTuple, Self


@dataclass
class Carried:
    """What a sync has done.

    Attributes:
        up, down: the names of the files that were carried.
        conflicts: for each file that both sides had changed, the name of this side's form.
        damaged: the names of files that are not as recorded, and were left where they are.
        left: names that could not be carried yet.

    """

    up: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Carried") -> Self:
        """Add what another sync has done."""
        self.up += other.up
        self.down += other.down
        self.conflicts |= other.conflicts
        self.damaged += other.damaged
        self.left = other.left
        return self


class Moved(NamedTuple):
    """How far a sync has come: files of all that it carries in one direction."""

    verb: str
    done: int
    total: int
