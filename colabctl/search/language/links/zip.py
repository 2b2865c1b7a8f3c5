"""The key `zip` of a sweep file: parameters whose listed values go together, row by row."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from colabctl.search.language.distribution_keys import UNREADABLE
from colabctl.search.language.fields import Fields
from colabctl.search.language.problems import Problems, did_you_mean
from colabctl.search.space.discrete import Categorical, Constant
from colabctl.search.space.space import Choice, Leaf, Nest, Space
from colabctl.yamlfile.problems import Path, shown

_EXAMPLE = "list the names of parameters that go together, as in [[lr, schedule]]"


def read_zip(top: Fields, space: Space) -> Space:
    """Return the space with its zipped parameters; record the problems of the groups."""
    raw, problems = top.content.get("zip"), top.problems
    if raw is None:
        return space
    if not isinstance(raw, list) or not raw:
        top.problem("zip", f"must be a list, not {shown(raw)}; {_EXAMPLE}")
        return space
    groups = [(("zip",), raw)] if all(isinstance(item, str) for item in raw) else [
        (("zip", i), item) for i, item in enumerate(raw)
    ]  # fmt: skip
    seen: set[str] = set()
    for path, names in groups:
        if _are_names(names, path, problems) and not _repeated(names, seen, path, problems):
            zipped = _zipped(space, tuple(names))
            if zipped == space:
                _explain(space, names, path, problems)
            elif not _uneven(zipped, names, path, problems):
                space = zipped
    return space


def _are_names(names: Any, path: Path, problems: Problems) -> bool:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        problems.add(path, f"{shown(names)} is not a list of names; {_EXAMPLE}")
        return False
    if len(names) < 2:
        problems.add(path, "names only one parameter; add those that go with it")
        return False
    return True


def _repeated(names: Sequence[str], seen: set[str], path: Path, problems: Problems) -> bool:
    for name in names:
        if name in seen:
            problems.add(path, f"{name} is zipped twice; put all that goes with it into one list")
            return True
        seen.add(name)
    return False


def _zipped(space: Space, names: tuple[str, ...]) -> Space:
    """Return the space with the group on each level that has all its parameters, as lists."""
    if all(_is_listed(space, name) for name in names):
        return replace(space, zips=(*space.zips, names))
    parameters = [
        replace(p, branches={b: _zipped(branch, names) for b, branch in p.branches.items()})
        if isinstance(p, Choice)
        else p
        for p in space.parameters
    ]
    return replace(space, parameters=tuple(parameters))


def _is_listed(space: Space, name: str) -> bool:
    parameter = space.by_name.get(name)
    return isinstance(parameter, Leaf) and isinstance(parameter.distribution, Categorical)


def _uneven(space: Space, names: Sequence[str], path: Path, problems: Problems) -> bool:
    """Record lists of different lengths."""
    for level in _levels(space):
        if tuple(names) not in level.zips:
            continue
        lengths = {}
        for name in names:
            leaf = level.by_name[name]
            if isinstance(leaf, Leaf) and isinstance(leaf.distribution, Categorical):
                lengths[name] = len(leaf.distribution.values)
        if len(set(lengths.values())) > 1:
            counts = ", ".join(f"{name} has {count}" for name, count in lengths.items())
            problems.add(path, f"needs lists of equal length, but {counts}")
            return True
    return False


def _levels(space: Space) -> list[Space]:
    inner = [branch for choice in space.choices for branch in choice.branches.values()]
    return [space, *(level for branch in inner for level in _levels(branch))]


def _explain(space: Space, names: Sequence[str], path: Path, problems: Problems) -> None:
    """Record why no level of the space can zip these parameters."""
    levels = {name: [level.by_name[name] for level in _levels(space) if name in level.by_name]
             for name in names}  # fmt: skip
    inside = {".".join(where) for where, _ in space.walk()} - space.every_name
    for name, parameters in levels.items():
        if name in inside:
            problems.add(path, f"{name} is inside a map; zip works on parameters outside of maps")
            return
        if not parameters:
            problems.add(path, f"{name} is not a parameter{did_you_mean(name, space.every_name)}")
            return
        for parameter in parameters:
            match parameter:
                case Leaf(_, distribution) if distribution is UNREADABLE:
                    return  # reported already
                case Leaf(_, Categorical()):
                    pass
                case Leaf(_, Constant()):
                    problems.add(path, f"{name} has one value; zip needs lists under values:")
                    return
                case Leaf() | Choice() | Nest():
                    problems.add(
                        path, f"{name} needs a plain list under values:, without probabilities"
                    )
                    return
    where = " and ".join(names)
    problems.add(path, f"{where} are never in one branch of choices, so they cannot go together")
