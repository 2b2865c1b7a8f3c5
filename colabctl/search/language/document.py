"""Turns a sweep given as a Python mapping into a document of plain values."""

from collections.abc import Iterator, Mapping
from typing import Any

from colabctl.search.language.problems import Problems
from colabctl.yamlfile.document import DEEPEST, Document, not_json
from colabctl.yamlfile.problems import Path, Problem


def from_python(content: Mapping[str, Any], source: str) -> tuple[Document, list[Problem]]:
    """Return a mapping as a document, and the problems of values that are not plain.

    Tuples, ranges, and arrays and their scalars (with `tolist`) become lists and numbers.
    Raises InvalidFileError for a mapping that is nested too deeply or contains itself.
    """
    problems = Problems(Document(source, {}))
    return Document(source, _plain(content, (), problems)), problems.items


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
            if reason := not_json(value):
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
        reason = not_json(key) if isinstance(key, str) else f"the key {key!r:.60} must be text"
        if reason:
            problems.add(path, reason)
        else:
            yield str(key), _plain(value, (*path, str(key)), problems)
