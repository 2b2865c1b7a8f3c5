"""Reads a condition, from left to right (recursive descent, one method per level).

    lr < 0.01 and model == 'svm'
    0.001 <= lr < 0.1 or not shuffle
    dataset in ['iris', 'wine'] and error contains 'memory'

It is read as in Python, with some spellings of pandas and SQL: `and`, `or` and `not` may be `&`,
`|` and `!`, and `==` may be `=`. A name may have dots, dashes and slashes in it (`val/acc`); any
other name goes in backticks, or as in `params['val acc']`.
"""

import math
from collections.abc import Callable

from colabctl.conditions.tokens import (
    CONSTANTS,
    WORDS,
    ConditionError,
    Token,
    Vocabulary,
    shown,
    tokens,
)
from colabctl.conditions.tree import (
    Calculation,
    Comparison,
    Condition,
    Either,
    Every,
    Items,
    Literal,
    Name,
    Negation,
    Operand,
    Truth,
)
from colabctl.errors import UserError

_LONGEST = 4000  # characters of an expression; Python reads no number of 4,300 digits
_DEEPEST = 50  # parentheses and `not` in one another
_SUMS, _PRODUCTS = ("+", "-"), ("*", "/", "//", "%")


def parse(text: str, words: Vocabulary | None = None) -> Condition:
    """Return what a condition says.

    If its words are known, there is arithmetic. Raises UserError for one that is
    empty or too long, ConditionError for one that cannot be read.
    """
    if len(text) > _LONGEST:
        raise UserError(f"the condition has more than {_LONGEST:,} characters; shorten it")
    return _Parser(text, words).whole()


class _Parser:
    def __init__(self, text: str, words: Vocabulary | None) -> None:
        self.text = text
        self._calculates = words is not None
        self._tokens = tokens(text, words)
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
    def _now(self) -> Token:
        return self._tokens[self._next]

    def _accept(self, *symbols: str) -> str | None:
        """Return the next token if it is one of these symbols or words, and go past it."""
        token = self._now
        if token.kind != "symbol" or token.value not in symbols:
            return None
        self._next += 1
        return str(token.value)

    def _either(self) -> Operand | Condition:
        first = self._both()
        if self._now[:2] != ("symbol", "or"):
            return first
        conditions = [self._truth(first)]
        while self._accept("or"):
            conditions.append(self._truth(self._both()))
        return Either(tuple(conditions))

    def _both(self) -> Operand | Condition:
        first = self._negation()
        if self._now[:2] != ("symbol", "and"):
            return first
        conditions = [self._truth(first)]
        while self._accept("and"):
            conditions.append(self._truth(self._negation()))
        return Every(tuple(conditions))

    def _negation(self) -> Operand | Condition:
        if not self._accept("not"):
            return self._comparison()
        self._deeper()
        condition = self._truth(self._negation())
        self._depth -= 1
        return Negation(condition)

    def _comparison(self) -> Operand | Condition:
        left = self._sum()
        chain: list[Comparison] = []
        while (operator := self._operator()) is not None:
            if not isinstance(left, Operand):
                raise self._error("a condition in parentheses cannot be compared")
            right = self._listing() if operator.endswith("in") else self._sum()
            if not isinstance(right, Operand):
                raise self._error("a condition in parentheses cannot be compared")
            chain.append(Comparison(left, operator, right))
            left = right
        if not chain:
            return left
        return chain[0] if len(chain) == 1 else Every(tuple(chain))

    def _operator(self) -> str | None:
        operator = self._accept("<", "<=", ">", ">=", "==", "!=", *WORDS[3:])
        if operator == "==" and self._accept("not"):  # is not
            return "!="
        if operator is None and self._accept("not"):
            if not self._accept("in"):
                raise self._error("expected in after not")
            return "not in"
        return operator

    def _sum(self) -> Operand | Condition:
        return self._calculated(_SUMS, lambda: self._calculated(_PRODUCTS, self._power))

    def _calculated(
        self, operators: tuple[str, ...], part: Callable[[], Operand | Condition]
    ) -> Operand | Condition:
        left = part()
        while self._calculates and self._now.value in operators and self._now.kind == "symbol":
            start = self._now.start
            left = self._calculation(left, str(self._accept(*operators)), part, start)
        return left

    def _power(self) -> Operand | Condition:
        start = self._now.start
        if self._calculates and self._now[:2] == ("symbol", "-"):
            number, after = self._tokens[self._next + 1 : self._next + 3]
            is_literal = number.kind == "number" or str(number.value).lower() == "inf"
            if not is_literal or after[:2] == ("symbol", "**"):
                self._next += 1
                self._deeper()
                negated = self._calculation(Literal(0, start), "-", self._power, start)
                self._depth -= 1
                return negated
        base = self._operand()
        start = self._now.start
        if not self._accept("**"):
            return base
        self._deeper()
        power = self._calculation(base, "**", self._power, start)
        self._depth -= 1
        return power

    def _calculation(
        self,
        left: Operand | Condition,
        operator: str,
        part: Callable[[], Operand | Condition],
        start: int,
    ) -> Calculation:
        right = part()
        if not isinstance(left, Operand) or not isinstance(right, Operand):
            message = f"a condition is not a number, so {operator} has no meaning"
            raise ConditionError(self.text, start, message)
        return Calculation(left, operator, right, start)

    def _listing(self) -> Operand | Condition:
        """Return the right side of `in`, where parentheses hold a list, as in SQL."""
        start = self._now.start
        return self._items(")", start) if self._accept("(") else self._sum()

    def _items(self, end: str, start: int) -> Items:
        items: list[Operand] = []
        self._deeper()
        while not self._accept(end):
            item = self._sum()
            if not isinstance(item, Operand):
                raise self._error("a list holds values, not conditions")
            items.append(item)
            if not self._accept(",") and self._now[:2] != ("symbol", end):
                raise self._error(f"expected , or {end}")
        self._depth -= 1
        return Items(tuple(items), start)

    def _operand(self) -> Operand | Condition:
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
                more = "" if self._calculates else "; there is no arithmetic"
                raise self._error(f"expected a number after {sign}{more}")
            value = -value if sign == "-" else value
        if kind not in {"number", "text", "name", "quoted"}:
            raise self._error(f"expected a name or a value{self._instead()}")
        self._next += 1
        if kind == "name" and str(value).lower() in CONSTANTS:
            return Literal(CONSTANTS[str(value).lower()], start)
        if kind in {"number", "text"}:
            return Literal(value, start)
        return Name(self._subscripts(str(value)), start)

    def _subscripts(self, name: str) -> str:
        """Return a name with the texts in brackets after it: `params['val acc']`."""
        while self._now[:2] == ("symbol", "[") and self._tokens[self._next + 1].kind == "text":
            name = f"{name}.{self._tokens[self._next + 1].value}"
            self._next += 2
            if not self._accept("]"):
                raise self._error("expected ]")
        return name

    def _truth(self, part: Operand | Condition) -> Condition:
        """Return a condition; a name alone holds if its value is true, as in Python."""
        if isinstance(part, Condition):
            return part
        value = part.value if isinstance(part, Literal) else None
        if not isinstance(part, Name) and not isinstance(value, bool):
            message = (
                "a value alone is not a condition; compare it with a name, "
                "such as model in ['svm', 'mlp']"
            )
            raise ConditionError(self.text, part.start, message)
        return Truth(part)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error(f"more than {_DEEPEST} levels of parentheses")

    def _instead(self) -> str:
        return "" if self._now.kind == "end" else f", not {self._shown()}"

    def _shown(self) -> str:
        start = self._now.start
        return shown(self.text[start : self._tokens[self._next + 1].start].strip())

    def _error(self, message: str) -> ConditionError:
        return ConditionError(self.text, self._now.start, message)
