"""The parameters of a task as Optuna has them: flat names, and a distribution for each."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from colabctl.search.learn.axes import Real
from colabctl.search.space.continuous import (
    InvLogUniform,
    InvLogUniformValues,
    Law,
    LogNormal,
    LogUniform,
    LogUniformValues,
    Quantized,
)
from colabctl.search.space.discrete import (
    Categorical,
    Constant,
    IntUniform,
    WeightedCategorical,
    same,
)
from colabctl.search.space.space import Choice, Leaf, Nest, Space
from colabctl.views.columns import spelled_out

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution, CategoricalDistribution

_LOGARITHMIC = (LogUniform, LogUniformValues, InvLogUniform, LogNormal)
_LARGEST = 1e300
_NEAR = 1e-8  # a value lies on a step for Optuna if it is no farther from it, in steps


class Suggestion(NamedTuple):
    """A value that Optuna might have suggested, and what from."""

    value: Any
    distribution: "BaseDistribution"


Suggestions = dict[str, Suggestion]
"""The parameters of one trial by their names, those of nested maps joined by dots."""


def suggester(space: Space) -> Callable[[Mapping[str, Any]], Suggestions]:
    """Return what gives a task's parameters as suggestions from the space they were drawn from.

    Constants are left out, and so is what stands in branches that were not chosen. A name that
    branches define in different ways has its branch behind it: `lr (model=svm)`. Lists and maps
    that are choices become JSON text.
    """
    differ: dict[str, set[str]] = {}
    for name, parameter in _every(space, ""):
        differ.setdefault(name, set()).add(repr(parameter))
    axes: dict[tuple[str, str], _Axis | None] = {}

    def axis(name: str, branch: str, parameter: Leaf | Choice) -> _Axis | None:
        if (name, branch) not in axes:
            shown = f"{name} ({branch})" if branch and len(differ[name]) > 1 else name
            axes[name, branch] = _axis(shown, parameter)
        return axes[name, branch]

    def suggested(
        space: Space, params: Mapping[str, Any], above: str = "", branch: str = ""
    ) -> Iterator[tuple[str, Suggestion]]:
        for parameter in space.parameters:
            if parameter.name not in params:  # somebody has changed the task file
                continue
            name, value = above + parameter.name, params[parameter.name]
            if isinstance(parameter, Nest):
                inner = value if isinstance(value, dict) else {}
                yield from suggested(parameter.space, inner, f"{name}.", branch)
                continue
            found = axis(name, branch, parameter)
            if found is not None:
                yield found.name, found.suggestion(value)
            if isinstance(parameter, Choice) and isinstance(value, str):
                inside = parameter.branches.get(value, Space())
                yield from suggested(inside, params, above, f"{name}={value}")

    return lambda params: dict(suggested(space, params))


def from_json(params: Mapping[str, Any], distributions: Mapping[str, Any]) -> Suggestions:
    """Return parameters that Optuna did suggest; `distributions` are as it writes them in JSON.

    A distribution that cannot be read gives way to one that holds the value.
    """
    from optuna.distributions import json_to_distribution  # noqa: PLC0415 - heavy

    found: Suggestions = {}
    for name, value in params.items():
        if name not in distributions:
            continue
        text = distributions[name]
        try:
            with warnings.catch_warnings():  # it may be anybody's
                warnings.simplefilter("ignore")
                made = json_to_distribution(text if isinstance(text, str) else json.dumps(text))
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            made = _choices([value])[0]
        found[spelled_out(name)] = Suggestion(value, made)
    return found


def agreed(trials: Sequence[Suggestions]) -> list[Suggestions]:
    """Return the parameters of trials so that they can stand in one study.

    There a parameter has distributions of one kind, and each holds its value. Where that is not
    so, because rounding has carried a value past a bound, one that holds all values stands for all.
    """
    by_name: dict[str, list[Suggestion]] = {}
    for trial in trials:
        for name, suggestion in trial.items():
            by_name.setdefault(name, []).append(suggestion)
    wider = {name: _wider(name, own) for name, own in by_name.items() if not _agree(own)}
    return [
        {
            name: wider[name].suggestion(suggestion.value) if name in wider else suggestion
            for name, suggestion in trial.items()
        }
        for trial in trials
    ]


@dataclass(frozen=True)
class _Axis:
    """Where a parameter's values come from; `choices` gives Optuna's choice by the value's text."""

    name: str
    distribution: "BaseDistribution"
    choices: Mapping[str, Any] | None = None

    def suggestion(self, value: Any) -> Suggestion:
        if self.choices is not None:
            value = self.choices.get(same(value), value)
        return Suggestion(value, self.distribution)


def _every(space: Space, above: str) -> Iterator[tuple[str, Leaf | Choice]]:
    for parameter in space.parameters:
        name = above + parameter.name
        if isinstance(parameter, Nest):
            yield from _every(parameter.space, f"{name}.")
            continue
        yield name, parameter
        if isinstance(parameter, Choice):
            for branch in parameter.branches.values():
                yield from _every(branch, above)


def _axis(name: str, parameter: Leaf | Choice) -> _Axis | None:
    """Return the axis of a parameter; None for a constant."""
    from optuna.distributions import FloatDistribution, IntDistribution  # noqa: PLC0415 - heavy

    if isinstance(parameter, Choice):
        return _Axis(name, *_choices(list(parameter.branches)))
    match parameter.distribution:
        case Constant():
            return None
        case Categorical(values) | WeightedCategorical(values):
            return _Axis(name, *_choices(values))
        case IntUniform(low, high):
            return _Axis(name, IntDistribution(low, high))
        case Quantized() as law:
            return _Axis(name, _stepped(law))
        case InvLogUniformValues(low, high):
            return _Axis(name, FloatDistribution(low, high, log=True))
        case Law() as law:
            low, high = law.range() or Real(law).ends
            log = isinstance(law, _LOGARITHMIC)
            return _Axis(name, FloatDistribution(low, high, log=log))
    raise AssertionError(parameter)


def _stepped(law: Quantized) -> "BaseDistribution":
    """Return the distribution of multiples of q. Optuna has steps or a logarithm, not both."""
    from optuna.distributions import FloatDistribution, IntDistribution  # noqa: PLC0415 - heavy

    points = law.support()
    low, high = (points.at(0), points.at(points.size - 1)) if points else Real(law).ends
    log = isinstance(law.law, _LOGARITHMIC) and low > 0
    if isinstance(law.q, int):
        return IntDistribution(int(low), int(high), log=log, step=1 if log else law.q)
    with warnings.catch_warnings():  # Optuna moves a bound that rounding has carried off its step
        warnings.simplefilter("ignore")
        return FloatDistribution(low, high, log=log, step=None if log else law.q)


def _choices(values: Sequence[Any]) -> "tuple[CategoricalDistribution, dict[str, Any]]":
    """Return a distribution over these values, and its choice for each by the value's text.

    Optuna stores texts, numbers and the like, and takes 1 and True for one: where that would mix
    up two values, all become JSON text.
    """
    from optuna.distributions import CategoricalDistribution  # noqa: PLC0415 - heavy

    distinct: dict[str, Any] = {}
    for value in values:
        distinct.setdefault(same(value), value)
    choices = {
        text: value if isinstance(value, str) or _is_plain(value) else json.dumps(value)
        for text, value in distinct.items()
    }
    if len(set(choices.values())) < len(choices):
        choices = {text: json.dumps(value) for text, value in distinct.items()}
    return CategoricalDistribution(list(choices.values())), choices


def _agree(own: Sequence[Suggestion]) -> bool:
    first = own[0].distribution
    return all(_alike(first, each.distribution) and _holds(each) for each in own)


def _alike(one: "BaseDistribution", other: "BaseDistribution") -> bool:
    """Return whether a study takes both for one parameter."""
    if one is other:
        return True
    if type(one) is not type(other) or _is_categorical(one):
        return bool(one == other)
    return getattr(one, "log", None) is getattr(other, "log", None)


def _holds(suggestion: Suggestion) -> bool:
    """Return whether a value can have come from its distribution."""
    value, distribution = suggestion
    if _is_categorical(distribution):
        try:
            distribution.to_internal_repr(value)
        except ValueError:
            return False
        return True
    low, high, step = (getattr(distribution, part, None) for part in ("low", "high", "step"))
    if not _is_number(value) or low is None or high is None or not low <= value <= high:
        return False
    if type(low) is int and type(value) is not int:
        return False
    steps = (value - low) / step if step else 0.0
    return bool(abs(steps - round(steps)) < _NEAR)


def _wider(name: str, own: Sequence[Suggestion]) -> _Axis:
    """Return an axis with a distribution that holds all the values."""
    from optuna.distributions import FloatDistribution, IntDistribution  # noqa: PLC0415 - heavy

    given = {id(each.distribution): each.distribution for each in own}.values()
    values = [each.value for each in own]
    if any(map(_is_categorical, given)) or not all(map(_is_number, values)):
        return _Axis(name, *_choices(values))
    bounds = [getattr(each, part, None) for each in given for part in ("low", "high")]
    known = [*values, *filter(_is_number, bounds)]
    low, high = min(known), max(known)
    if all(type(each) is int for each in known):
        return _Axis(name, IntDistribution(low, high))
    log = low > 0 and all(getattr(each, "log", False) for each in given)
    return _Axis(name, FloatDistribution(low, high, log=log))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool) or _is_number(value)


def _is_categorical(distribution: "BaseDistribution") -> bool:
    return hasattr(distribution, "choices")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -_LARGEST < value < _LARGEST
