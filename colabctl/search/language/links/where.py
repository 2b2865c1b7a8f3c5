"""The key `where` of a sweep file: conditions that the parameters of every task meet."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from colabctl.conditions.meaning import is_number
from colabctl.conditions.parser import parse
from colabctl.conditions.tokens import ConditionError, Vocabulary
from colabctl.conditions.tree import (
    Calculation,
    Comparison,
    Condition,
    Items,
    Literal,
    Name,
    Operand,
    Truth,
    comparisons,
    operands,
)
from colabctl.errors import UserError, nearest
from colabctl.search.language.fields import Fields
from colabctl.search.language.problems import listed
from colabctl.search.space.constraints import Constraint
from colabctl.search.space.discrete import Categorical, Constant, WeightedCategorical, grid_key
from colabctl.search.space.space import Choice, Leaf, Nest, Parameter, Space
from colabctl.yamlfile.problems import Path, shown

_MOST = 100
_NUMBER, _TEXT, _NULL, _MAP, _FLAG = "a number", "text", "null", "a map", "true or false"
_ZERO_OR_ONE = {grid_key(0), grid_key(1)}
_ORDERS = ("<", "<=", ">", ">=")


def read_where(top: Fields, space: Space, *, of_objective: bool) -> Space:
    """Return the space with its constraints; record the problems of their texts.

    `of_objective` says that an Optuna objective suggests all parameters but those of foreach.
    """
    texts = top.texts("where", "a condition, such as lr < 0.1") or ()
    if len(texts) > _MOST:
        top.problem("where", f"lists {len(texts)} conditions; {_MOST} is the limit")
        return space
    names = Names.of(space)
    raw = top.content.get("where")
    constraints = []
    for i, text in enumerate(raw if isinstance(raw, list) else texts):
        if not isinstance(text, str) or not text:
            continue
        path: Path = ("where", i) if isinstance(raw, list) else ("where",)
        fault, condition = None, None
        try:
            condition = parse(text, names.words)
            fault = names.fault(condition, of_objective=of_objective)
        except ConditionError as error:
            fault = f"cannot be read: {error.reason} (character {error.start + 1})"
        except UserError as error:
            fault = str(error)
        if fault or condition is None:
            top.problems.add(path, f"{shown(text)}: {fault}")
            continue
        paths = {
            operand.name: names.paths(operand.name)
            for part in comparisons(condition)
            for operand in operands(part)
            if isinstance(operand, Name)
        }
        place = top.problems.document.where(path)
        constraints.append(Constraint(" ".join(text.split()), place, paths, condition))
    return replace(space, constraints=tuple(constraints))


@dataclass(frozen=True)
class Names:
    """The parameters of a space by their names, in which dots join those of nested maps."""

    parameters: Mapping[str, list[tuple[tuple[str, ...], Parameter]]]

    @classmethod
    def of(cls, space: Space) -> "Names":
        """Return the parameters of a space."""
        by_name: dict[str, list[tuple[tuple[str, ...], Parameter]]] = {}
        for path, parameter in space.walk():
            by_name.setdefault(".".join(path), []).append((path, parameter))
        return cls(by_name)

    @cached_property
    def words(self) -> Vocabulary:
        """What words stand for in a condition."""
        values = (each for _, value in self._all_values() for each in value)
        texts = {value for value in values if isinstance(value, str)}
        return Vocabulary(self.parameters.keys(), texts)

    def _all_values(self) -> Iterator[tuple[str, Collection[Any]]]:
        for name in self.parameters:
            yield name, self.values(name) or ()

    def paths(self, name: str) -> list[tuple[str, ...]]:
        """Return the paths at which a parameter can be, each once."""
        return list(dict.fromkeys(path for path, _ in self.parameters[name]))

    def values(self, name: str) -> list[Any] | None:
        """Return the values that are listed for a parameter; None if any is drawn from a range."""
        values: list[Any] = []
        for _, parameter in self.parameters[name]:
            match parameter:
                case Leaf(_, Constant(value)):
                    values.append(value)
                case Leaf(_, Categorical(several) | WeightedCategorical(several)):
                    values.extend(several)
                case Choice(_, branches):
                    values.extend(branches)
                case _:
                    return None
        return values

    def fault(self, condition: Condition, *, of_objective: bool) -> str | None:
        """Return what is wrong with a condition, on one line."""
        parts = list(comparisons(condition))
        values = [operand for part in parts for operand in operands(part)]
        names = [operand.name for operand in values if isinstance(operand, Name)]
        if not names:
            return "names no parameter, so it holds for all tasks or for none"
        for name in names:
            if name not in self.parameters:
                return self._unknown(name, of_objective=of_objective)
        faults = (
            *(self._calculation_fault(each) for each in values if isinstance(each, Calculation)),
            *(self._part_fault(part) for part in parts),
        )
        return next((fault for fault in faults if fault), None)

    def _unknown(self, name: str, *, of_objective: bool) -> str:
        if of_objective:
            return (
                f"{name} is not a parameter of foreach; an objective suggests the others, so check "
                "them there, and raise optuna.TrialPruned()"
            )
        near = nearest(name, [*self.parameters, *sorted(self.words.texts)])
        hint = f"did you mean {near}?" if near else f"the parameters are {listed(self.parameters)}"
        return f"{name} is neither a parameter nor a value of one; {hint}"

    def _calculation_fault(self, calculation: Calculation) -> str | None:
        for each in (calculation.left, calculation.right):
            kinds = self._kinds(each)
            if _NUMBER not in kinds:
                operator = calculation.operator
                return f"{_word(each)} is {_either(kinds)}, and {operator} needs numbers"
        return None

    def _part_fault(self, part: Comparison | Truth) -> str | None:
        if isinstance(part, Comparison):
            return self._comparison_fault(part)
        kinds = self._kinds(part.operand)
        if _MAP in kinds:
            return "a map is neither true nor false; name a parameter in it"
        if _FLAG in kinds or self._is_zero_or_one(part.operand):
            return None
        word = _word(part.operand)
        return (
            f"{word} is {_either(kinds)}, so it is not a condition; {self._compared(part.operand)}"
        )

    def _is_zero_or_one(self, operand: Operand) -> bool:
        values = self.values(operand.name) if isinstance(operand, Name) else None
        return values is not None and {grid_key(each) for each in values} <= _ZERO_OR_ONE

    def _compared(self, operand: Operand) -> str:
        """Return how to make a condition of a value that is none."""
        kinds, word = self._kinds(operand), _word(operand)
        values = self.values(operand.name) if isinstance(operand, Name) else None
        if _NULL in kinds:
            return f"write {word} != null, or compare it with a value"
        if _NUMBER in kinds:
            return f"compare it, as in {word} > 0"
        text = next((each for each in values or () if isinstance(each, str)), None)
        return "compare it" + (f", as in {word} == {shown(text)}" if text is not None else "")

    def _kinds(self, operand: Operand) -> set[str]:
        match operand:
            case Literal(value):
                return {_kind(value)}
            case Items():
                return {_kind([])}
            case Calculation():
                return {_NUMBER}
            case Name(name):
                kinds = set[str]()
                for _, parameter in self.parameters[name]:
                    match parameter:
                        case Leaf(_, Constant(value)):
                            kinds.add(_kind(value))
                        case Leaf(_, Categorical(values) | WeightedCategorical(values)):
                            kinds.update(map(_kind, values))
                        case Leaf():
                            kinds.add(_NUMBER)
                        case Choice():
                            kinds.add(_TEXT)
                        case Nest():
                            kinds.add(_MAP)
                return kinds

    def _comparison_fault(self, comparison: Comparison) -> str | None:
        left, operator, right = comparison.left, comparison.operator, comparison.right
        if operator in _ORDERS:
            common = self._kinds(left) & self._kinds(right)
            if not common & {_NUMBER, _TEXT}:
                return self._unlike(left, right)
        elif operator in ("==", "!="):
            for name, value in ((left, right), (right, left)):
                if isinstance(name, Name) and isinstance(value, Literal):
                    return self._value_fault(name, value)
            if not self._kinds(left) & self._kinds(right):
                return self._unlike(left, right)
        elif operator in ("in", "not in"):
            if not self._kinds(right) & {_TEXT, _kind([])}:
                return f"{operator} needs a list, as in [16, 32], not {_word(right)}"
            if isinstance(left, Name) and isinstance(right, Items):
                faults = (
                    self._value_fault(left, item)
                    for item in right.items
                    if isinstance(item, Literal)
                )
                return next((fault for fault in faults if fault), None)
        return None

    def _value_fault(self, name: Name, literal: Literal) -> str | None:
        """Return what is wrong with a value that a parameter is compared with."""
        value = literal.value
        if value is None:
            return None
        values = self.values(name.name)
        if values is None:
            return None if _kind(value) in self._kinds(name) else self._unlike(name, literal)
        if grid_key(value) in map(grid_key, values):
            return None
        words = [each if isinstance(each, str) else shown(each) for each in values]
        near = nearest(str(value), words)
        hint = f"did you mean {near}?" if near else f"its values are {listed(words)}"
        return f"{name.name} is never {shown(value)}; {hint}"

    def _unlike(self, left: Operand, right: Operand) -> str:
        kinds = (f"{_word(each)} is {_either(self._kinds(each))}" for each in (left, right))
        return f"{' and '.join(kinds)}, so they cannot be compared"


def _kind(value: Any) -> str:
    if is_number(value):
        return _NUMBER
    match value:
        case None:
            return _NULL
        case bool():
            return _FLAG
        case str():
            return _TEXT
        case list():
            return "a list"
    return _MAP


def _either(kinds: Collection[str]) -> str:
    return " or ".join(sorted(kinds))


def _word(operand: Operand) -> str:
    match operand:
        case Name(name):
            return name
        case Literal(value):
            return shown(value)
    return "the list" if isinstance(operand, Items) else "the result"
