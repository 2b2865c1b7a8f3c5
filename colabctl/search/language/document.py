"""The content of a sweep file as plain values, with the place of each in the file.

Plain values are those of JSON: maps with text keys, lists, text, finite numbers, true, false and
null.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from colabctl.search.language.problems import Path, Place, Problem, Problems

DEEPEST = 50
"""The most levels of nested maps and lists."""

LARGEST_NUMBER = 1e300
"""Numbers must be smaller than this, so that each fits a float."""


@dataclass(frozen=True)
class Document:
    """Plain `content`, and the places of its keys and values in the text."""

    source: str
    content: Any
    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Return the place of the value at `path`, or of its key.

        A value that is missing or inside an alias has the place of the nearest value around it.
        A mapping from Python has no places.
        """
        if key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return None


def from_python(content: Mapping[str, Any], source: str) -> tuple[Document, list[Problem]]:
    """Return a mapping as a document, and the problems of values that are not plain.

    Tuples, ranges, arrays and array scalars (everything with `tolist`) become lists and numbers.
    Raises SweepFileError for a mapping that is nested too deeply or contains itself.
    """
    problems = Problems(Document(source, {}))
    return Document(source, _plain(content, (), problems)), problems.items


def unsound(value: Any) -> str | None:
    """Return why JSON cannot hold this scalar; None if it can."""
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


def _plain(value: Any, path: Path, problems: Problems) -> Any:
    if len(path) > DEEPEST:
        problems.add(path[:3], f"is nested more than {DEEPEST} levels deep, or contains itself")
        problems.raise_if_any()
    if hasattr(value, "tolist"):  # a NumPy array or number, or a type that behaves like one
        value = value.tolist()
    match value:
        case None | bool():
            return value
        case int() | float() | str():
            if reason := unsound(value):
                problems.add(path, reason)
                return None
            # a subclass, such as an enum member, becomes its plain value
            return next(kind(value) for kind in (int, float, str) if isinstance(value, kind))
        case Mapping():
            return dict(_plain_items(value, path, problems))
        case list() | tuple() | range():
            return [_plain(item, (*path, i), problems) for i, item in enumerate(value)]
    problems.add(path, f"a {type(value).__name__} cannot be written to a sweep file")
    return None


def _plain_items(
    items: Mapping[Any, Any], path: Path, problems: Problems
) -> Iterator[tuple[str, Any]]:
    for key, value in items.items():
        reason = unsound(key) if isinstance(key, str) else f"the key {key!r:.60} must be text"
        if reason:
            problems.add(path, reason)
        else:
            yield str(key), _plain(value, (*path, str(key)), problems)
