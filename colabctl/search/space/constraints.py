"""Constraints on the parameters of a task, as `where:` in a sweep file states them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from colabctl.conditions.meaning import ABSENT, Answer, answer_of
from colabctl.conditions.tree import Condition
from colabctl.errors import UserError
from colabctl.search.space.uniforms import Path

_MOST_SHOWN = 3  # constraints in a message


class NothingLeftError(UserError):
    """Constraints that leave no points, or almost none."""


@dataclass(frozen=True)
class Constraint:
    """One condition that the parameters of every task meet.

    A comparison with a parameter that a task does not have neither holds nor fails. So a constraint
    excludes a task only if it is false for the parameters that the task has, as a CHECK in SQL.

    Attributes:
        text: the condition as the file has it.
        place: where it is in the file, for messages.
        paths: the paths of the parameters that it names, by the name.
    """

    text: str
    place: str
    paths: Mapping[str, Sequence[Path]]
    condition: Condition = field(repr=False)

    @cached_property
    def heads(self) -> frozenset[str]:
        """The parameters of the top level that it names, or maps that hold those that it names."""
        return frozenset(path[0] for paths in self.paths.values() for path in paths)

    def allows(self, values: Mapping[str, Any]) -> bool:
        """Whether a task may have these parameters."""
        return self._answer(values) is not False

    @cached_property
    def _answer(self) -> Answer:
        flat = all(list(paths) == [(name,)] for name, paths in self.paths.items())
        value_of = _flat_value if flat else self._value_of
        return answer_of(self.condition, value_of, unknown=None)

    def _value_of(self, values: Mapping[str, Any], name: str) -> Any:
        for path in self.paths[name]:
            value: Any = values
            for step in path:
                value = value.get(step, ABSENT) if isinstance(value, Mapping) else ABSENT
            if value is not ABSENT:
                return value
        return ABSENT


def _flat_value(values: Mapping[str, Any], name: str) -> Any:
    return values.get(name, ABSENT)


def nothing_left(constraints: Sequence[Constraint], what: str) -> NothingLeftError:
    """Return the error for constraints that leave nothing; `what` says of what, and the fix."""
    first = constraints[0]
    texts = [each.text for each in constraints[:_MOST_SHOWN]]
    texts += ["..."] if len(constraints) > _MOST_SHOWN else []
    verb = "leaves" if len(constraints) == 1 else "together leave"
    return NothingLeftError(f"{first.place}: {' and '.join(texts)} {verb} {what}")


def linked(
    names: Iterable[frozenset[str]], constraints: Iterable[Constraint]
) -> list[tuple[frozenset[str], list[Constraint]]]:
    """Return the groups of parameters that constraints link, directly or not, each with those.

    `names` are the sets of names that belong together anyway, such as a choice and its branches.
    Groups without constraints are left out.
    """
    groups: list[tuple[frozenset[str], list[Constraint]]] = [(each, []) for each in names]
    for constraint in constraints:
        together = [group for group in groups if group[0] & constraint.heads]
        groups = [group for group in groups if not group[0] & constraint.heads]
        merged = frozenset().union(*(names for names, _ in together))
        groups.append((merged, [*(each for _, own in together for each in own), constraint]))
    return [group for group in groups if group[1]]
