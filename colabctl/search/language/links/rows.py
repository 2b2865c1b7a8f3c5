"""Rows of zipped parameters in the content of a sweep file, which an extension adds as a whole."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from colabctl.search.space.discrete import grid_key
from colabctl.yamlfile.problems import shown

_PAIR = 2


def values_of(parameter: Any) -> list[Any] | None:
    """Return the values of a parameter that is listed or constant, else None."""
    match parameter:
        case {"values": list(values)}:
            return list(values)
        case {"value": value}:
            return [value]
        case dict() | list():
            return None
    return [parameter]


def groups(
    content: Mapping[str, Any], parameters: Mapping[str, Any]
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the groups of `zip` whose lists are all in `parameters`: where they are, and names."""
    raw = content.get("zip")
    if not isinstance(raw, list):
        return
    flat = all(isinstance(name, str) for name in raw)
    for where, names in [("zip", raw)] if flat else [(f"zip[{i}]", x) for i, x in enumerate(raw)]:
        if all(values_of(parameters.get(name, {})) is not None for name in names):
            yield where, tuple(names)


def rows(parameters: Mapping[str, Any], names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the rows of parameters that go together."""
    return list(zip(*(values_of(parameters[name]) or () for name in names), strict=False))


def new_rows(
    before: Sequence[Sequence[Any]], now: Sequence[Sequence[Any]]
) -> list[tuple[Any, ...]]:
    """Return the rows of `now` that `before` lacks, each once."""
    there = set(map(_key, before))
    return [tuple(row) for key, row in {_key(row): row for row in now}.items() if key not in there]


def described(names: Sequence[str], row: Sequence[Any]) -> str:
    """Return a row as messages name it: "the pair lr=0.1, s=cos"."""
    pairs = ", ".join(f"{name}={shown(each)}" for name, each in zip(names, row, strict=True))
    return f"the {'pair' if len(names) == _PAIR else 'row'} {pairs}"


def _key(row: Sequence[Any]) -> tuple[str, ...]:
    return tuple(map(grid_key, row))
