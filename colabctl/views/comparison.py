"""Compares two sweeps: what they declare, their code, and how their cells did."""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from math import isnan
from typing import Any, Literal

from colabctl.ledger import Plan, SweepState, TaskFiles, params_of, task_name
from colabctl.views.best import best, best_configuration
from colabctl.views.cells import Division, Members, divide
from colabctl.views.columns import flat
from colabctl.views.repeats import configurations, in_words
from colabctl.views.spread import deviation, mean

_LARGEST_TEXT = 1 << 20  # bytes of a file whose lines are compared
_SKIPPED = ("name", "description", "parameters")


@dataclass(frozen=True)
class Side:
    """What is compared of one sweep.

    Attributes:
        content: its declaration as plain values.
        code: its frozen files, by name.

    """

    plan: Plan
    state: SweepState
    tasks: TaskFiles
    content: Mapping[str, Any]
    code: Mapping[str, bytes]


@dataclass(frozen=True)
class Change:
    """A parameter, or another key of the declaration, with its value in both; None is missing."""

    name: str
    first: Any
    second: Any


@dataclass(frozen=True)
class FileChange:
    """A file of the code that differs.

    `diff` has the lines of a unified diff, without its head; none for a binary or large file.
    """

    file: str
    change: Literal["added", "removed", "changed"]
    diff: list[str]


@dataclass(frozen=True)
class Score:
    """The done tasks of a cell: how many have a metric, the best value, mean and deviation.

    With repeats, these are its configurations.
    """

    count: int
    best: float | None = None
    mean: float | None = None
    sd: float | None = None


@dataclass(frozen=True)
class CellPair:
    """A cell that at least one of the sweeps has, by the values of its parameters."""

    values: dict[str, Any]
    first: Score | None
    second: Score | None


@dataclass(frozen=True)
class Best:
    """The best done task of a sweep; of a configuration, `repeats` is " ± 0.01 (mean of 5)"."""

    task: str
    value: float
    params: Mapping[str, Any]
    repeats: str = ""


@dataclass(frozen=True)
class Comparison:
    """Two sweeps side by side.

    Attributes:
        metrics: the metric of each, and its goal; where they differ, values do not compare.
        parameters: those whose values or distributions differ, nested names with dots.
        declaration: other keys of the declarations that differ.

    """

    sweeps: tuple[str, str]
    metrics: tuple[str | None, str | None]
    goals: tuple[str, str]
    totals: tuple[int, int]
    done: tuple[int, int]
    best: tuple[Best | None, Best | None]
    parameters: list[Change]
    declaration: list[Change]
    code: list[FileChange]
    cells: list[CellPair]


def compare(first: Side, second: Side) -> Comparison:
    """Return how two sweeps differ, and how the cells of both did so far."""
    sides = (first, second)
    return Comparison(
        sweeps=(first.plan.sweep, second.plan.sweep),
        metrics=(first.plan.metric, second.plan.metric),
        goals=(first.plan.goal, second.plan.goal),
        totals=(first.plan.total, second.plan.total),
        done=(first.state.counts["done"], second.state.counts["done"]),
        best=(_best(first), _best(second)),
        parameters=_changes(*(_parameters(side.content) for side in sides)),
        declaration=_changes(*(_other_keys(side.content) for side in sides)),
        code=list(_files(first.code, second.code)),
        cells=_cells(first, second),
    )


def _best(side: Side) -> Best | None:
    first = best(side.plan, side.state)
    if first is None:
        return None
    index, value = first
    repeat, own = side.plan.repeats, best_configuration(side.plan, side.state)
    params = repeat.configuration(params_of(side.state, side.tasks, index))
    repeats = in_words(repeat.aggregate, own.sd, len(own.tasks)) if own else ""
    return Best(task_name(index), value, flat(params), repeats)


def _parameters(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Return each parameter's own keys; those of nested parameters are joined by dots."""
    parameters = content.get("parameters")
    named: dict[str, Any] = {}
    for name, keys in parameters.items() if isinstance(parameters, dict) else ():
        inner = isinstance(keys, dict) and isinstance(keys.get("parameters"), dict)
        if inner:
            named |= _parameters(keys, f"{above}{name}.")
        else:
            named[f"{above}{name}"] = keys
    return named


def _other_keys(content: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in _SKIPPED}


def _changes(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Change]:
    return [
        Change(name, first.get(name), second.get(name))
        for name in dict.fromkeys(chain(first, second))
        if (name in first) != (name in second) or _text(first[name]) != _text(second[name])
    ]


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _files(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> Iterator[FileChange]:
    for name in sorted({*first, *second}):
        before, after = first.get(name), second.get(name)
        if before is None:
            yield FileChange(name, "added", _diff(b"", after or b""))
        elif after is None:
            yield FileChange(name, "removed", _diff(before, b""))
        elif before != after:
            yield FileChange(name, "changed", _diff(before, after))


def _diff(before: bytes, after: bytes) -> list[str]:
    if max(len(before), len(after)) > _LARGEST_TEXT or b"\0" in before + after:
        return []
    old, new = (data.decode(errors="backslashreplace").splitlines() for data in (before, after))
    lines = difflib.unified_diff(old, new, lineterm="")
    return list(lines)[2:]


def _cells(first: Side, second: Side) -> list[CellPair]:
    """Pair the cells with the same values, in the order of the first sweep."""
    sides = [(side, divide(side.plan, side.tasks)) for side in (first, second)]
    scores = [_scores(side, division) for side, division in sides]
    values = {key: cell for _, division in sides for key, cell in _keys(division)}
    return [CellPair(cell, scores[0].get(key), scores[1].get(key)) for key, cell in values.items()]


def _keys(division: Division) -> Iterator[tuple[str, dict[str, Any]]]:
    for values in division.values:
        cell = {name: values[name] for name in division.names if name in values}
        yield _text(cell), cell


def _scores(side: Side, division: Division) -> dict[str, Score]:
    return {
        key: _score(_values(side, members), _first_of(side.plan))
        for (key, _), members in zip(_keys(division), division.members, strict=True)
    }


def _values(side: Side, members: Members) -> list[float]:
    """Return the values of a cell's tasks, or of its configurations if they have repeats."""
    if side.plan.repeats.count > 1:
        return [each.value for each in configurations(side.plan, side.state, members)]
    column = side.state.columns.values
    return [column[index] for index in members]


def _first_of(plan: Plan) -> Callable[[Sequence[float]], float]:
    return min if plan.goal == "minimize" else max


def _score(values: Sequence[float], first_of: Callable[[Sequence[float]], float]) -> Score:
    numbers = [value for value in values if not isnan(value)]
    if not numbers:
        return Score(0)
    return Score(len(numbers), first_of(numbers), mean(numbers), deviation(numbers))
