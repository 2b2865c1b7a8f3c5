"""The rules for early stopping, as values: W&B's hyperband and Optuna's pruners."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import partial
from typing import Annotated, Any, ClassVar, Literal, get_type_hints

from colabctl.errors import nearest
from colabctl.search.language.fields import not_a_number, not_whole
from colabctl.yamlfile.document import not_json
from colabctl.yamlfile.problems import Path, dotted, shown

Fault = tuple[Path, str]
"""The path of an argument in its rule, and a message about its problem."""


class RuleError(ValueError):
    """A rule whose arguments make no sense; `faults` lists all of them."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        lines = (f"{dotted(('early_terminate', *path))}: {message}" for path, message in faults)
        super().__init__("; ".join(lines))


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule; creating one raises RuleError for arguments that make no sense.

    An argument's annotation has the check of its values and, if it is required, a description.
    """

    type: ClassVar[str]

    def __post_init__(self) -> None:
        faults = list(self._faults())
        faults += self._conflicts(sound=not faults)
        if faults:
            raise RuleError(faults)

    def _faults(self) -> Iterator[Fault]:
        """Yield the problems of single arguments."""
        hints = get_type_hints(type(self), include_extras=True)
        for field in fields(self):
            value = getattr(self, field.name)
            check, *description = getattr(hints[field.name], "__metadata__", [not_json])
            if value is None and field.default is MISSING:
                yield (), f"needs {field.name}:, {description[0]}"
            elif value is not None and (message := not_json(value) or check(value)):
                yield (field.name,), message

    def _conflicts(self, *, sound: bool) -> Iterator[Fault]:  # noqa: ARG002 - for subclasses
        """Yield the problems of arguments together; `sound` means that each is valid alone."""
        yield from ()

    def to_json(self) -> dict[str, Any]:
        """Return the rule in the form of plan.json and of W&B's sweep files."""
        arguments = {
            name: value.to_json() if isinstance(value, Rule) else value
            for name, value in vars(self).items()
        }
        return {"type": self.type, **arguments}


def _number(fits: Callable[[float], bool], range_: str) -> Callable[[Any], str | None]:
    def check(value: Any) -> str | None:
        message = not_a_number(value)
        return message or (None if fits(value) else f"must be {range_}, not {value}")

    return check


def _not_a_resource(value: Any) -> str | None:
    fits = value == "auto" or not not_whole(value, 1)
    return None if fits else f"must be auto or a whole number of at least 1, not {shown(value)}"


def _not_a_rate(value: Any) -> str | None:
    # no task reports reduction_factor to the power of 60 steps
    return not_whole(value, 0) or (None if value <= 60 else f"must be at most 60, not {value}")


def _not_a_flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else f"must be true or false, not {shown(value)}"


_not_a_count = partial(not_whole, least=0)
_not_positive = partial(not_whole, least=1)
_Count = Annotated[int, _not_a_count]
_Positive = Annotated[int, _not_positive]


@dataclass(frozen=True, kw_only=True)
class Hyperband(Rule):
    """W&B's rule, by `min_iter`, or by `max_iter` and `s`, which override it.

    The defaults are those of W&B's engine; its documentation says that `strict` is false.
    """

    type: ClassVar[str] = "hyperband"
    max_iter: Annotated[int | None, _not_positive] = None
    s: Annotated[int | None, _not_positive] = None
    min_iter: Annotated[int | None, _not_positive] = None
    eta: Annotated[float, _number(lambda eta: eta > 1, "above 1")] = 3
    strict: Annotated[bool, _not_a_flag] = True

    def _conflicts(self, *, sound: bool) -> Iterator[Fault]:
        if self.max_iter is None and self.min_iter is None:
            yield (), "needs min_iter:, or max_iter: and s:"
        elif self.max_iter is not None and self.s is None:
            yield ("max_iter",), "needs s: too, the number of bands; or use min_iter: instead"
        if sound and self.max_iter is not None and self.max_iter < self.eta:
            yield (), "never stops a task: max_iter is below eta; use min_iter: 1"

    def to_json(self) -> dict[str, Any]:
        """Return the rule without arguments that are None."""
        return {name: value for name, value in super().to_json().items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Median(Rule):
    """Optuna's MedianPruner."""

    type: ClassVar[str] = "median"
    n_startup_trials: _Count = 5
    n_warmup_steps: _Count = 0
    interval_steps: _Positive = 1
    n_min_trials: _Positive = 1


@dataclass(frozen=True, kw_only=True)
class Percentile(Rule):
    """Optuna's PercentilePruner."""

    type: ClassVar[str] = "percentile"
    percentile: Annotated[
        float,
        _number(lambda share: 0 <= share <= 100, "from 0 to 100"),
        "the share of trials to keep, from 0 to 100",
    ]
    n_startup_trials: _Count = 5
    n_warmup_steps: _Count = 0
    interval_steps: _Positive = 1
    n_min_trials: _Positive = 1


@dataclass(frozen=True, kw_only=True)
class SuccessiveHalving(Rule):
    """Optuna's SuccessiveHalvingPruner."""

    type: ClassVar[str] = "successive_halving"
    min_resource: Annotated[int | Literal["auto"], _not_a_resource] = "auto"
    reduction_factor: Annotated[int, partial(not_whole, least=2)] = 4
    min_early_stopping_rate: Annotated[int, _not_a_rate] = 0
    bootstrap_count: _Count = 0

    def _conflicts(self, *, sound: bool) -> Iterator[Fault]:
        if sound and self.bootstrap_count and self.min_resource == "auto":
            yield ("bootstrap_count",), "needs a number as min_resource:, not auto"


@dataclass(frozen=True, kw_only=True)
class Patient(Rule):
    """Optuna's PatientPruner."""

    type: ClassVar[str] = "patient"
    wrapped_pruner: "Pruner | None" = None
    patience: Annotated[int, _not_a_count, "the number of reports to wait for an improvement"]
    min_delta: Annotated[float, _number(lambda delta: delta >= 0, "at least 0")] = 0.0


@dataclass(frozen=True, kw_only=True)
class Threshold(Rule):
    """Optuna's ThresholdPruner."""

    type: ClassVar[str] = "threshold"
    lower: Annotated[float | None, not_a_number] = None
    upper: Annotated[float | None, not_a_number] = None
    n_warmup_steps: _Count = 0
    interval_steps: _Positive = 1

    def _conflicts(self, *, sound: bool) -> Iterator[Fault]:
        if self.lower is None and self.upper is None:
            yield (), "needs lower: or upper:, the bounds of the values that are allowed"
        elif sound and None not in (self.lower, self.upper) and self.lower > self.upper:  # type: ignore[operator]
            yield ("lower",), f"must not be above upper:, {self.upper}"


Pruner = Median | Percentile | SuccessiveHalving | Patient | Threshold
"""A rule that is a pruner of Optuna's."""

_PRUNERS: Mapping[str, type[Rule]] = {
    rule.type: rule for rule in (Median, Percentile, SuccessiveHalving, Patient, Threshold)
}
RULES: Mapping[str, type[Rule]] = {Hyperband.type: Hyperband, **_PRUNERS}
"""The rules by their `type:`."""

_SYNONYMS = {
    "asha": "successive_halving",
    "sha": "successive_halving",
    "asynchyperband": "successive_halving",
    "bohb": "hyperband",
    "hyperband": "successive_halving",  # where W&B's rule is not allowed
    "quantile": "percentile",
    "early_stopping": "patient",
}


def from_json(content: Any, rules: Mapping[str, type[Rule]] = RULES) -> Rule:
    """Return the rule that `to_json` or a sweep file describes; unknown keys are ignored.

    Raises RuleError, with every problem, for a rule that makes no sense or is not one of `rules`.
    """
    kind = _kind(content, rules)
    values = {
        field.name: content.get(field.name)
        for field in fields(kind)
        if content.get(field.name) is not None or field.default is MISSING
    }
    faults: list[Fault] = []
    if "wrapped_pruner" in values:
        try:
            values["wrapped_pruner"] = from_json(values.pop("wrapped_pruner"), _PRUNERS)
        except RuleError as error:
            faults = [(("wrapped_pruner", *path), message) for path, message in error.faults]
    try:
        rule = kind(**values)
    except RuleError as error:
        faults += error.faults
    if faults:
        raise RuleError(faults)
    return rule


def _kind(content: Any, rules: Mapping[str, type[Rule]]) -> type[Rule]:
    words = ", ".join(rules)
    if not isinstance(content, Mapping):
        raise RuleError([((), f"must be a map, as in {{type: median}}, not {shown(content)}")])
    name = content.get("type")
    if name is None:
        raise RuleError([((), f"needs type:, one of {words}")])
    meant = None
    if isinstance(name, str):
        if name in rules:
            return rules[name]
        meant = _SYNONYMS.get(name.lower()) or nearest(name, rules)
    hint = f"; did you mean {meant}?" if meant else ""
    raise RuleError([(("type",), f"must be one of {words}, not {shown(name)}{hint}")])
