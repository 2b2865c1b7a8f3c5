"""Columns of the page: the values of one name in all its rows, as small JSON."""

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from colabctl.views.columns import spelled_out

Scale = Literal["linear", "log"]

_DIGITS = 9  # of a number; a plot needs 4, and a reader of the table may want more
_SAFE = 2**53  # larger whole numbers are no numbers in a browser
_LONGEST = 300  # characters of a text
MISSING = object()
"""Stands for a value that a row does not have; None is a value."""


def column(values: Sequence[Any], scale: Scale = "linear") -> dict[str, Any]:
    """Return a column of numbers, or of categories if not all of its values are numbers.

    Numbers are {"numbers": [...], "log": bool, "odd": {row: text}}: null where the row has none;
    what JSON has no number for, such as NaN, is in `odd`. Categories are {"names": [...],
    "codes": [...], "typed": {code: value}}: the position of each row's name, -1 where it has none,
    and the values that are no text.
    """
    present = [value for value in values if value is not MISSING]
    if present and not all(map(_is_number, present)):
        texts = [MISSING if value is MISSING else as_text(value) for value in values]
        column_of_names = categories(texts, _order(present))
        plain = {as_text(value): value for value in present if _is_plain(value)}
        order = dict.fromkeys(_order(present)) | dict.fromkeys(map(as_text, present))
        typed = {code: plain[text] for code, text in enumerate(order) if text in plain}
        return column_of_names | {"typed": typed}
    odd = {
        str(row): as_text(value)
        for row, value in enumerate(values)
        if value is not MISSING and not _is_safe(value)
    }
    numbers = [
        short(value) if value is not MISSING and _is_safe(value) else None for value in values
    ]
    positive = all(number > 0 for number in numbers if number is not None)
    return {"numbers": numbers, "log": scale == "log" and positive, "odd": odd}


def categories(values: Sequence[Any], order: Iterable[str] = ()) -> dict[str, Any]:
    """Return a column of texts, whose names are in `order`, then as they appear."""
    present = {value: None for value in values if value is not MISSING}
    names = [name for name in dict.fromkeys(order) if name in present]
    names += [name for name in present if name not in set(names)]
    codes = {name: code for code, name in enumerate(names)}
    return {
        "names": list(map(readable, names)),
        "codes": [-1 if value is MISSING else codes[value] for value in values],
    }


def short(value: float) -> float:
    """Return a number with the digits that a page needs."""
    return value if isinstance(value, int) else float(f"{value:.{_DIGITS}g}")


def as_text(value: Any) -> str:
    """Return a value as text: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def readable(text: str) -> str:
    """Return text as the page shows it: cut, and with a code for what a screen cannot show.

    Such characters are, for example, the escapes that colour a terminal.
    """
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return "".join(
        char if char.isprintable() or char in "\n\t" else f"<U+{ord(char):04X}>"
        for char in str(spelled_out(cut))
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool) or (_is_number(value) and _is_safe(value))


def _is_safe(value: float) -> bool:
    return abs(value) <= _SAFE if isinstance(value, int) else math.isfinite(value)


def _order(values: Iterable[Any]) -> list[str]:
    """Return the texts of values in order: numbers by size, then the others as they appear."""
    distinct = {as_text(value): value for value in values}
    numbers = [
        text for text, value in distinct.items() if _is_number(value) and not math.isnan(value)
    ]
    return sorted(numbers, key=lambda text: float(distinct[text]))
