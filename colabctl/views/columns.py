"""Turns the values of tasks into columns of a table: nested names with dots, unique titles."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

# A spreadsheet takes such a cell for a formula, also after the apostrophes that `cell` adds.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NESTED = (list, dict)
_NUMBER = re.compile(r"[+-](\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def flat(values: Mapping[str, Any], above: str = "") -> Mapping[str, Any]:
    """Return nested maps as one map: `{"a": {"b": 1}}` as `{"a.b": 1}`; lists as JSON text."""
    if not above and not any(type(value) in _NESTED for value in values.values()):
        return values
    cells: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(value, (list, dict)):
            cells[above + name] = value
        elif isinstance(value, dict) and value:
            cells.update(flat(value, f"{above}{name}."))
        else:
            cells[above + name] = json.dumps(value)
    return cells


def titles(fixed: Sequence[str], names: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the titles of the columns after the `fixed` ones; `names` are by kind ("params", ...).

    A title is the column's name, or `params.x` if another column has that name, ignoring case.
    Characters that files cannot store, such as lone surrogates, are escaped.
    """
    uses: dict[str, int] = {}
    for name in (*fixed, *(name for group in names.values() for name in group)):
        uses[name.casefold()] = uses.get(name.casefold(), 0) + 1
    taken = {name.casefold() for name in fixed}

    def title(kind: str, name: str) -> str:
        shown = spelled_out(name).replace("\0", r"\x00")
        unique = shown if uses[name.casefold()] == 1 else f"{kind}.{shown}"
        number = 2
        while unique.casefold() in taken:
            unique, number = f"{kind}.{shown}_{number}", number + 1
        taken.add(unique.casefold())
        return unique

    return [title(kind, name) for kind, group in names.items() for name in group]


def spelled_out(value: Any) -> Any:
    """Return a value that every file can store: lone surrogates in text become escapes."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def cell(value: Any) -> Any:
    """Return a value for a CSV file that people open in a spreadsheet, which must not run it.

    Text that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV
    Injection"). Numbers stay as they are, also where they are text. Different texts stay different.
    """
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
