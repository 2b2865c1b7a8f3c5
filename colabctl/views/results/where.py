"""The conditions of `--where`, on the values of a task."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from colabctl.conditions.meaning import ABSENT, Answer, Values, answer_of
from colabctl.conditions.parser import parse
from colabctl.conditions.tokens import pointer, shown
from colabctl.conditions.tree import Name, comparisons, operands
from colabctl.errors import UserError, nearest

_MOST_NAMES = 10  # in a message


@dataclass(frozen=True)
class Where:
    """A condition on the values of a task.

    Attributes:
        text: the expression.
        places: the names in it, and the position at which each is first used, from 0.

    """

    text: str
    places: Mapping[str, int]
    _answer: Answer = field(repr=False, compare=False)

    @property
    def names(self) -> list[str]:
        """The names in the expression, each once, in order."""
        return list(self.places)

    def check(self, names: Iterable[str]) -> None:
        """Raise UserError for a name that is not one of these, with its place and the nearest."""
        names = dict.fromkeys(names)
        for name, start in self.places.items():
            if name in names:
                continue
            near = nearest(name, names)
            listed = [shown(each) for each in islice(names, _MOST_NAMES)]
            listed += ["..."] if len(names) > _MOST_NAMES else []
            hint = f"did you mean {shown(near)}?" if near else f"the names are {', '.join(listed)}"
            if re.search(r"[=<>,\[(]\s*$", self.text[:start]):
                hint += f" (text goes in quotes: '{shown(name)}')"
            message = f"the condition names {shown(name)}, which no task has; {hint}"
            raise UserError(f"{message}\n{pointer(self.text, start)}")

    def matches(self, values: Values) -> bool:
        """Whether a task with these values, by name, meets the condition.

        A value that is missing, None or NaN only meets `== None`: each other comparison with it is
        false, even `!=`. An order such as `<` is false between a number and text.
        """
        return bool(self._answer(values))


def parse_where(text: str) -> Where:
    """Return the condition that an expression states.

    Raises UserError, with the place, if it cannot be read or is too long.
    """
    condition = parse(text)
    places: dict[str, int] = {}
    for part in comparisons(condition):
        for operand in operands(part):
            if isinstance(operand, Name):
                places.setdefault(operand.name, operand.start)
    return Where(text, places, answer_of(condition, _value_of, unknown=False))


def _value_of(values: Values, name: str) -> Any:
    value = values.get(name)
    return ABSENT if value is None or (isinstance(value, float) and math.isnan(value)) else value
