"""Converts the parameters of a task to Optuna's: flat names, each with a distribution.

Import this only where Optuna is installed.
"""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    json_to_distribution,
)

from colabctl.search.learn.axes import Real
from colabctl.search.space.continuous import Continuous, Logarithmic, LogNormal, Quantized
from colabctl.search.space.discrete import (
    Categorical,
    Constant,
    IntUniform,
    WeightedCategorical,
    grid_key,
)
from colabctl.search.space.space import Choice, Leaf, Nest, Space
from colabctl.views.columns import spelled_out

_LARGEST = 1e300
_NEAR = 1e-8  # of a step: up to this distance, Optuna takes a value to be on a step


class Suggestion(NamedTuple):
    """A value that Optuna might have suggested, and its distribution."""

    value: Any
    distribution: BaseDistribution


Suggestions = dict[str, Suggestion]
"""The parameters of one trial by name; dots join the names of nested maps."""


def suggester(space: Space) -> Callable[[Mapping[str, Any]], Suggestions]:
    """Return a function from the parameters of a task, drawn from `space`, to suggestions.

    It skips constants, and parameters of branches that were not chosen. If branches define a name
    in different ways, the branch follows it: `lr (model=svm)`. Values that are lists or maps become
    JSON text.
    """
    definitions: dict[str, set[str]] = {}
    for path, parameter in space.walk():
        if not isinstance(parameter, Nest):
            definitions.setdefault(".".join(path), set()).add(repr(parameter))
    axes: dict[tuple[str, str], _Axis | None] = {}

    def axis(name: str, branch: str, parameter: Leaf | Choice) -> _Axis | None:
        if (name, branch) not in axes:
            title = f"{name} ({branch})" if branch and len(definitions[name]) > 1 else name
            axes[name, branch] = _axis(title, parameter)
        return axes[name, branch]

    def suggested(
        space: Space, params: Mapping[str, Any], above: str = "", branch: str = ""
    ) -> Iterator[tuple[str, Suggestion]]:
        for parameter in space.parameters:
            if parameter.name not in params:  # the task file was changed
                continue
            name, value = above + parameter.name, params[parameter.name]
            if isinstance(parameter, Nest):
                inner = value if isinstance(value, dict) else {}
                yield from suggested(parameter.space, inner, f"{name}.", branch)
                continue
            searched = axis(name, branch, parameter)
            if searched is not None:
                yield searched.name, searched.suggestion(value)
            if isinstance(parameter, Choice) and isinstance(value, str):
                inside = parameter.branches.get(value, Space())
                yield from suggested(inside, params, above, f"{name}={value}")

    return lambda params: dict(suggested(space, params))


def from_json(params: Mapping[str, Any], distributions: Mapping[str, Any]) -> Suggestions:
    """Return parameters that Optuna suggested, with `distributions` in its JSON.

    A distribution that cannot be read is replaced by one that contains the value.
    """
    suggestions: Suggestions = {}
    for name, value in params.items():
        if name not in distributions:
            continue
        text = distributions[name]
        try:
            with warnings.catch_warnings(action="ignore"):  # about a value of any origin
                text = text if isinstance(text, str) else json.dumps(text)
                distribution = json_to_distribution(text)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
            distribution = _choices([value])[0]
        suggestions[spelled_out(name)] = Suggestion(value, distribution)
    return suggestions


def for_one_study(trials: Sequence[Suggestions]) -> list[Suggestions]:
    """Return the parameters of trials in a form that one study can hold.

    All distributions of a parameter must be of one kind, and each must contain its value. If not,
    because rounding moved a value past a bound, one distribution of all values replaces them.
    """
    by_name: dict[str, list[Suggestion]] = {}
    for trial in trials:
        for name, suggestion in trial.items():
            by_name.setdefault(name, []).append(suggestion)
    wider = {name: _wider(name, own) for name, own in by_name.items() if not _fit_together(own)}
    return [
        {
            name: wider[name].suggestion(suggestion.value) if name in wider else suggestion
            for name, suggestion in trial.items()
        }
        for trial in trials
    ]


@dataclass(frozen=True)
class _Axis:
    """The distribution of a parameter; `choices` maps the key of a value to Optuna's choice."""

    name: str
    distribution: BaseDistribution
    choices: Mapping[str, Any] | None = None

    def suggestion(self, value: Any) -> Suggestion:
        if self.choices is not None:
            value = self.choices.get(grid_key(value), value)
        return Suggestion(value, self.distribution)


def _axis(name: str, parameter: Leaf | Choice) -> _Axis | None:
    """Return the axis of a parameter; None for a constant."""
    if isinstance(parameter, Choice):
        return _Axis(name, *_choices(list(parameter.branches)))
    match parameter.distribution:
        case Constant():
            return None
        case Categorical(values) | WeightedCategorical(values):
            return _Axis(name, *_choices(values))
        case IntUniform(low, high):
            return _Axis(name, IntDistribution(low, high))
        case Quantized() as quantized:
            return _Axis(name, _stepped(quantized))
        case Continuous() as continuous:
            ends = continuous.range() or Real(continuous).ends
            log = isinstance(continuous, Logarithmic | LogNormal)
            return _Axis(name, FloatDistribution(*ends, log=log))
    raise AssertionError(parameter)


def _stepped(quantized: Quantized) -> BaseDistribution:
    """Return the distribution of multiples of q; Optuna allows steps or a logarithm, not both."""
    points = quantized.support()
    low, high = (points.at(0), points.at(points.size - 1)) if points else Real(quantized).ends
    log = isinstance(quantized.base, Logarithmic | LogNormal) and low > 0
    if isinstance(quantized.q, int):
        return IntDistribution(int(low), int(high), log=log, step=1 if log else quantized.q)
    with warnings.catch_warnings(action="ignore"):  # about a bound that rounding moved off its step
        return FloatDistribution(low, high, log=log, step=None if log else quantized.q)


def _choices(values: Sequence[Any]) -> tuple[CategoricalDistribution, dict[str, Any]]:
    """Return a distribution over these values, and its choice for each by the value's key.

    Optuna stores scalars only, and takes 1 and True for equal. If that makes two values equal, all
    become JSON text.
    """
    distinct: dict[str, Any] = {}
    for value in values:
        distinct.setdefault(grid_key(value), value)
    choices = {
        key: value if _is_scalar(value) else json.dumps(value) for key, value in distinct.items()
    }
    if len(set(choices.values())) < len(choices):
        choices = {key: json.dumps(value) for key, value in distinct.items()}
    return CategoricalDistribution(list(choices.values())), choices


def _fit_together(suggestions: Sequence[Suggestion]) -> bool:
    first = suggestions[0].distribution
    return all(_same_kind(first, s.distribution) and _contains_value(s) for s in suggestions)


def _same_kind(one: BaseDistribution, other: BaseDistribution) -> bool:
    """Return whether both can belong to one parameter of a study."""
    if type(one) is not type(other) or _is_categorical(one):
        return one is other or bool(one == other)
    return getattr(one, "log", None) is getattr(other, "log", None)


def _contains_value(suggestion: Suggestion) -> bool:
    """Return whether the distribution contains the value."""
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


def _wider(name: str, suggestions: Sequence[Suggestion]) -> _Axis:
    """Return an axis whose distribution contains all the values."""
    distributions = {id(s.distribution): s.distribution for s in suggestions}.values()
    values = [suggestion.value for suggestion in suggestions]
    if any(map(_is_categorical, distributions)) or not all(map(_is_number, values)):
        return _Axis(name, *_choices(values))
    bounds = [getattr(d, part, None) for d in distributions for part in ("low", "high")]
    numbers = [*values, *filter(_is_number, bounds)]
    low, high = min(numbers), max(numbers)
    if all(type(number) is int for number in numbers):
        return _Axis(name, IntDistribution(low, high))
    log = low > 0 and all(getattr(d, "log", False) for d in distributions)
    return _Axis(name, FloatDistribution(low, high, log=log))


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, bool | str) or _is_number(value)


def _is_categorical(distribution: BaseDistribution) -> bool:
    return hasattr(distribution, "choices")


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and -_LARGEST < value < _LARGEST
