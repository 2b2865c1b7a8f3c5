"""What a changed sweep file adds to the one that was declared: values of parameters and branches.

Tasks that were declared keep their parameters. So an extension adds to lists, and changes nothing
else: another range, another seed or another metric makes another sweep.
"""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.search.language.links.rows import described, groups, new_rows, rows, values_of
from colabctl.search.space.discrete import grid_key
from colabctl.yamlfile.lookalikes import number_meant
from colabctl.yamlfile.problems import dotted, shown

Path = tuple[str, ...]
Addition = tuple[Path, tuple[Any, ...]]
"""The path of a parameter from `parameters:`, and the values it gets; for `choices`, the branches,
each as [name, content]. Parameters of a group of `zip` have as many values each: new rows."""

_WORDS = frozenset({"name", "description"})
_NUMBERS = frozenset({"trials", "run_cap"})
"""Keys that say how many tasks there are."""

_PROGRAM = frozenset({"program", "command", "code", "cwd"})
"""Keys that a new version of the program may change."""

_LIMITS = frozenset({"budget", "patience"})
"""Keys that say when a sweep ends, whatever its tasks are."""

_LEFT_OUT = {"sampler": "auto"}
"""What a key means that is left out."""

_MOST_SHOWN = 5  # differences


@dataclass(frozen=True)
class NewValue:
    """A value for a parameter.

    Attributes:
        text: how a command line has it; None for a value from Python.
        note: what may surprise in how the text is read.

    """

    value: Any
    text: str | None = None
    note: str | None = None

    @property
    def is_quoted(self) -> bool:
        """Whether it is text in quotes, as JSON has it."""
        return isinstance(self.value, str) and (self.text or "").lstrip()[:1] in ('"', "'")


def additions(old: Mapping[str, Any], new: Mapping[str, Any], source: str) -> list[Addition]:
    """Return what the content of a sweep file adds to that of a declared one.

    Raises UserError, with a line for each fault, if `new` takes something away, or changes what an
    extension cannot change.
    """
    may_change = _WORDS | _NUMBERS | _PROGRAM | _LIMITS | {"parameters"}
    faults = [
        _changed(key, old, new)
        for key in dict.fromkeys((*old, *new))
        if key not in may_change and _value(old, key) != _value(new, key)
    ]
    extra: list[Addition] = []
    find = _Comparison(new, extra, faults)
    find.maps(_map(old.get("parameters")), _map(new.get("parameters")), ())
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
    columns: dict[tuple[Path, tuple[str, ...]], dict[str, Sequence[Any]]] = {}
    for path, values in extra:
        level: Any = result["parameters"]
        for name in path[:-1]:
            level = level[name]
        own = level[path[-1]]
        if isinstance(own, dict) and "choices" in own:
            own["choices"] |= {key: each for key, each in values if key not in own["choices"]}
            continue
        group = _group(result, level, path)
        if len(group) > 1:
            group_columns = columns.setdefault((path[:-1], group), {})
            group_columns[path[-1]] = values
            if len(group_columns) == len(group):
                item = list(zip(*(group_columns[name] for name in group), strict=False))
                new = new_rows(rows(level, group), item)
                for at, name in enumerate(group):
                    _append(level, name, [row[at] for row in new])
                group_columns.clear()
            continue
        listed = values_of(own)
        if listed is None:
            raise UserError(f"{dotted(path)} is not a list of values")
        own_keys = {grid_key(each) for each in listed}
        _append(level, path[-1], [each for each in values if grid_key(each) not in own_keys])
    return result


def _append(level: dict[str, Any], name: str, values: Sequence[Any]) -> None:
    own = level[name]
    level[name] = {**_others(own), "values": [*(values_of(own) or ()), *values]}


def _group(content: Mapping[str, Any], level: Mapping[str, Any], path: Path) -> tuple[str, ...]:
    """Return the names of the parameters that one goes together with, and its own."""
    matches = (names for _, names in groups(content, level) if path[-1] in names)
    return next(matches, path[-1:]) if _can_be_zipped(path) else path[-1:]


def _can_be_zipped(path: Path) -> bool:
    """Whether a parameter is outside of maps; those of branches are."""
    return all(path[at + 1] == "choices" for at in range(0, len(path) - 1, 4))


def asked_for(
    content: Mapping[str, Any], values: Mapping[str, Sequence[NewValue]], *, python: bool = False
) -> list[Addition]:
    """Return the additions of values to listed parameters, such as lr or optimizer.lr, by name.

    Messages have the words of Python, or of the command line. Raises UserError for a parameter
    that is unknown, or that has no list, for a value of another kind than its others, and for a
    part of a row.
    """
    result, done = list[Addition](), set[str]()
    for name in values:
        if name in done:
            continue
        path, own = _parameter(content, name)
        group = (
            _group(content, _map(content.get("parameters")), path) if len(path) == 1 else (name,)
        )
        if len(group) > 1:
            done.update(group)
            result += _new_rows(content, group, values, python=python)
            continue
        there = {grid_key(each) for each in own}
        read = [_read(name, own, each, python=python) for each in values[name]]
        new = {grid_key(each): each for each in read if grid_key(each) not in there}
        if new:
            result.append((path, tuple(new.values())))
    return result


def _new_rows(
    content: Mapping[str, Any],
    group: tuple[str, ...],
    values: Mapping[str, Sequence[NewValue]],
    *,
    python: bool,
) -> list[Addition]:
    """Return the new rows of parameters that go together; each has its values in the same order."""
    counts = [len(values.get(name, ())) for name in group]
    if len(set(counts)) > 1:
        texts = {name: [_spelled(each, python=python) for each in values.get(name, ())] or ["..."]
                 for name in group}  # fmt: skip
        if python:
            lists = (f'"{name}": [{", ".join(some)}]' for name, some in texts.items())
            fix = f"values={{{', '.join(lists)}}}"
        else:
            fix = " ".join(
                f"--value {name}={each}" for name, some in texts.items() for each in some
            )
        first = next(name for name in group if values.get(name))
        others = " and ".join(name for name in group if name != first)
        both = "both" if len(group) == 2 else "all"
        what = "" if 0 in counts else ", as many values of each"
        raise UserError(f"{first} goes together with {others} (zip); give {both}{what}: {fix}")
    parameters = _map(content.get("parameters"))
    columns = [
        [_read(name, values_of(parameters[name]) or [], each, python=python)
         for each in values[name]]
        for name in group
    ]  # fmt: skip
    new = new_rows(rows(parameters, group), list(zip(*columns, strict=True)))
    return [((name,), tuple(row[at] for row in new)) for at, name in enumerate(group) if new]


def _spelled(item: NewValue, *, python: bool) -> str:
    return repr(item.value) if python or item.text is None else item.text.strip()


def _parameter(content: Mapping[str, Any], name: str) -> tuple[Path, list[Any]]:
    """Return the path of a listed parameter, and its values; raise UserError if it has no list."""
    parameters = _map(content.get("parameters"))
    listed = dict(_listed(parameters, ()))
    names = {".".join(part for part in path if part != "parameters"): path for path in listed}
    if name in _map(content.get("repeat")):
        raise UserError(
            f"the sweep repeats each configuration over {name}, and an extension cannot change "
            "that: finished configurations would lack some of their repeats; declare another sweep "
            "(--name)"
        )
    if name in names:
        return names[name], listed[names[name]]
    with_file = "change the sweep file, and run: colabctl sweep FILE --extend"
    if isinstance(parameters.get(name), dict) and "choices" in parameters[name]:
        raise UserError(f"{name} has choices; to add a branch, {with_file}")
    if owner := next((key for key, each in parameters.items() if name in _in_branches(each)), None):
        raise UserError(f"{name} is in a branch of {owner}; to add a value there, {with_file}")
    names_there = ", ".join(names) or "none"
    if parameters.get(name):
        raise UserError(
            f"{name} has no list of values that could get another one; those that have one: "
            f"{names_there}"
        )
    near = nearest(name, names)
    hint = f"did you mean {near}?" if near else f"those with a list of values are {names_there}"
    raise UserError(f"{name!r:.60} is not a parameter; {hint}")


def _in_branches(parameter: Any) -> Iterator[str]:
    """Yield the names of the parameters in the branches of one with choices."""
    for branch in _map(_map(parameter).get("choices")).values():
        for name, each in _map(_map(branch).get("parameters")).items():
            yield from (name, *_in_branches(each))


def _read(name: str, own: Sequence[Any], item: NewValue, *, python: bool) -> Any:
    """Return a value; raise UserError if it is of another kind than all that are there."""
    if item.text is not None and not item.text.strip():
        raise UserError(f"{name} is empty; write a value, such as --value {name}={shown(own[0])}")
    kinds = {_kind(each) for each in own}
    if item.is_quoted or len(kinds) != 1 or _kind(item.value) in kinds:
        return item.value
    (kind,) = kinds
    if kind == "a text" and item.text is not None:
        return item.text.strip()
    written = f"{_spelled(item, python=python):.60}"
    fault = f"{name}: {written} is not {kind}, as the other values of {name} are"
    number = number_meant(item.value) if isinstance(item.value, str) else None
    if kind == "a number" and number is not None:
        fix = f"for the number, write {number!r}"
    elif python or not isinstance(item.value, str):
        fix = "to add it all the same, change the sweep file, and run: colabctl sweep FILE --extend"
    else:
        fix = f"for the text, write --value '{name}={shown(item.value)}'"
    raise UserError(f"{fault}; {fix}")


def _kind(value: Any) -> str:
    match value:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a map"
    return "null"


@dataclass(frozen=True)
class _Comparison:
    """Finds what a changed file adds to parameters, and what it changes otherwise."""

    content: Mapping[str, Any]
    extra: list[Addition]
    faults: list[str]

    def maps(self, old: Mapping[str, Any], new: Mapping[str, Any], path: Path) -> None:
        """Compare two maps of parameters."""
        zipped = set[str]()
        if _can_be_zipped((*path, "")):
            own_groups = set(groups(self.content, old))
            for place, names in groups(self.content, new):
                if (place, names) in own_groups:
                    zipped.update(names)
                    self._rows(old, new, path, place, names)
        for name in dict.fromkeys((*old, *new)):
            where = dotted(
                tuple(each for each in (*path, name) if each not in ("parameters", "choices"))
            )
            if name not in new:
                self.faults.append(f"{where} is missing; the sweep was declared with it")
            elif name not in old:
                self.faults.append(
                    f"{where} is a new parameter, which the declared tasks do not have"
                )
            elif name not in zipped:
                self._one(old[name], new[name], (*path, name), where)

    def _rows(
        self, old: Mapping[str, Any], new: Mapping[str, Any], path: Path, place: str,
        names: tuple[str, ...],
    ) -> None:  # fmt: skip
        before, now = rows(old, names), rows(new, names)
        gone = new_rows(now, before)
        self.faults.extend(f"{place}: {described(names, row)} is gone" for row in gone)
        if added := new_rows(before, now):
            self.extra.extend(
                ((*path, name), tuple(row[at] for row in added)) for at, name in enumerate(names)
            )

    def _one(self, old: Any, new: Any, path: Path, where: str) -> None:
        if old == new:
            return
        match old, new:
            case {"choices": dict(had)}, {"choices": dict(has)} if len(old) == len(new) == 1:
                self.faults.extend(
                    f"{where} no longer has {shown(name)}" for name in had if name not in has
                )
                for name in (name for name in had if name in has):
                    own, other = (_map(_map(each[name]).get("parameters")) for each in (had, has))
                    self.maps(own, other, (*path, "choices", name, "parameters"))
                if added := tuple([name, has[name]] for name in has if name not in had):
                    self.extra.append((path, added))
            case {"parameters": dict(had)}, {"parameters": dict(has)}:
                self.maps(had, has, (*path, "parameters"))
            case _:
                self._lists(old, new, path, where)

    def _lists(self, old: Any, new: Any, path: Path, where: str) -> None:
        before, now = values_of(old), values_of(new)
        if before is None or now is None or _others(old) != _others(new):
            self.faults.append(
                f"{where} is {shown(new)}, and the sweep was declared with {shown(old)}"
            )
            return
        keys, own_keys = ({grid_key(each) for each in values} for values in (now, before))
        self.faults.extend(
            f"{where} no longer has {shown(each)}" for each in before if grid_key(each) not in keys
        )
        if added := tuple(each for each in now if grid_key(each) not in own_keys):
            self.extra.append((path, added))


def _others(parameter: Any) -> dict[str, Any]:
    """Return the keys of a parameter besides its values, if they have an effect on a list."""
    passed = ("value", "values", "distribution")
    return {key: value for key, value in _map(parameter).items() if key not in passed}


def _listed(parameters: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, list[Any]]]:
    for name, parameter in parameters.items():
        if isinstance(parameter, dict) and isinstance(parameter.get("parameters"), dict):
            yield from _listed(parameter["parameters"], (*path, name, "parameters"))
        elif (values := values_of(parameter)) is not None:
            yield (*path, name), values


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _value(content: Mapping[str, Any], key: str) -> Any:
    return content.get(key, _LEFT_OUT.get(key))


def _changed(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return what differs in a key of a sweep file."""
    if key not in old:
        return f"{key} was added: {shown(new[key])}"
    if key not in new:
        return f"{key} was removed: {shown(old[key])}"
    return f"{key} is {shown(new[key])}, and the sweep was declared with {shown(old[key])}"
