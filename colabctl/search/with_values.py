"""Parameters of one task of which some are given by hand, and the others are drawn."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from colabctl.errors import UserError, nearest
from colabctl.search.expansion import Expansion
from colabctl.search.learn.axes import axis_of
from colabctl.search.space.continuous import Continuous, Quantized
from colabctl.search.space.discrete import Constant, Distribution, IntUniform, grid_key
from colabctl.search.space.space import Choice, Leaf, Nest, Parameter, Space, Values
from colabctl.search.space.uniforms import uniforms
from colabctl.yamlfile.problems import shown

_MOST_SHOWN = 10  # names or values in a message


def with_values(expansion: Expansion, given: Mapping[str, Any]) -> Values:
    """Return the parameters of a task that has the values `given`, by name.

    The others are those of the first trial of the first cell in which these values are possible. A
    parameter inside a map is called `outer.inner`. Raises UserError for a name that is not a
    parameter there, and for a value that the parameter cannot have.
    """
    names = {name for cell in expansion.cells for name in _names(cell.space)}
    for name in given:
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near}? " if near else ""
            listed = ", ".join(sorted(names)[:_MOST_SHOWN])
            raise UserError(f"{name!r:.60} is not a parameter; {hint}the parameters are {listed}")
    errors: list[UserError] = []
    for number, cell in enumerate(expansion.cells):
        try:
            space = _fixed(cell.space, given)
        except UserError as error:
            errors.append(error)
            continue
        one = replace(cell, tasks=1, space=space)
        task = next(replace(expansion, cells=(one,), total=1).tasks())
        if task.params is not None:
            return task.params
        if expansion.method == "optuna":
            return dict(cell.values)
        return space.sampler(uniforms(expansion.seed, expansion.cells[number].values))(0)
    raise min(errors, key=lambda error: "there only" in str(error))


def _names(space: Space) -> Iterator[str]:
    return (".".join(path) for path, _ in space.walk())


def _fixed(space: Space, given: Mapping[str, Any], above: str = "") -> Space:
    """Return a space in which parameters have the values given."""
    left = dict(given)
    choice = next((each for each in space.choices if f"{above}{each.name}" in left), None)
    while choice is not None:  # its branch may have more parameters, and more choices
        space = _chosen(space, choice, f"{above}{choice.name}", left.pop(f"{above}{choice.name}"))
        choice = next((each for each in space.choices if f"{above}{each.name}" in left), None)
    parameters = [_with_value(each, left, above) for each in space.parameters]
    if not above and left:
        name = next(iter(left))
        raise UserError(f"{name} is there only with other values; {_branches_with(space, name)}")
    return Space.of(parameters)


def _chosen(space: Space, choice: Choice, name: str, value: Any) -> Space:
    for branch, rest in space.fixed(choice.name):
        if branch == value:
            return rest
    raise _out_of_space(name, value, ", ".join([*map(str, choice.branches)][:_MOST_SHOWN]))


def _with_value(parameter: Parameter, left: dict[str, Any], above: str) -> Parameter:
    """Return a parameter with its value, if one is given; remove that from `left`."""
    name = f"{above}{parameter.name}"
    if isinstance(parameter, Nest):
        inner = {key: left.pop(key) for key in [*left] if key.startswith(f"{name}.")}
        return replace(parameter, space=_fixed(parameter.space, inner, f"{name}."))
    if not isinstance(parameter, Leaf) or name not in left:
        return parameter
    value = left.pop(name)
    if axis_of(parameter.distribution).coordinate(value) is None:
        raise _out_of_space(name, value, _range(parameter.distribution))
    return Leaf(parameter.name, Constant(_as_listed(parameter.distribution, value)))


def _as_listed(distribution: Distribution, value: Any) -> Any:
    """Return a value as the list of a sweep file has it: 1.0, where 1 is given."""
    points = distribution.support()
    if points is None or points.size > _MOST_SHOWN**3:
        return value
    listed = map(points.at, range(points.size))
    return next((each for each in listed if grid_key(each) == grid_key(value)), value)


def _out_of_space(name: str, value: Any, allowed: str) -> UserError:
    return UserError(f"{name} cannot be {shown(value)}; the sweep file allows {allowed}")


def _range(distribution: Distribution) -> str:
    if isinstance(distribution, Continuous | Quantized | IntUniform):
        low, high = (distribution.value_at(share) for share in (2.0**-53, 1 - 2.0**-53))
        return f"{low:.6g} to {high:.6g}"
    points = distribution.support()
    assert points is not None
    values = [shown(points.at(n)) for n in range(min(points.size, _MOST_SHOWN))]
    return ", ".join(values) + (", ..." if points.size > len(values) else "")


def _branches_with(space: Space, name: str) -> str:
    having = [
        f"{choice.name}={branch}"
        for choice in space.choices
        for branch, below in choice.branches.items()
        if name in {*_names(below)}
    ]
    return f"add --set {' or --set '.join(having)}" if having else "leave it out"
