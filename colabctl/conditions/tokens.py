"""The words and symbols of a condition, and the error for one that cannot be read."""

import math
import re
from collections.abc import Collection
from typing import Any, NamedTuple

from colabctl.errors import UserError

_SHOWN = 60  # characters of an expression in a message

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)(?![\w.])
  | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
  | `(?P<quoted>[^`]+)`
  | (?P<name>[^\W\d](?:[\w./]|-(?=\w))*)
  | (?P<symbol><=|>=|==|!=|<>|&&|\|\||[<>=&|!~()\[\],+-])
  | (?P<arithmetic>\*\*|//|[*/%])
  )""",
    re.VERBOSE | re.DOTALL,
)
_SAME = {"=": "==", "<>": "!=", "&": "and", "&&": "and", "|": "or", "||": "or", "!": "not",
         "~": "not", "is": "=="}  # fmt: skip
WORDS = ("and", "or", "not", "in", "is", "contains", "startswith", "endswith")
CONSTANTS = {"true": True, "false": False, "none": None, "null": None, "nan": None,
             "inf": math.inf}  # fmt: skip


class Token(NamedTuple):
    """A word, a value or a symbol, and its position in the text, from 0."""

    kind: str  # number, text, name, quoted, symbol (which includes the words), end
    value: Any
    start: int


class Vocabulary(NamedTuple):
    """What words stand for: the names of values, and texts that need no quotes."""

    names: Collection[str]
    texts: Collection[str] = ()


class ConditionError(UserError):
    """A condition that cannot be read: what is wrong, and at which position of the text."""

    def __init__(self, text: str, start: int, reason: str) -> None:
        self.text, self.start, self.reason = text, start, reason
        super().__init__(f"the condition cannot be read: {reason}\n{pointer(text, start)}")


def tokens(text: str, words: Vocabulary | None = None) -> list[Token]:
    """Return the tokens of a condition, and some that mark its end.

    If its words are known, there is arithmetic: `width/2` is a division unless that is a word.
    Raises ConditionError for what cannot be read.
    """
    result: list[Token] = []
    end = len(text.rstrip())
    place = 0
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or (match.lastgroup == "arithmetic" and words is None):
            place += len(text[place:]) - len(text[place:].lstrip())
            raise ConditionError(
                text, place, _unreadable(text[place:], calculates=words is not None)
            )
        kind = str(match.lastgroup)
        value: Any = match[kind]
        start = match.start(kind) - (kind == "quoted")
        place = match.end()
        if kind == "name" and words is not None and value not in words.names:
            first = re.split("[/-]", value, maxsplit=1)[0]
            if value in words.texts:
                kind = "bare"
            elif first in words.names:
                value, place = first, start + len(first)
        if kind == "bare":
            kind = "text"
        elif kind == "number":
            value = _number(value)
        elif kind == "text":
            value = re.sub(r"\\([\\'\"])", r"\1", value[1:-1])
        elif kind == "arithmetic":
            kind = "symbol"
        elif kind == "symbol" or (kind == "name" and value.lower() in WORDS):
            kind, value = "symbol", _SAME.get(value.lower(), value.lower())
        result.append(Token(kind, value, start))
    return [*result, *3 * [Token("end", "", end)]]


def _unreadable(rest: str, *, calculates: bool) -> str:
    if rest[0] in "'\"`":
        return f"the quote {rest[0]} is not closed"
    if rest[0].isdigit():
        return "this is not a number; a name that starts with a digit goes in backticks"
    if calculates:
        return f"{rest[0]!a} is not expected here; there are + - * / // % ** and comparisons"
    return f"{rest[0]!a} is not expected here; there is no arithmetic, and no calls"


def _number(text: str) -> int | float:
    text = text.replace("_", "")
    return int(text) if text.isdecimal() and text.isascii() else float(text)


def pointer(text: str, start: int) -> str:
    """Return two lines that point at a place in an expression; a long one is cut around it."""
    first = max(0, min(start - _SHOWN // 2, len(text) - _SHOWN))
    part = shown(text[first:])
    before, after = "..." if first else "", "..." if len(text) > first + _SHOWN else ""
    caret = " " * (len(before) + start - first) + "^"
    return f"  {before}{part}{after}\n  {caret}"


def shown(text: str) -> str:
    """Return the start of a text, on one line."""
    return "".join(char if char.isprintable() else " " for char in text[:_SHOWN])
