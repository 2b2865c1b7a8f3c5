"""What a sweep file holds, as plain values, and where in the file each of them stands.

Plain values are what JSON can hold: maps with text keys, lists, text, finite numbers, true, false
and null.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from colabctl.search.language.problems import Findings, Path, Place, Problem

DEEPEST = 50
"""Levels that maps and lists may be nested."""

LARGEST_NUMBER = 1e300
"""Numbers must be smaller, so that every number can be a float."""


@dataclass(frozen=True)
class Document:
    """Plain `content`, and the places in the text at which its keys and values stand."""

    source: str
    content: Any
    keys: Mapping[Path, Place] = field(default_factory=dict)
    values: Mapping[Path, Place] = field(default_factory=dict)

    def place(self, path: Path, *, key: bool = False) -> Place | None:
        """Return the place of the value at `path`, or of its key, or of what it stands in.

        What stands inside an alias, and what is missing, has the place of the nearest thing around
        it. A mapping from Python has no places at all.
        """
        if key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            if path[:length] in self.values:
                return self.values[path[:length]]
        return None


def from_python(content: Mapping[str, Any], source: str) -> tuple[Document, list[Problem]]:
    """Return a mapping as a document, and what in it is not a plain value.

    Tuples, ranges, arrays and their scalars (whatever has `tolist`) become lists and numbers.
    Raises SweepFileError for a mapping that is nested too deep or contains itself.
    """
    findings = Findings(Document(source, {}))
    return Document(source, _plain(content, (), findings)), findings.problems


def unsound(value: Any) -> str | None:
    """Return why JSON cannot hold this scalar, or None if it can."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return "this text holds half a character (a lone surrogate)"
    elif isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a finite number; put it in quotes as text, or use null"
    elif isinstance(value, int | float) and not abs(value) < LARGEST_NUMBER:
        return f"this number is too large; the limit is {LARGEST_NUMBER:.0e}"
    return None


def _plain(value: Any, path: Path, findings: Findings) -> Any:
    if len(path) > DEEPEST:
        findings.problem(path[:3], f"is nested more than {DEEPEST} levels deep, or contains itself")
        findings.refuse_if_wrong()
    if hasattr(value, "tolist"):  # an array or a number of NumPy, or what behaves like one
        value = value.tolist()
    match value:
        case None | bool():
            return value
        case int() | float() | str():
            wrong = unsound(value)
            if wrong:
                findings.problem(path, wrong)
                return None
            # a subclass, such as an enumeration's member, becomes what it stands for
            return next(kind(value) for kind in (int, float, str) if isinstance(value, kind))
        case Mapping():
            return dict(_plain_items(value, path, findings))
        case list() | tuple() | range():
            return [_plain(item, (*path, i), findings) for i, item in enumerate(value)]
    findings.problem(path, f"a {type(value).__name__} cannot be written to a file as it is")
    return None


def _plain_items(
    items: Mapping[Any, Any], path: Path, findings: Findings
) -> Iterator[tuple[str, Any]]:
    for key, value in items.items():
        wrong = unsound(key) if isinstance(key, str) else f"the key {key!r:.60} must be text"
        if wrong:
            findings.problem(path, wrong)
        else:
            yield str(key), _plain(value, (*path, str(key)), findings)
