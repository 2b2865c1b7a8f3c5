"""Parameters of one task of which some are given by hand, and the others are drawn."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from colabctl.errors import UserError, nearest
from colabctl.search.learn.axes import axis_of
from colabctl.search.space.constraints import nothing_left
from colabctl.search.space.continuous import Continuous, Quantized
from colabctl.search.space.discrete import Constant, Distribution, IntUniform, grid_key
from colabctl.search.space.space import Leaf, Nest, Parameter, Space, Values
from colabctl.search.space.uniforms import uniforms
from colabctl.yamlfile.problems import shown

if TYPE_CHECKING:  # which reads the points of start_with
    from colabctl.search.expansion import Expansion

_SLACK = 1e-12
_MOST_SHOWN = 10  # names or values in a message
_NO_TEXT = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|true|false", re.IGNORECASE)
"""What YAML reads as something else than text, unless it has quotes."""


def with_values(expansion: "Expansion", values: Mapping[str, Any]) -> Values:
    """Return the parameters of a task that has the `values`, by name.

    The others are those of the first trial of the first cell in which these values are possible. A
    parameter inside a map is called `outer.inner`. Raises UserError for a name that is not a
    parameter there, and for a value that the parameter cannot have.
    """
    own = _of_repeat(expansion, values)
    values = {name: value for name, value in values.items() if name not in own}
    return _drawn(expansion, values) | own


def _of_repeat(expansion: "Expansion", values: Mapping[str, Any]) -> Values:
    """Return the parameter of a repeat, of the first one if it is not given."""
    own = expansion.repeat.params(0)
    for name in own.keys() & values.keys():
        listed = {grid_key(each): each for each in expansion.repeat.values}
        if grid_key(values[name]) not in listed:
            raise _out_of_space(name, values[name], _listed([*map(shown, listed.values())]))
        own[name] = listed[grid_key(values[name])]
    return own


def _drawn(expansion: "Expansion", values: Mapping[str, Any]) -> Values:
    names = {name for cell in expansion.cells for name in _names(cell.space)}
    names |= expansion.repeat.params(0).keys()
    for name in values:
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near}? " if near else ""
            listed = ", ".join(sorted(names)[:_MOST_SHOWN])
            raise UserError(f"{name!r:.60} is not a parameter; {hint}the parameters are {listed}")
    _check_cells(expansion, values)
    errors: list[UserError] = []
    for cell in expansion.cells:
        if any(
            grid_key(values.get(name, own)) != grid_key(own) for name, own in cell.values.items()
        ):
            continue
        try:
            space = fixed(cell.space, values)
        except UserError as error:
            errors.append(error)
            continue
        if group := space.empty_group(grid=False):
            with_these = ", ".join(f"{name}={shown(value)}" for name, value in values.items())
            errors.append(nothing_left(group.constraints, f"nothing with {with_these}"))
            continue
        one = replace(cell, tasks=expansion.repeat.count, space=space)
        task = next(replace(expansion, cells=(one,), total=1).tasks())
        if task.params is not None:
            return task.params
        if expansion.method == "optuna":
            return dict(cell.values)
        return space.sampler(uniforms(expansion.seed, cell.values))(0)
    if not errors:
        raise UserError("no combination of `foreach` has these values together; give fewer")
    raise max(errors, key=lambda error: " cannot be " in str(error))


def _check_cells(expansion: "Expansion", values: Mapping[str, Any]) -> None:
    """Raise UserError for a value of a `foreach` parameter that no cell has."""
    for name, value in values.items():
        cells = [cell.values[name] for cell in expansion.cells if name in cell.values]
        if cells and not any(grid_key(each) == grid_key(value) for each in cells):
            raise _out_of_space(name, value, _listed(list(dict.fromkeys(map(shown, cells)))))


def _names(space: Space) -> Iterator[str]:
    return (".".join(path) for path, _ in space.walk())


def fixed(space: Space, values: Mapping[str, Any], above: str = "") -> Space:
    """Return a space in which parameters have the values given, by name.

    A parameter inside a map is called `outer.inner`. A choice that is not given has the first
    branch that has a parameter that is given. Raises UserError for a name that is not a parameter,
    and for a value that it cannot have.
    """
    left = {name.removeprefix(above): value for name, value in values.items()}
    while choice := next(
        (c for c in space.choices if c.name in left or c.below & left.keys()), None
    ):
        branches = {own[choice.name]: rest for own, rest in space.fixed(choice.name)}
        if choice.name in left:
            value = left.pop(choice.name)
            if not any(value == each for each in branches):  # a list has no hash
                raise _out_of_space(above + choice.name, value, _listed([*map(shown, branches)]))
        else:
            having = (b for b, rest in branches.items() if rest.every_name & left.keys())
            value = next(having, next(iter(branches)))
        space = branches[value]
    space = _with_rows(space, left, above)
    parameters = [_with_value(each, left, above) for each in space.parameters]
    for name in left:
        others = ", ".join(f"{key}={value}" for key, value in values.items() if key != above + name)
        raise UserError(f"{above}{name} is not a parameter with {others or 'the others'}")
    return Space.of(parameters, space.zips, space.constraints)


def _with_rows(space: Space, left: Mapping[str, Any], above: str) -> Space:
    """Return a space with zipped parameters fixed to the first row that has the values given."""
    for names in space.zips:
        wanted = {name: left[name] for name in names if name in left}
        if not wanted:
            continue
        rows = list(space.fixed(names[0]))
        fitting = (
            rest
            for row, rest in rows
            if all(grid_key(row[name]) == grid_key(value) for name, value in wanted.items())
        )
        fixed = next(fitting, None)
        if fixed is None:
            name = next(iter(wanted))
            shown_rows = [_row(row) for row, _ in rows[: _MOST_SHOWN + 1]]
            raise _out_of_space(above + name, left[name], _listed(shown_rows))
        space = fixed
    return space


def _row(values: Mapping[str, Any]) -> str:
    return " with ".join(f"{name}={shown(value)}" for name, value in values.items())


def _with_value(parameter: Parameter, left: dict[str, Any], above: str) -> Parameter:
    """Return a parameter with its value, if one is given; remove that from `left`."""
    name = parameter.name
    if isinstance(parameter, Nest):
        if name in left:
            inner = next(iter(parameter.space.by_name), "NAME")
            raise UserError(f"{above}{name} is a map; give its parameters, such as {name}.{inner}")
        start = f"{name}."
        inside = {key: left.pop(key) for key in [*left] if key.startswith(start)}
        return (
            replace(parameter, space=fixed(parameter.space, inside, start)) if inside else parameter
        )
    if not isinstance(parameter, Leaf) or name not in left:
        return parameter
    value = left.pop(name)
    try:
        fits = axis_of(parameter.distribution).coordinate(value) is not None
    except (TypeError, ValueError):  # a list, where numbers are listed
        fits = False
    if not fits:
        raise _out_of_space(above + name, value, _range(parameter.distribution))
    return Leaf(name, Constant(_as_listed(parameter.distribution, value)))


def _as_listed(distribution: Distribution, value: Any) -> Any:
    """Return a value as the list of a sweep file has it: 1.0, where 1 is given."""
    points = distribution.support()
    if points is None or points.size > _MOST_SHOWN**3:
        return value
    listed = map(points.at, range(points.size))
    return next((each for each in listed if grid_key(each) == grid_key(value)), value)


def _out_of_space(name: str, value: Any, allowed: str) -> UserError:
    is_quoted = isinstance(value, str) and _NO_TEXT.fullmatch(value) and '"' not in allowed
    text = ", which is text; write it without quotes" if is_quoted else ""
    return UserError(f"{name} cannot be {shown(value)}{text}; the sweep file allows {allowed}")


def _range(distribution: Distribution) -> str:
    if isinstance(distribution, Continuous | Quantized | IntUniform):
        low, high = (distribution.value_at(share) for share in (2.0**-53, 1 - 2.0**-53))
        low = 0.0 if abs(low) < _SLACK * abs(high) else low  # which is never drawn itself
        return f"{low:.6g} to {high:.6g}"
    points = distribution.support()
    assert points is not None
    return _listed([shown(points.at(n)) for n in range(min(points.size, _MOST_SHOWN + 1))])


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:_MOST_SHOWN]) + (", ..." if len(words) > _MOST_SHOWN else "")
