"""The language of `--where`: conditions on the values of a task, parsed and never run as code.

    lr < 0.01 and model == 'svm'
    0.001 <= lr < 0.1 or not shuffle
    dataset in ['iris', 'wine'] and error contains 'memory'

It is read as in Python, with some spellings of pandas and SQL: `and`, `or` and `not` may be `&`,
`|` and `!`, and `==` may be `=`. A name may have dots, dashes and slashes in it (`val/acc`); any
other name goes in backticks, or as in `params['val acc']`.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from operator import eq, ge, gt, le, lt, ne
from typing import Any, NamedTuple

from colabctl.errors import UserError, nearest

Values = Mapping[str, Any]

_LONGEST = 4000  # characters of an expression; Python reads no number of 4,300 digits
_DEEPEST = 50  # parentheses and `not` in one another
_SHOWN = 60  # characters of an expression in a message
_MOST_NAMES = 10  # in a message

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?![\w.])
  | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | `(?P<quoted>[^`]+)`
  | (?P<name>[^\W\d](?:[\w./]|-(?=\w))*)
  | (?P<symbol><=|>=|==|!=|<>|&&|\|\||[<>=&|!~()\[\],+-])
  )""",
    re.VERBOSE | re.DOTALL,
)
_SAME = {"=": "==", "<>": "!=", "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not",
         "~": "not", "is": "=="}  # fmt: skip
_CONSTANTS = {"true": True, "false": False, "none": None, "null": None, "nan": None,
              "inf": math.inf}  # fmt: skip
_WORDS = ("and", "or", "not", "in", "is", "contains", "startswith", "endswith")


class _Token(NamedTuple):
    kind: str  # number, text, name, symbol (which includes the words), end
    value: Any
    start: int


@dataclass(frozen=True)
class _Operand:
    """A value: `of` returns it for a task; `literal` says whether it is the same for every task."""

    of: Callable[[Values], Any]
    start: int
    literal: bool = False

    @property
    def is_none(self) -> bool:
        """Whether this is the word None (or null, or nan)."""
        return self.literal and self.of({}) is None


Condition = Callable[[Values], bool]


@dataclass(frozen=True)
class Where:
    """A condition on the values of a task.

    Attributes:
        text: the expression.
        places: the names in it, and the position at which each is first used, from 0.

    """

    text: str
    places: Mapping[str, int]
    _condition: Condition = field(repr=False, compare=False)

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
            listed = [_shown(each) for each in islice(names, _MOST_NAMES)]
            listed += ["..."] if len(names) > _MOST_NAMES else []
            hint = f"did you mean {_shown(near)}?" if near else f"the names are {', '.join(listed)}"
            if re.search(r"[=<>,\[(]\s*$", self.text[:start]):
                hint += f" (text goes in quotes: '{_shown(name)}')"
            message = f"the condition names {_shown(name)}, which no task has; {hint}"
            raise UserError(f"{message}\n{_pointer(self.text, start)}")

    def matches(self, values: Values) -> bool:
        """Whether a task with these values, by name, meets the condition.

        A value that is missing, None or NaN only meets `== None`: each other comparison with it is
        false, even `!=`. An order such as `<` is false between a number and text.
        """
        return self._condition(values)


def parse_where(text: str) -> Where:
    """Return the condition that an expression states.

    Raises UserError, with the place, if it cannot be read or is too long.
    """
    if len(text) > _LONGEST:
        raise UserError(f"the condition has more than {_LONGEST:,} characters; shorten it")
    parser = _Parser(text)
    condition = parser.whole()
    return Where(text, parser.places, condition)


class _Parser:
    """Reads an expression from left to right (recursive descent, one method per level)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.places: dict[str, int] = {}
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def whole(self) -> Condition:
        if self._tokens[0].kind == "end":
            raise UserError("the condition is empty; write one, such as lr < 0.01")
        condition = self._truth(self._either())
        if self._now.kind != "end":
            raise self._error(f"{self._shown()} is not expected here; join conditions with and, or")
        return condition

    @property
    def _now(self) -> _Token:
        return self._tokens[self._next]

    def _accept(self, *symbols: str) -> str | None:
        """Return the next token if it is one of these symbols or words, and go past it."""
        token = self._now
        if token.kind != "symbol" or token.value not in symbols:
            return None
        self._next += 1
        return str(token.value)

    def _either(self) -> _Operand | Condition:
        first = self._both()
        if self._now[:2] != ("symbol", "or"):
            return first
        conditions = [self._truth(first)]
        while self._accept("or"):
            conditions.append(self._truth(self._both()))
        return lambda values: any(each(values) for each in conditions)

    def _both(self) -> _Operand | Condition:
        first = self._negation()
        if self._now[:2] != ("symbol", "and"):
            return first
        conditions = [self._truth(first)]
        while self._accept("and"):
            conditions.append(self._truth(self._negation()))
        return lambda values: all(each(values) for each in conditions)

    def _negation(self) -> _Operand | Condition:
        if not self._accept("not"):
            return self._comparison()
        self._deeper()
        condition = self._truth(self._negation())
        self._depth -= 1
        return lambda values: not condition(values)

    def _comparison(self) -> _Operand | Condition:
        left = self._operand()
        conditions: list[Condition] = []
        while (operator := self._operator()) is not None:
            if not isinstance(left, _Operand):
                raise self._error("a condition in parentheses cannot be compared")
            right = self._listing() if operator.endswith("in") else self._operand()
            if not isinstance(right, _Operand):
                raise self._error("a condition in parentheses cannot be compared")
            conditions.append(_compared(left, operator, right))
            left = right
        if not conditions:
            return left
        if len(conditions) == 1:
            return conditions[0]
        return lambda values: all(each(values) for each in conditions)

    def _operator(self) -> str | None:
        operator = self._accept("<", "<=", ">", ">=", "==", "!=", *_WORDS[3:])
        if operator == "==" and self._accept("not"):  # is not
            return "!="
        if operator is None and self._accept("not"):
            if not self._accept("in"):
                raise self._error("expected in after not")
            return "not in"
        return operator

    def _listing(self) -> _Operand | Condition:
        """Return the right side of `in`, where parentheses hold a list, as in SQL."""
        start = self._now.start
        return self._items(")", start) if self._accept("(") else self._operand()

    def _items(self, end: str, start: int) -> _Operand:
        items: list[_Operand] = []
        self._deeper()
        while not self._accept(end):
            item = self._operand()
            if not isinstance(item, _Operand):
                raise self._error("a list holds values, not conditions")
            items.append(item)
            if not self._accept(",") and self._now[:2] != ("symbol", end):
                raise self._error(f"expected , or {end}")
        self._depth -= 1
        parts = [item.of for item in items]
        return _Operand(lambda values: [part(values) for part in parts], start, literal=True)

    def _operand(self) -> _Operand | Condition:
        kind, value, start = self._now
        if self._accept("("):
            self._deeper()
            inside = self._either()
            self._depth -= 1
            if not self._accept(")"):
                raise self._error("expected )")
            return inside
        if self._accept("["):
            return self._items("]", start)
        if sign := self._accept("-", "+"):
            kind, value, _ = self._now
            if kind == "name" and str(value).lower() == "inf":
                kind, value = "number", math.inf
            if kind != "number":
                raise self._error(f"expected a number after {sign}; there is no arithmetic")
            value = -value if sign == "-" else value
        if kind not in {"number", "text", "name", "quoted"}:
            raise self._error(f"expected a name or a value{self._instead()}")
        self._next += 1
        if kind == "name" and str(value).lower() in _CONSTANTS:
            value = _CONSTANTS[str(value).lower()]
            return _Operand(lambda _: value, start, literal=not isinstance(value, bool))
        if kind in {"number", "text"}:
            return _Operand(lambda _: value, start, literal=True)
        name = self._subscripts(str(value))
        self.places.setdefault(name, start)
        return _Operand(lambda values: _present(values.get(name)), start)

    def _subscripts(self, name: str) -> str:
        """Return a name with the texts in brackets after it: `params['val acc']`."""
        while self._now[:2] == ("symbol", "[") and self._tokens[self._next + 1].kind == "text":
            name = f"{name}.{self._tokens[self._next + 1].value}"
            self._next += 2
            if not self._accept("]"):
                raise self._error("expected ]")
        return name

    def _truth(self, part: _Operand | Condition) -> Condition:
        """Return a condition; a name alone holds if its value is true, as in Python."""
        if not isinstance(part, _Operand):
            return part
        if part.literal:
            raise _error(
                self.text,
                part.start,
                "a value alone is not a condition; compare it with a name, "
                "such as model in ['svm', 'mlp']",
            )
        return lambda values: bool(part.of(values))

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} levels of parentheses")

    def _instead(self) -> str:
        return "" if self._now.kind == "end" else f", not {self._shown()}"

    def _shown(self) -> str:
        start = self._now.start
        return self.text[start : self._tokens[self._next + 1].start].strip()[:_SHOWN]

    def _error(self, message: str) -> UserError:
        return _error(self.text, self._now.start, message)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    end = len(text.rstrip())
    place = 0
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None:
            place += len(text[place:]) - len(text[place:].lstrip())
            raise _error(text, place, _unreadable(text[place:]))
        kind = str(match.lastgroup)
        value: Any = match[kind]
        start = match.start(kind) - (kind == "quoted")
        if kind == "number":
            value = _number(value)
        elif kind == "text":
            value = re.sub(r"\\([\\'\"])", r"\1", value[1:-1])
        elif kind == "symbol" or (kind == "name" and value.lower() in _WORDS):
            kind, value = "symbol", _SAME.get(value.lower(), value.lower())
        tokens.append(_Token(kind, value, start))
        place = match.end()
    return [*tokens, _Token("end", "", end), _Token("end", "", end)]


def _unreadable(rest: str) -> str:
    if rest[0] in "'\"`":
        return f"the quote {rest[0]} is not closed"
    if rest[0].isdigit():
        return "this is not a number; a name that starts with a digit goes in backticks"
    return f"{rest[0]!a} is not expected here; there is no arithmetic, and no calls"


def _number(text: str) -> int | float:
    text = text.replace("_", "")
    return int(text) if text.isdecimal() and text.isascii() else float(text)


def _present(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _compared(left: _Operand, operator: str, right: _Operand) -> Condition:
    if operator in {"==", "!="} and (left.is_none or right.is_none):
        either = right if left.is_none else left
        wanted = operator == "=="
        return lambda values: (either.of(values) is None) is wanted
    compare = _COMPARISONS[operator]

    def holds(values: Values) -> bool:
        try:
            return bool(compare(left.of(values), right.of(values)))
        except TypeError:  # such as < between a number and text
            return False

    return holds


def _both_present(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    return lambda left, right: left is not None and right is not None and compare(left, right)


def _is_in(left: Any, right: Any) -> bool:
    if isinstance(right, str):
        return isinstance(left, str) and left in right
    return isinstance(right, list | tuple) and left in right


def _is_not_in(left: Any, right: Any) -> bool:
    return left is not None and isinstance(right, str | list | tuple) and not _is_in(left, right)


def _texts(*values: Any) -> bool:
    return all(isinstance(value, str) for value in values)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": _both_present(lt),
    "<=": _both_present(le),
    ">": _both_present(gt),
    ">=": _both_present(ge),
    "==": _both_present(eq),
    "!=": _both_present(ne),
    "in": _is_in,
    "not in": _is_not_in,
    "contains": lambda left, right: _is_in(right, left),
    "startswith": lambda left, right: _texts(left, right) and left.startswith(right),
    "endswith": lambda left, right: _texts(left, right) and left.endswith(right),
}


def _error(text: str, start: int, message: str) -> UserError:
    return UserError(f"the condition cannot be read: {message}\n{_pointer(text, start)}")


def _pointer(text: str, start: int) -> str:
    """Return two lines that point at a place in an expression; a long one is cut around it."""
    first = max(0, min(start - _SHOWN // 2, len(text) - _SHOWN))
    part = _shown(text[first:])
    before, after = "..." if first else "", "..." if len(text) > first + _SHOWN else ""
    caret = " " * (len(before) + start - first) + "^"
    return f"  {before}{part}{after}\n  {caret}"


def _shown(text: str) -> str:
    """Return the start of a text, on one line."""
    return "".join(char if char.isprintable() else " " for char in text[:_SHOWN])
