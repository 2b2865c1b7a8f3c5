"""The keys `foreach` and `exclude` of a sweep file: which parameters split it into searches."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from colabctl.search.language.distribution_keys import UNREADABLE
from colabctl.search.language.problems import Findings, did_you_mean
from colabctl.search.space.cells import MOST_CELLS, Exclusion
from colabctl.search.space.discrete import Categorical, Constant, IntUniform, same
from colabctl.search.space.space import Choice, Leaf, Parameter, Space
from colabctl.yamlfile.problems import MOST_SHOWN, Path, shown

_MOST_NAMES = 16


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
