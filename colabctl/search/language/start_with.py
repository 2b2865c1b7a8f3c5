"""The key `start_with` of a sweep file: points to try first, checked against the space."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from colabctl.errors import UserError
from colabctl.search.language.fields import Fields
from colabctl.search.language.problems import Problems, did_you_mean
from colabctl.search.space.constraints import NothingLeftError
from colabctl.search.space.discrete import grid_key
from colabctl.search.space.space import Nest, Parameter, Space
from colabctl.search.space.uniforms import uniforms
from colabctl.search.with_values import fixed
from colabctl.yamlfile.problems import MOST_SHOWN, shown

StartPoint = Mapping[str, Any]
"""Values of some parameters by name; one inside a map is called `outer.inner`."""

_EXAMPLE = "as in [{lr: 0.1, depth: 4}]"


def read_start_with(
    top: Fields, space: Space, foreach: Collection[str], *, declared: bool
) -> tuple[StartPoint, ...]:
    """Return the points in `start_with`; record those that are not in the space, or come twice.

    If the space is not `declared`, because an Optuna objective asks for its parameters, only the
    form is checked.
    """
    raw, problems = top.content.get("start_with"), top.problems
    if raw is None:
        return ()
    if not isinstance(raw, list) or not raw:
        top.problem("start_with", f"must be a list of points, {_EXAMPLE}, not {shown(raw)}")
        return ()
    if problems.items:  # the space may lack parameters
        return ()
    parameters = {".".join(path): parameter for path, parameter in space.walk()}
    repeat = top.content.get("repeat")
    repeated = repeat if isinstance(repeat, dict) else ()
    points: list[StartPoint] = []
    rests: list[tuple[int, StartPoint, Space]] = []
    for i, item in enumerate(raw):
        if len(problems.items) > MOST_SHOWN:
            break
        if not isinstance(item, dict) or not item:
            message = f"must be a map of values, {_EXAMPLE}, not {shown(item)}"
            problems.add(("start_with", i), message)
            continue
        point = dict(_flat(item, parameters))
        points.append(point)
        if not declared:
            _check_form(i, point, problems)
            continue
        unknown = [name for name in point if name not in parameters]
        for name in unknown:
            message = f"{name} is not a parameter{did_you_mean(name, parameters)}"
            if name in repeated:
                message = f"every point runs with each {name} of repeat:; remove {name} here"
            problems.add(("start_with", i, name), message, key=True)
        try:
            rest = fixed(space, {name: point[name] for name in point if name in parameters})
            if rest.constraints:
                rest.sampler(uniforms(0, {}))(0)
        except NothingLeftError:
            message = "breaks where:, whatever its other parameters are; change its values"
            problems.add(("start_with", i), message)
        except UserError as error:
            several = any(isinstance(value, list | dict) for value in point.values())
            hint = "; a point has one value of each parameter" if several else ""
            problems.add(("start_with", i), f"{error}{hint}")
        else:
            rests.append((i, point, rest))
    _check_same(rests, foreach, problems)
    return tuple(points)


def _check_form(i: int, point: StartPoint, problems: Problems) -> None:
    """Record values that no Optuna objective can ask for."""
    for name, value in point.items():
        if not isinstance(value, str | int | float | bool | None):
            message = f"{name} must be a number, a text, true, false or null"
            problems.add(("start_with", i, name), message)


def _check_same(
    rests: Sequence[tuple[int, StartPoint, Space]], foreach: Collection[str], problems: Problems
) -> None:
    """Record points that are the same task as one before; each comes with its space."""
    seen: dict[str, list[tuple[int, StartPoint]]] = {}
    for i, point, rest in rests:
        if (key := _key_of_whole(rest, foreach)) is None:
            continue
        same = seen.setdefault(key, [])
        if (other := _first(same, point, foreach)) is not None:
            message = f"is the same as start_with[{other}]; remove one, or add repeat: to run "
            problems.add(("start_with", i), f"{message}each point several times")
        same.append((i, point))


def _key_of_whole(rest: Space, foreach: Collection[str]) -> str | None:
    """Return the values of a point as text, without those of `foreach`; None if it lacks some."""
    own = Space.of(each for each in rest.parameters if each.name not in foreach)
    values = own.points(grid=False)
    return _key(values.at(0)) if values is not None and values.size == 1 else None


def _key(value: Any) -> str:
    """Return a text that is the same for 1 and 1.0, also inside maps."""
    if isinstance(value, dict):
        return grid_key({name: _key(each) for name, each in value.items()})
    return grid_key(value)


def _first(
    same: Sequence[tuple[int, StartPoint]], point: StartPoint, foreach: Collection[str]
) -> int | None:
    """Return the number of the first point that shares a combination of `foreach` with this one."""

    def is_apart(other: StartPoint) -> bool:
        names = other.keys() & point.keys() & set(foreach)
        return any(grid_key(other[name]) != grid_key(point[name]) for name in names)

    return next((i for i, other in same if not is_apart(other)), None)


def _flat(
    point: Mapping[str, Any], parameters: Mapping[str, Parameter], above: str = ""
) -> Iterator[tuple[str, Any]]:
    for key, value in point.items():
        name = above + str(key)
        if isinstance(value, Mapping) and isinstance(parameters.get(name), Nest):
            yield from _flat(value, parameters, f"{name}.")
        else:
            yield name, value
