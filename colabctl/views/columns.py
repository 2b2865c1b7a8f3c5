"""The values of tasks as columns of a table: nested ones joined by dots, no name used twice."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def flat(values: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return maps within maps as one map, `{"a": {"b": 1}}` as `{"a.b": 1}`; lists as JSON text."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict) and value:
            found.update(flat(value, f"{above}{name}."))
        elif isinstance(value, list | dict):
            found[above + name] = json.dumps(value)
        else:
            found[above + name] = value
    return found


def titles(fixed: Sequence[str], names: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the titles of the columns that follow the `fixed` ones, by kind ("params", ...).

    A column has its own name. One that stands for two things, also where only case differs, is
    written `params.x`. What no file can hold, such as half a character, is spelled out.
    """
    uses: dict[str, int] = {}
    for name in (*fixed, *(name for own in names.values() for name in own)):
        uses[name.casefold()] = uses.get(name.casefold(), 0) + 1
    taken = {name.casefold() for name in fixed}

    def title(kind: str, name: str) -> str:
        shown = spelled_out(name).replace("\0", r"\x00")
        found = shown if uses[name.casefold()] == 1 else f"{kind}.{shown}"
        number = 2
        while found.casefold() in taken:
            found, number = f"{kind}.{shown}_{number}", number + 1
        taken.add(found.casefold())
        return found

    return [title(kind, name) for kind, own in names.items() for name in own]


def spelled_out(value: Any) -> Any:
    """Return a value that every file can hold: half a character in a text becomes an escape."""
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value
