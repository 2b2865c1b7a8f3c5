"""The keys `foreach` and `exclude` of a sweep file, which split it into searches."""

from collections.abc import Collection, Iterator
from typing import Any

from colabctl.search.language.distribution_keys import UNREADABLE
from colabctl.search.language.fields import Fields
from colabctl.search.language.problems import did_you_mean
from colabctl.search.space.cells import MOST_CELLS, Exclusion
from colabctl.search.space.discrete import Categorical, Constant, IntUniform, grid_key
from colabctl.search.space.space import Choice, Leaf, Parameter, Space
from colabctl.yamlfile.problems import MOST_SHOWN, Path, shown

_MOST_NAMES = 16


def read_foreach(top: Fields, space: Space) -> tuple[str, ...]:
    """Return the parameters in `foreach`; record the problems of their names."""
    foreach, problems = top.texts("foreach") or (), top.problems
    if len(foreach) > _MOST_NAMES:
        message = f"names {len(foreach)} parameters; {_MOST_NAMES} is the limit"
        top.problem("foreach", message)
        return foreach
    for i, name in enumerate(foreach):
        item = ("foreach", i)
        parameters = list(_named(space, name))
        if name in foreach[:i]:
            problems.add(item, f"{name} is listed twice")
        elif not parameters:
            hint = did_you_mean(name, space.every_name)
            problems.add(item, f"{name} is not a parameter{hint}")
        for parameter, choices in parameters:
            missing = next((choice for choice in choices if choice not in foreach), None)
            if missing is not None:
                message = f"{name} exists only in branches of {missing}; add {missing} to foreach"
                problems.add(item, message)
                break
            if not _is_listed(parameter):
                problems.add(item, f"{name} needs a plain list, under values: or choices:")
                break
    return foreach


def read_exclude(top: Fields, space: Space, foreach: Collection[str]) -> tuple[Exclusion, ...]:
    """Return the rules in `exclude`; record names and values that they cannot have."""
    raw, problems = top.content.get("exclude"), top.problems
    rules = raw if isinstance(raw, list) else [] if raw is None else [raw]
    values_of: dict[str, dict[str, Any] | None] = {}
    for i, rule in enumerate(rules):
        if len(problems.items) > MOST_SHOWN:
            break
        if not isinstance(rule, dict) or not rule:
            message = "must be a map of values, as in {model: mlp, dataset: adult}"
            problems.add(("exclude", i), message)
            continue
        for name, value in rule.items():
            item = ("exclude", i, name)
            if name not in foreach:
                hint = did_you_mean(name, foreach) if foreach else "; foreach is missing"
                problems.add(item, f"{name} is not in foreach{hint}", key=True)
                continue
            if name not in values_of:
                values_of[name] = _values(space, name)
            values = values_of[name]
            if values is not None and grid_key(value) not in values:
                hint = did_you_mean(_word(value), map(_word, values.values()))
                problems.add(item, f"{shown(value)} is not a value of {name}{hint}")
    return tuple(rule for rule in rules if isinstance(rule, dict))


def _word(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _named(space: Space, name: str, choices: Path = ()) -> Iterator[tuple[Parameter, Path]]:
    """Yield the parameters of that name, each with the choices whose branches contain it."""
    if name in space.by_name:
        yield space.by_name[name], choices
    for choice in space.choices:
        if name in choice.below:
            for branch in choice.branches.values():
                yield from _named(branch, name, (*choices, choice.name))


def _is_listed(parameter: Parameter) -> bool:
    if isinstance(parameter, Leaf):
        return isinstance(parameter.distribution, Constant | Categorical | IntUniform)
    return isinstance(parameter, Choice)


def _values(space: Space, name: str) -> dict[str, Any] | None:
    """Return the values that a `foreach` parameter can have; None if they cannot be listed."""
    values: dict[str, Any] = {}
    for parameter, _ in _named(space, name):
        if isinstance(parameter, Choice):
            values |= {grid_key(branch): branch for branch in parameter.branches}
        elif isinstance(parameter, Leaf) and parameter.distribution is not UNREADABLE:
            points = parameter.distribution.grid()
            if points is None or points.size > MOST_CELLS:
                return None
            values |= {grid_key(value): value for value in map(points.at, range(points.size))}
        else:
            return None
    return values
