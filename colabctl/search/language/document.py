"""Takes a sweep given as a mapping in Python for a document of plain values."""

from collections.abc import Iterator, Mapping
from typing import Any

from colabctl.search.language.problems import Findings
from colabctl.yamlfile.document import DEEPEST, Document, unsound
from colabctl.yamlfile.problems import Path, Problem


def from_python(content: Mapping[str, Any], source: str) -> tuple[Document, list[Problem]]:
    """Return a mapping as a document, and what in it is not a plain value.

    Tuples, ranges, arrays and their scalars (whatever has `tolist`) become lists and numbers.
    Raises InvalidFileError for a mapping that is nested too deep or contains itself.
    """
    findings = Findings(Document(source, {}))
    return Document(source, _plain(content, (), findings)), findings.problems


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
