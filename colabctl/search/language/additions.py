"""What a changed sweep file adds to the one that was declared: values of parameters and branches.

Tasks that were declared keep their parameters. So an extension adds to lists, and changes nothing
else: another range, another seed or another metric makes another sweep.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.search.space.discrete import grid_key
from colabctl.yamlfile.problems import dotted, shown

Path = tuple[str, ...]
Addition = tuple[Path, tuple[Any, ...]]
"""The path of a parameter from `parameters:`, and the values it gets; for `choices`, the branches,
each as [name, content]."""

_WORDS = frozenset({"name", "description"})
_NUMBERS = frozenset({"trials", "run_cap"})
"""Keys that say how many tasks there are."""

_PROGRAM = frozenset({"program", "command", "code", "cwd"})
"""Keys that a new version of the program may change."""

_MOST_SHOWN = 5  # differences


def additions(old: Mapping[str, Any], new: Mapping[str, Any], source: str) -> list[Addition]:
    """Return what the content of a sweep file adds to that of a declared one.

    Raises UserError, with a line for each fault, if `new` takes something away, or changes what an
    extension cannot change.
    """
    may_change = _WORDS | _NUMBERS | _PROGRAM | {"parameters"}
    faults = [
        f"{key}: is {_shown(new, key)}, and the sweep was declared with {_shown(old, key)}"
        for key in dict.fromkeys((*old, *new))
        if key not in may_change and old.get(key) != new.get(key)
    ]
    extra: list[Addition] = []
    _compare(_map(old.get("parameters")), _map(new.get("parameters")), (), extra, faults)
    if faults:
        more = f"\n  and {len(faults) - _MOST_SHOWN} more" if len(faults) > _MOST_SHOWN else ""
        lines = "".join(f"\n  {fault}" for fault in faults[:_MOST_SHOWN])
        raise UserError(
            f"{source} does not only add to the sweep:{lines}{more}\nan extension adds values and "
            "trials; put back what was there, or declare another sweep (--name)"
        )
    return extra


def with_additions(content: Mapping[str, Any], extra: Sequence[Addition]) -> dict[str, Any]:
    """Return the content of a sweep file with additions; what it has already is passed over."""
    result = dict(deepcopy(dict(content)))
    for path, values in extra:
        parameter: Any = result["parameters"]
        for name in path[:-1]:
            parameter = parameter[name]
        own = parameter[path[-1]]
        if isinstance(own, dict) and "choices" in own:
            own["choices"] |= {key: each for key, each in values if key not in own["choices"]}
            continue
        listed = _values(own)
        if listed is None:
            raise UserError(f"{dotted(path)} is not a list of values")
        own_keys = {grid_key(each) for each in listed}
        listed += [each for each in values if grid_key(each) not in own_keys]
        parameter[path[-1]] = {**_others(own), "values": listed}
    return result


def addition(content: Mapping[str, Any], name: str, values: Sequence[Any]) -> Addition:
    """Return the addition of values to a listed parameter, such as lr or optimizer.lr.

    Raises UserError for a parameter that is unknown, or that has no list.
    """
    listed = dict(_listed(_map(content.get("parameters")), ()))
    names = {".".join(part for part in path if part != "parameters"): path for path in listed}
    if name in _map(content.get("repeat")):
        raise UserError(
            f"the sweep repeats each configuration over {name}, and an extension cannot change "
            "that: finished configurations would lack some of their repeats; declare another sweep "
            "(--name)"
        )
    if name not in names:
        ranges = [
            key for key, value in _map(content.get("parameters")).items() if key == name and value
        ]
        names_there = ", ".join(names) or "none"
        if ranges:
            raise UserError(
                f"{name} has no list of values that could get another one; those that have one: "
                f"{names_there}"
            )
        near = nearest(name, names)
        hint = f"did you mean {near}?" if near else f"those with a list of values are {names_there}"
        raise UserError(f"{name!r:.60} is not a parameter; {hint}")
    own = listed[names[name]]
    if all(isinstance(each, str) for each in own):
        values = [each if isinstance(each, str) else f"{each}" for each in values]
    there = {grid_key(each) for each in own}
    new = {grid_key(each): each for each in values if grid_key(each) not in there}
    return names[name], tuple(new.values())


def _compare(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    path: Path,
    extra: list[Addition],
    faults: list[str],
) -> None:
    for name in dict.fromkeys((*old, *new)):
        where = dotted(
            tuple(each for each in (*path, name) if each not in ("parameters", "choices"))
        )
        if name not in new:
            faults.append(f"{where} is missing; the sweep was declared with it")
        elif name not in old:
            faults.append(f"{where} is a new parameter, which the declared tasks do not have")
        else:
            _compare_one(old[name], new[name], (*path, name), where, extra, faults)


def _compare_one(  # noqa: PLR0917 - two parameters and where they are
    old: Any, new: Any, path: Path, where: str, extra: list[Addition], faults: list[str]
) -> None:
    if old == new:
        return
    match old, new:
        case {"choices": dict(had)}, {"choices": dict(has)} if len(old) == len(new) == 1:
            faults += [f"{where} no longer has {shown(name)}" for name in had if name not in has]
            for name in (name for name in had if name in has):
                own, other = (_map(_map(each[name]).get("parameters")) for each in (had, has))
                _compare(own, other, (*path, "choices", name, "parameters"), extra, faults)
            if added := tuple([name, has[name]] for name in has if name not in had):
                extra.append((path, added))
        case {"parameters": dict(had)}, {"parameters": dict(has)}:
            _compare(had, has, (*path, "parameters"), extra, faults)
        case _:
            before, now = _values(old), _values(new)
            if before is None or now is None or _others(old) != _others(new):
                faults.append(
                    f"{where} is {shown(new)}, and the sweep was declared with {shown(old)}"
                )
                return
            keys, own_keys = ({grid_key(each) for each in values} for values in (now, before))
            faults += [
                f"{where} no longer has {shown(each)}"
                for each in before
                if grid_key(each) not in keys
            ]
            if added := tuple(each for each in now if grid_key(each) not in own_keys):
                extra.append((path, added))


def _values(parameter: Any) -> list[Any] | None:
    """Return the values of a parameter that is listed or constant, else None."""
    match parameter:
        case {"values": list(values)}:
            return list(values)
        case {"value": value}:
            return [value]
        case dict() | list():
            return None
    return [parameter]


def _others(parameter: Any) -> dict[str, Any]:
    """Return the keys of a parameter besides its values, if they have an effect on a list."""
    passed = ("value", "values", "distribution")
    return {key: value for key, value in _map(parameter).items() if key not in passed}


def _listed(parameters: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, list[Any]]]:
    for name, parameter in parameters.items():
        if isinstance(parameter, dict) and isinstance(parameter.get("parameters"), dict):
            yield from _listed(parameter["parameters"], (*path, name, "parameters"))
        elif (values := _values(parameter)) is not None:
            yield (*path, name), values


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _shown(content: Mapping[str, Any], key: str) -> str:
    return shown(content[key]) if key in content else "not there"
