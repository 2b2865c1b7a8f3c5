"""Reads and writes durations such as 90s, 10m or 11h, and writes rates."""

import re

from colabctl.errors import UserError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_RATE_UNITS = ((1, "s"), (60, "min"), (3600, "h"))
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.IGNORECASE)


def parse_duration(text: str | float, name: str = "duration") -> float:
    """Return a duration such as "90s", "10m", "1h30m" or a number of seconds, in seconds.

    Raises UserError, which starts with `name`, for any other text and for a duration that is not
    positive and finite.
    """
    error = UserError(f"{name}: {text!r} is not a duration; write 90s, 10m, 11h or 1h30m")
    if isinstance(text, bool):
        raise error
    if isinstance(text, int | float):
        seconds = float(text)
    else:
        compact = text.strip()
        if re.fullmatch(r"\d+(\.\d+)?", compact):
            seconds = float(compact)
        elif compact and not _PART.sub("", compact).strip():
            seconds = sum(float(n) * _UNITS[unit.lower()] for n, unit in _PART.findall(compact))
        else:
            raise error
    if not 0 < seconds < float("inf"):
        raise error
    return seconds


def format_duration(seconds: float) -> str:
    """Return a duration as text, such as "0.4 s", "12 s", "3 min 20 s" or "1 h 05 min"."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min {rounded % 60:02d} s"
    if rounded < 86400:
        return f"{rounded // 3600} h {rounded % 3600 // 60:02d} min"
    return f"{rounded // 86400} d {rounded % 86400 // 3600:02d} h"


def short_duration(seconds: float) -> str:
    """Return a duration in few characters, such as "12 s", "24 min", "2 h 05" or "3 d"."""
    rounded = round(seconds)
    if rounded < 60:
        return f"{rounded} s"
    if rounded < 3600:
        return f"{rounded // 60} min"
    if rounded < 86400:
        return f"{rounded // 3600} h {rounded % 3600 // 60:02d}"
    return f"{rounded // 86400:,} d"


def format_rate(rate: float, noun: str = "") -> str:
    """Return a number per second as text: "3.1/s" or "4.5/h", or with a noun "12 tasks/min"."""
    seconds, unit = next((each for each in _RATE_UNITS if rate * each[0] >= 1), _RATE_UNITS[-1])
    number = rate * seconds
    return f"{number:.2g}{noun}/{unit}" if number < 10 else f"{number:,.0f}{noun}/{unit}"
