"""Words that YAML reads as something else than they look like, and what to write instead.

They are notes, not problems: the words are read as W&B reads them.
"""

import ast
import math
import operator
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from colabctl.yamlfile.problems import shown

_LONGEST = 60
"""Longer words are not examined."""

_NUMBER = r"[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_USUAL = re.compile(r"[-+]?(?:0|[1-9][0-9]*)?(?:\.[0-9]*)?|[A-HJ-MO-Za-hj-mo-z_][\w/-]*")
"""Most numbers and words, for which one look is enough; nan and inf begin with other letters."""
_SEVERAL_NUMBERS = re.compile(rf"\(?{_NUMBER}(?:(?:\s*[,;]\s+|\s+){_NUMBER})+\)?")
_THOUSANDS = re.compile(r"[-+]?[0-9]{1,3}(?:_[0-9]{3})+")
_DECIMAL_COMMA = re.compile(r"[-+]?(?:0,(?:0[0-9]+|[0-9]{2,})|[0-9]+,[0-9]+[eE][-+]?[0-9]+)")
_WITH_EXPONENT = re.compile(r"[-+]?[0-9]+[eE]\+?[0-9]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_BASE_60 = re.compile(r"[-+]?[0-9]+(?::[0-9]+)+(?:\.[0-9]*)?")
_OTHER_BASE = re.compile(r"[-+]?0[xbXB].*")
_ARITHMETIC = re.compile(r"[0-9eE.+\-*/^() ]*[0-9.)] ?(?:[*/^]| [-+] )[0-9eE.+\-*/^() ]+")
_DATE = re.compile(r"[0-9]{1,4}/[0-9]{1,2}/[0-9]{1,4}")
_PYTHON = re.compile(
    r"(?:np|numpy|math)\.\w+\(.*\)|(?:np|numpy|math)\.(?:pi|e|inf|nan)|"
    r"(?:range|list|tuple|float|int)\(.*\)"
)
_NOT_FINITE = re.compile(r"[-+]?(?:inf|infinity)|nan", re.IGNORECASE)
_CURLY_QUOTES = "“”„‟‘’‚‛«»"  # noqa: RUF001 - what editors make of " and '
_MINUS_SIGNS = dict.fromkeys(map(ord, "−–—‐‑‒"), "-")  # noqa: RUF001 - what editors make of -
_MARKS = {",": "comma", ";": "semicolon"}
_INVISIBLE = {
    "\u00a0": "a non-breaking space",
    "\u202f": "a narrow non-breaking space",
    "\u3000": "a full-width space",
    "\u200b": "a zero-width space",
    "\ufeff": "a byte order mark",
}
_PIECE = (
    "is a piece of text, since a comma in ( ) divides it; write [1, 2] for a list, or quote the "
    "whole text"
)
_HIGHEST_POWER = 400
_OPERATORS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}


def surprise(written: str, value: Any) -> str | None:
    """Return a note on a word without quotes that is read as `value`; None if that is expected."""
    if value is None:
        return _of_null(written)
    as_text = f"for the text, write {shown(written)}"
    if isinstance(value, bool):
        plain = written.lower() in ("true", "false")
        return None if plain else f"{written} is read as {str(value).lower()}; {as_text}"
    if _USUAL.fullmatch(written):
        return None
    if isinstance(value, str):
        return _of_text(written) if len(written) <= _LONGEST else None
    return _of_number(written, value, as_text)


def number_meant(text: str) -> int | float | None:
    """Return the number that a text such as "10**-3", "0o17", or "0.1," looks like."""
    if len(text) > _LONGEST:
        return None
    plain = unicodedata.normalize("NFKC", text.translate(_MINUS_SIGNS)).strip(" ,;\u200b")
    if _DECIMAL_COMMA.fullmatch(plain):
        plain = plain.replace(",", ".")
    if re.fullmatch(r"[-+]?0[oO][0-7]+", plain):
        return int(plain, 8)
    if re.fullmatch(_NUMBER, plain):
        return _finite(int(plain) if re.fullmatch(r"[-+]?[0-9]+", plain) else _float(plain))
    return _calculated(plain) if _is_arithmetic(plain) else None


def list_meant(text: str) -> str | None:
    """Return the list to write for a text such as "0.1, 0.2", "a, b" or "[1, 2]"; else None."""
    inner = text.strip()
    if inner[:1] in ("[", "(") and inner[-1:] in ("]", ")"):
        inner = inner[1:-1]
    separator = r"\s*,\s*" if "," in inner else r"\s+"
    items = [item for item in re.split(separator, inner) if item]
    numbers = all(re.fullmatch(_NUMBER, item) for item in items)
    if len(text) > _LONGEST or not items or ("," not in inner and (len(items) < 2 or not numbers)):
        return None
    return f"[{', '.join(items)}]"


def invisible(text: str) -> str | None:
    """Return the name of a character in `text` that looks like a space, or like nothing."""
    return next((name for character, name in _INVISIBLE.items() if character in text), None)


def _of_null(written: str) -> str | None:
    match written:
        case "":
            return "is empty, which is read as null; remove it, or write null if you mean that"
        case "~":
            return '~ is read as null; for the text, write "~"'
    return None


def _of_number(written: str, value: float, as_text: str) -> str | None:
    if _BASE_60.fullmatch(written):
        return f"{written} is read as {value}, a number in base 60; {as_text}"
    if _OTHER_BASE.fullmatch(written):
        return f"{written} is read as {value}; {as_text}"
    if _LEADING_ZERO.fullmatch(written):
        digits = written.replace("_", "").lstrip("+-0") or "0"
        quoted = shown(written)
        return f"{written} is read as {value} (base 8); write {digits}, or {quoted} for the text"
    if "_" in written and not _THOUSANDS.fullmatch(written):
        return f"{written} is read as {value}; {as_text}"
    if abs(value) >= 1000 and _WITH_EXPONENT.fullmatch(written):
        if abs(value) < 1e16:
            return f"{written} is read as {value}; for a whole number, write {int(value)}"
        return f"{written} is read as the number {value}; {as_text}"
    return None


def _of_text(written: str) -> str | None:
    return _of_characters(written) or _of_number_as_text(written)


def _of_characters(written: str) -> str | None:
    """Return a note on a text with characters that are probably not meant as a part of it."""
    if name := invisible(written):
        return f"{shown(written)} contains {name}; write an ordinary space, or none"
    if written[0] in _CURLY_QUOTES or written[-1] in _CURLY_QUOTES:
        plain = written.strip(_CURLY_QUOTES)
        return f"{written} is read with its curly quotes; write {shown(plain)}"
    if written.count("(") != written.count(")") and written != ":)":
        return _PIECE
    start, mark, _ = written.partition("#")
    if mark and number_meant(start) is not None:
        return f"{written} is read as text; write a space before the comment: {start} #"
    if len(written) > 1 and written[-1] in _MARKS and written[-2].isalpha():
        return f"{written} is read with its {_MARKS[written[-1]]}; write {written[:-1]}"
    return None


def _of_number_as_text(written: str) -> str | None:
    """Return a note on a text that looks like a number, like several, or like Python."""
    if _NOT_FINITE.fullmatch(written):
        return f"{written} is read as text; the program can make a number of it: float({written!r})"
    if _PYTHON.fullmatch(written):
        return f"{written} is read as text; a sweep file does not run Python, so write the value"
    number = number_meant(written)
    if number is not None:
        why = _why_text(written)
        return f"{written} is read as text{why}; for the number, write {number!r}"
    if _SEVERAL_NUMBERS.fullmatch(written):
        return f"{written} is read as one text; for a list, write {list_meant(written)}"
    return None


def _why_text(written: str) -> str:
    if _is_arithmetic(written):
        return ", since a sweep file does not calculate"
    if written[-1] in _MARKS:
        return f" because of its {_MARKS[written[-1]]}"
    if any(ord(character) in _MINUS_SIGNS for character in written):
        return " because of its dash, which is not a minus sign"
    return ""


def _is_arithmetic(text: str) -> bool:
    return bool(_ARITHMETIC.fullmatch(text)) and not _DATE.fullmatch(text)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _finite(value: Any) -> int | float | None:
    try:
        finite = not isinstance(value, complex) and math.isfinite(value)
    except (TypeError, OverflowError):
        return None
    return value if finite else None


def _calculated(text: str) -> int | float | None:
    """Return the value of arithmetic such as 2e-4 * 2; None if it has none."""
    try:
        return _finite(_value(ast.parse(text.replace("^", "**"), mode="eval").body))
    except (SyntaxError, ValueError, ArithmeticError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
            first, second = _value(left), _value(right)
            if isinstance(op, ast.Pow) and (abs(second) > _HIGHEST_POWER or abs(first) > 1e100):
                raise OverflowError
            return _OPERATORS[type(op)](first, second)
    raise ValueError(ast.dump(node))
