"""The cells of a sweep: one independent search for each combination of the `foreach` parameters."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from colabctl.errors import UserError
from colabctl.search.space.discrete import Categorical, Constant, IntUniform, same
from colabctl.search.language.distribution_keys import UNREADABLE
from colabctl.search.language.problems import MOST_SHOWN, Findings, Path, did_you_mean, listed, shown
from colabctl.search.space.space import Choice, Leaf, Parameter, Space, Values

MOST_CELLS = 10_000
"""Combinations that `foreach` may give, the excluded ones included."""

_MOST_NAMES = 16

Exclusion = Mapping[str, Any]
"""Values of some `foreach` parameters; combinations that have them all are dropped."""


@dataclass(frozen=True)
class Cell:
    """One search: the values of its `foreach` parameters, its number of tasks, what they can be."""

    values: Values
    tasks: int
    space: Space = field(repr=False)


def combinations(
    space: Space, foreach: Sequence[str], exclude: Sequence[Exclusion], source: str
) -> list[tuple[Values, Space]]:
    """Return the values of each cell, and what is left to search in it.

    A parameter that only some branches have varies only in the cells of those branches.
    Raises UserError, naming `source`, for more than MOST_CELLS combinations and if none is left.
    """
    every = list(islice(_combined(space, foreach), MOST_CELLS + 1))
    if len(every) > MOST_CELLS:
        raise UserError(
            f"{source}: foreach {listed(foreach)} gives more than {MOST_CELLS:,} combinations; "
            "give these parameters fewer values"
        )
    dropped: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for rule in exclude:
        names = tuple(sorted(rule))
        dropped.setdefault(names, set()).add(tuple(same(rule[name]) for name in names))

    def is_dropped(values: Values) -> bool:
        return any(
            all(name in values for name in names)
            and tuple(same(values[name]) for name in names) in rules
            for names, rules in dropped.items()
        )

    kept = [(values, left) for values, left in every if not is_dropped(values)]
    if not kept:
        raise UserError(f"{source}: exclude drops every combination; nothing is left to run")
    return kept


def _combined(space: Space, foreach: Sequence[str]) -> Iterator[tuple[Values, Space]]:
    name = next((name for name in foreach if name in space.by_name), None)
    if name is None:
        yield {}, space
        return
    others = [other for other in foreach if other != name]
    for value, left in space.fixed(name):
        for values, rest in _combined(left, others):
            yield {name: value} | values, rest


def check_foreach(space: Space, foreach: Sequence[str], path: Path, findings: Findings) -> None:
    """Record what is wrong with the names in `foreach`, which stand at `path` of the file."""
    if len(foreach) > _MOST_NAMES:
        findings.problem(path, f"names {len(foreach)} parameters; {_MOST_NAMES} is the limit")
        return
    for i, name in enumerate(foreach):
        at = (*path, i)
        places = list(_places(space, name))
        if name in foreach[:i]:
            findings.problem(at, f"{name} stands here twice")
        elif not places:
            findings.problem(at, f"{name} is no parameter{did_you_mean(name, space.every_name)}")
        for parameter, inside in places:
            outside = [choice for choice in inside if choice not in foreach]
            if outside:
                text = (
                    f"{name} exists only in branches of {outside[0]}; add {outside[0]} to foreach"
                )
                findings.problem(at, text)
                break
            if not _is_listed(parameter):
                findings.problem(at, f"{name} needs a plain list, under values: or choices:")
                break


def check_exclude(
    space: Space,
    foreach: Collection[str],
    exclude: Sequence[Exclusion],
    path: Path,
    findings: Findings,
) -> None:
    """Record names in `exclude` that are not in `foreach`, and values that they cannot have."""
    known: dict[str, dict[str, Any] | None] = {}
    for i, rule in enumerate(exclude):
        if len(findings.problems) > MOST_SHOWN:
            return
        for name, value in rule.items():
            at = (*path, i, name)
            if name not in foreach:
                hint = did_you_mean(name, foreach) if foreach else "; foreach is missing"
                findings.problem(at, f"{name} is not in foreach{hint}", key=True)
                continue
            if name not in known:
                known[name] = _values(space, name)
            values = known[name]
            if values is not None and same(value) not in values:
                words = [v if isinstance(v, str) else shown(v) for v in values.values()]
                hint = did_you_mean(value if isinstance(value, str) else shown(value), words)
                findings.problem(at, f"{shown(value)} is no value of {name}{hint}")


def _places(space: Space, name: str, inside: Path = ()) -> Iterator[tuple[Parameter, Path]]:
    """Yield the parameters of that name, each with the choices whose branches it stands in."""
    if name in space.by_name:
        yield space.by_name[name], inside
    for choice in space.choices:
        if name in choice.below:
            for branch in choice.branches.values():
                yield from _places(branch, name, (*inside, choice.name))


def _is_listed(parameter: Parameter) -> bool:
    if isinstance(parameter, Leaf):
        return isinstance(parameter.distribution, Constant | Categorical | IntUniform)
    return isinstance(parameter, Choice)


def _values(space: Space, name: str) -> dict[str, Any] | None:
    """Return the values that a `foreach` parameter can have; None if they cannot all be told."""
    values: dict[str, Any] = {}
    for parameter, _ in _places(space, name):
        if isinstance(parameter, Choice):
            values |= {same(branch): branch for branch in parameter.branches}
        elif isinstance(parameter, Leaf) and parameter.distribution is not UNREADABLE:
            points = parameter.distribution.grid()
            if points is None or points.size > MOST_CELLS:
                return None
            values |= {same(value): value for value in map(points.at, range(points.size))}
        else:
            return None
    return values
