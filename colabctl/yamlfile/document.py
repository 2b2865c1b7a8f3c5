"""The content of a YAML file: plain values, and the place of each.

Plain values are those that JSON can hold: maps with text keys, lists, text, finite numbers, true,
false and null.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from colabctl.yamlfile.problems import Note, Path, Place, where

DEEPEST = 50
"""The most levels of nested maps and lists."""

LARGEST_NUMBER = 1e300
"""Numbers must be below this, so that each can be a float."""


@dataclass(frozen=True)
class Document:
    """Plain `content`, the places of its keys and values in the text, and notes on them."""

    source: str
    content: Any
    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)
    notes: Sequence[Note] = ()

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Return the place of the value at `path`, or of its key; None for a mapping from Python.

        Values inside an alias, and missing ones, have the place of the nearest value around them.
        """
        if key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return None

    def where(self, path: Path, *, key: bool = False) -> str:
        """Return where the value at `path`, or its key, is: colabctl.yaml:3:5: members[0]."""
        return where(self.source, self.place(path, key=key), path)


def not_json(value: Any) -> str | None:
    """Return why JSON cannot hold this scalar, or None if it can."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return "this text contains a lone surrogate (invalid Unicode)"
    elif isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number; put it in quotes as text, or use null"
    elif isinstance(value, int | float) and not abs(value) < LARGEST_NUMBER:
        return f"this number is too large; the limit is {LARGEST_NUMBER:.0e}"
    return None
